"""Trims are exact to the frame, and the sound is that of the frames."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from reel_common.testing.clips import pitch_of, read_frame_number, read_frames, read_pitch, read_sound
from reel_tools.ffmpeg.operations import Resize, Trim
from tests.media.conftest import NTSC, RATES, STILLS
from tests.media.rendering import Rendered, kept, numbers, render, sights

Clip = Callable[[str], Path]


def pitches(path: Path, seconds: list[float]) -> list[float]:
    """What is heard in a tenth of a second from each of these times on, to the next ten hertz."""
    sound = read_sound(path)
    return [round(read_pitch(sound[int(t * 48_000) : int((t + 0.1) * 48_000)], 48_000), -1) for t in seconds]


def assert_lengths_agree(made: Rendered) -> None:
    """Picture and sound, and both with the promise, within a frame."""
    figures, promise = made.checked(), made.promise
    assert promise.duration is not None
    frame = float(1 / (promise.frame_rate or 50))
    for stream in ("video", "audio"):
        if figures[stream] is not None:
            assert abs(figures[stream]["duration"] - promise.duration) <= frame + 0.001


@pytest.mark.parametrize("name", RATES)
def test_seconds_3_to_8(clip: Clip, tmp_path: Path, name: str) -> None:
    rate = RATES[name]
    made = render(clip(name), tmp_path / "out", Trim(start=3.0, end=8.0))
    wanted = kept(rate, 3, 8, int(9 * rate))
    assert numbers(made.final) == wanted
    assert len(wanted) == round(5 * rate)
    assert [round(sight.time * rate, 3) for sight in sights(made.final)] == list(range(len(wanted)))
    assert len(sights(made.proxy)) == len(wanted)
    assert pitches(made.final, [0.2, 1.2, 4.8]) == [pitch_of(3), pitch_of(4), pitch_of(7)]
    assert_lengths_agree(made)


@pytest.mark.parametrize(("start", "end"), [(0.0, 0.5), (1.01, 2.345), (0.034, 0.101), (3.3366, 3.4), (7.5, None)])
@pytest.mark.parametrize("name", ["25", "29.97"])
def test_any_times(clip: Clip, tmp_path: Path, name: str, start: float, end: float | None) -> None:
    made = render(clip(name), tmp_path / "out", Trim(start=start, end=end))
    assert numbers(made.final) == kept(RATES[name], start, end or 9.01, round(9 * RATES[name]))
    assert_lengths_agree(made)


def test_a_sound_changes_where_the_second_does(clip: Clip, tmp_path: Path) -> None:
    """To a hundredth of a second: the sound was not cut at some block of its codec."""
    made = render(clip("30"), tmp_path / "out", Trim(start=2.5, end=4.5))
    sound = read_sound(made.final)
    around = [round(read_pitch(sound[int(t * 48_000) : int((t + 0.08) * 48_000)], 48_000), -1) for t in (0.41, 0.51)]
    assert around == [pitch_of(2), pitch_of(3)]


def test_one_after_another(clip: Clip, tmp_path: Path) -> None:
    once = render(clip("29.97"), tmp_path / "once", Trim(start=4.0, end=7.0))
    twice = render(clip("29.97"), tmp_path / "twice", Trim(start=3.0), Trim(start=1.0, end=4.0))
    assert numbers(twice.final) == numbers(once.final)
    assert twice.final.read_bytes() == once.final.read_bytes()


@pytest.mark.parametrize(("start", "end"), [(0.0, 6.4), (1.5, 4.25), (5.1, 6.5), (0.31, 0.89)])
def test_stills(clip: Clip, tmp_path: Path, start: float, end: float) -> None:
    """Of frames that are shown for any time, each moment of the result shows the one that was shown then.

    Give or take half a frame of the result: that is where frames that tremble belong.
    """
    made = render(clip("stills"), tmp_path / "out", Trim(start=start, end=end))
    first = -(-Fraction(str(start)) * 30 // 1)
    ticks = [float((first + n) / 30 + Fraction(1, 60)) - 1e-6 for n in range(len(sights(made.final)))]
    assert numbers(made.final) == [bisect_right(STILLS, tick) - 1 for tick in ticks]
    assert made.promise.frame_rate == 30
    assert_lengths_agree(made)


def test_frames_that_come_early_or_late(clip: Clip, tmp_path: Path) -> None:
    """None is doubled, none is lost."""
    made = render(clip("shaky"), tmp_path / "out", Trim(start=1.0, end=4.0))
    assert numbers(made.final) == list(range(30, 120))
    assert made.promise.frame_rate == 30
    assert_lengths_agree(made)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("upright", (108, 192)),
        ("upside down", (192, 108)),
        ("odd", (192, 108)),
        ("ten bits", (192, 108)),
        ("full range", (192, 108)),
        ("silent", (192, 108)),
        ("44.1 kHz", (192, 108)),
        ("avi", (192, 108)),
    ],
)
def test_kinds_of_clips(clip: Clip, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    made = render(clip(name), tmp_path / "out", Trim(start=1.0, end=3.0))
    # an AVI may count a frame more than it holds: what counts is when its frames are shown
    assert numbers(made.final) == [n for n, sight in enumerate(read_frames(clip(name))) if 1 <= sight.time < 3]
    video = made.checked()["video"]
    assert (video["width"], video["height"], video["rotation"], video["pixel_format"]) == (*size, 0, "yuv420p")
    assert (made.checked()["audio"] is None) == (name == "silent")
    assert_lengths_agree(made)


def test_black_and_white_stay_what_they_are(clip: Clip, tmp_path: Path) -> None:
    """Full range becomes the usual one, and that of the others stays: neither grey blacks nor cut whites."""
    for name in ("30", "ten bits", "full range"):
        luma = sights(render(clip(name), tmp_path / name, Trim(end=0.5)).final)[3].luma
        # gray is full range: black is 0 and white 255
        assert luma.min() <= 6, name
        assert luma.max() >= 249, name


def test_the_first_of_several_tracks(clip: Clip, tmp_path: Path) -> None:
    made = render(clip("two tracks"), tmp_path / "out", Trim(start=1.0))
    assert pitches(made.final, [0.3, 1.3]) == [pitch_of(1), pitch_of(2)]


@pytest.mark.parametrize("name", ["sound", "mp3"])
def test_sound_alone(clip: Clip, tmp_path: Path, name: str) -> None:
    made = render(clip(name), tmp_path / "out", Trim(start=2.0, end=4.5))
    assert made.final.name == "final.m4a"
    assert pitches(made.final, [0.3, 1.3, 2.2]) == [pitch_of(2), pitch_of(3), pitch_of(4)]
    assert made.checked()["video"] is None
    assert_lengths_agree(made)


class TestLateStart:
    """What is sought over is exactly what would have been decoded and thrown away."""

    OPERATIONS = (Trim(start=37.25, end=41.0), Resize(width=192))

    def test_frames_and_sound(self, clip: Clip, tmp_path: Path) -> None:
        made = render(clip("long"), tmp_path / "out", *self.OPERATIONS)
        assert "-ss" in made.program.arguments
        assert numbers(made.final) == kept(10, 37.25, 41, 450)
        assert pitches(made.final, [0.3, 1.3, 3.3]) == [pitch_of(37), pitch_of(38), pitch_of(40)]
        assert_lengths_agree(made)

    def test_as_without_seeking(self, clip: Clip, tmp_path: Path) -> None:
        sought = render(clip("long"), tmp_path / "mp4", *self.OPERATIONS)
        read = render(clip("long mkv"), tmp_path / "mkv", *self.OPERATIONS)
        assert "-ss" not in read.program.arguments
        pairs = zip(sights(sought.final), sights(read.final), strict=True)
        assert all(abs(a.luma.astype(int) - b.luma.astype(int)).max() <= 8 for a, b in pairs)
        assert abs(read_sound(sought.final) - read_sound(read.final)).max() < 0.05


def test_the_poster_is_a_frame_of_the_tenth(clip: Clip, tmp_path: Path) -> None:
    made = render(clip("30"), tmp_path / "out", Trim(start=3.0, end=8.0))
    (still,) = sights(made.poster)
    assert read_frame_number(still.luma) == 90 + 15


def test_ntsc_stays_ntsc(clip: Clip, tmp_path: Path) -> None:
    made = render(clip("29.97"), tmp_path / "out", Trim(start=1.0))
    assert made.promise.frame_rate == NTSC
    assert made.checked()["video"]["frame_rate"] == "30000/1001"
