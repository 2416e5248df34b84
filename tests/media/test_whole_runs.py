"""A program as a whole: the same bytes again, run by hand, what it measures, and what it refuses to read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import pytest

from reel_common.domain.media import AudioFacts, MediaFacts, VideoFacts
from reel_common.ports.tool import Operation, Source
from reel_tools.ffmpeg import FFmpeg, readable
from reel_tools.ffmpeg.operations import Fade, Resize, Trim
from tests.media.rendering import SHA, facts_of, render, run

Clip = Callable[[str], Path]
EDIT: tuple[Operation, ...] = (
    Trim(start=1.0, end=3.0), Resize(height=72), Fade(direction="in", duration=0.3), Fade(direction="out")
)  # fmt: skip


def made_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["30", "stills", "odd", "sound"])
def test_the_same_bytes_again(clip: Clip, tmp_path: Path, name: str) -> None:
    edit = [o for o in EDIT if name != "sound" or o.op != "resize"]
    first = render(clip(name), tmp_path / "first", *edit)
    run(first.program, clip(name), tmp_path / "second")
    assert made_files(tmp_path / "second") == made_files(tmp_path / "first")


def test_by_hand(clip: Clip, tmp_path: Path) -> None:
    """What is kept to be read is really what was run."""
    made = render(clip("30"), tmp_path / "ours", *EDIT)
    hand = tmp_path / "hand"
    hand.mkdir()
    (hand / "clip").write_bytes(clip("30").read_bytes())
    (tmp_path / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    script = hand / "program.sh"
    script.write_text(readable(made.program, [operation.words() for operation in EDIT]))
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["sh", script.name], cwd=hand, env={"PATH": path}, check=True, capture_output=True, timeout=60)
    by_hand = made_files(hand)
    assert {name: by_hand[name] for name in made_files(made.folder)} == made_files(made.folder)


def test_nothing_of_the_original_but_picture_and_sound(clip: Clip, tmp_path: Path) -> None:
    tagged = tmp_path / "tagged.mp4"
    command = [
        "-i",
        str(clip("30")),
        "-c",
        "copy",
        "-metadata",
        "title=secret title",
        "-metadata",
        "location=+48.1+011.5/",
    ]
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), *command, str(tagged)], check=True, capture_output=True, timeout=60
    )
    made = render(tagged, tmp_path / "out", *EDIT)
    assert "secret title" in made.log, (
        "FFmpeg repeats what a file says of itself, so measuring has to know its own lines"
    )
    for data in made_files(made.folder).values():
        assert b"secret" not in data
        assert b"+48.1" not in data


def test_measures_black_and_silence(tmp_path: Path) -> None:
    dark = tmp_path / "dark.mp4"
    sources = ["-f", "lavfi", "-i", "color=black:d=2:s=96x54:r=30", "-f", "lavfi", "-i", "anullsrc=d=2"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *sources, "-t", "2", "-pix_fmt", "yuv420p", dark]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    figures = FFmpeg().measured(render(dark, tmp_path / "out").log)
    assert figures["black"] == [[0.0, pytest.approx(2, abs=0.05)]]
    assert figures["silence"] == [[0.0, pytest.approx(2, abs=0.05)]]
    assert figures["loudness"] <= -69


def test_measures_a_tone(clip: Clip, tmp_path: Path) -> None:
    figures = FFmpeg().measured(render(clip("30"), tmp_path / "out", Trim(end=2.0)).log)
    assert (figures["black"], figures["silence"]) == ([], [])
    assert -15 < figures["loudness"] < -5


def test_six_channels_stay_six(tmp_path: Path) -> None:
    """The proxy's two must not be what all agree on."""
    surround = tmp_path / "surround.mp4"
    channels = "aevalsrc=" + "|".join(["0.1*sin(440*t)"] * 6) + ":c=5.1:d=1"
    sources = ["-f", "lavfi", "-i", "testsrc=d=1:s=96x54", "-f", "lavfi", "-i", channels]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *sources, "-pix_fmt", "yuv420p", surround]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    made = render(surround, tmp_path / "out", Fade(direction="out", duration=0.2))
    assert made.checked()["audio"]["channels"] == 6
    assert facts_of(made.proxy).audio[0].channels == 2


LURES = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:{clip}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{clip}'\n",
    "subtitles": "1\n00:00:00,000 --> 00:00:09,000\nhello\n",
    "empty": "",
}


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi", "mpegts", "mp3"])
@pytest.mark.parametrize("lure", LURES)
def test_a_lure_that_passed_as_media_is_not_read(clip: Clip, tmp_path: Path, lure: str, container: str) -> None:
    """Even where the facts were wrong: one demuxer only, and it opens no other file."""
    bait = tmp_path / "bait.mp4"
    bait.write_text(LURES[lure].replace("{clip}", str(clip("30"))))
    believed = MediaFacts(
        container, 9.0, 100, VideoFacts("h264", 192, 108, Fraction(30)), (AudioFacts("aac", 48_000, 2),)
    )
    program = FFmpeg().compile([], [Source(SHA, believed)]).program
    with pytest.raises(AssertionError):
        run(program, bait, tmp_path / "out")
    assert not any(path.stat().st_size for path in (tmp_path / "out").iterdir())
