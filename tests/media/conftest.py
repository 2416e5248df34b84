"""Clips that say which frame and which second they show, made once a session."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from reel_common.testing.clips import make_clip, make_sound

NTSC = Fraction(30_000, 1001)
RATES = {"25": Fraction(25), "30": Fraction(30), "60": Fraction(60), "29.97": NTSC}

STILLS = [0, 0.1, 0.15, 0.3, 0.5, 0.9, 1, 1.02, 1.04, 2, 2.5, 3, 3.1, 4.2, 4.4, 4.8, 5, 5.5, 6, 6.5]
"""When the frames of a screen recording begin: some shown for a second, some for a fiftieth."""

SHAKY = [n / 30 + (0.004 if n % 3 == 1 else -0.003 if n % 3 == 2 else 0) for n in range(150)]
"""When the frames of a telephone's video begin: about 30 a second."""

MAKERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    **{name: (".mp4", partial(make_clip, seconds=9, fps=rate)) for name, rate in RATES.items()},
    "stills": (".mp4", partial(make_clip, times=STILLS)),
    "shaky": (".mp4", partial(make_clip, times=SHAKY)),
    "upright": (".mp4", partial(make_clip, seconds=4, size=(108, 192), rotation=90)),
    "upside down": (".mp4", partial(make_clip, seconds=4, rotation=180)),
    "odd": (".mkv", partial(make_clip, seconds=4, size=(193, 109), pixel_format="yuv444p")),
    "ten bits": (".mp4", partial(make_clip, seconds=4, pixel_format="yuv420p10le")),
    "full range": (".mkv", partial(make_clip, seconds=4, video_codec="mjpeg", pixel_format="yuvj420p")),
    "silent": (".mp4", partial(make_clip, seconds=4, audio=False)),
    "two tracks": (".mp4", partial(make_clip, seconds=4, audio=2)),
    "44.1 kHz": (".mkv", partial(make_clip, seconds=4, sample_rate=44_100)),
    "avi": (".avi", partial(make_clip, seconds=4, video_codec="mjpeg", pixel_format="yuvj420p", audio_codec="mp3")),
    "long": (".mp4", partial(make_clip, seconds=45, fps=10, size=(96, 54), key_every=20)),
    "long mkv": (".mkv", partial(make_clip, seconds=45, fps=10, size=(96, 54), key_every=20)),
    "sound": (".m4a", partial(make_sound, seconds=6)),
    "mp3": (".mp3", partial(make_sound, seconds=6, audio_codec="libmp3lame")),
}  # fmt: skip


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The clip of a name."""
    folder, made = tmp_path_factory.mktemp("clips"), dict[str, Path]()

    def get(name: str) -> Path:
        if name not in made:
            suffix, make = MAKERS[name]
            made[name] = make(folder / (name.replace(" ", "-") + suffix))
        return made[name]

    return get
