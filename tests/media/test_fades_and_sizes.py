"""Fades end in black and silence and get there steadily; sizes are exact."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reel_common.ports.tool import Operation
from reel_common.testing.clips import make_clip, read_brightness, read_frame_number, read_sound
from reel_tools.ffmpeg.operations import Fade, Resize, Trim
from tests.media.conftest import RATES
from tests.media.rendering import render, sights

Clip = Callable[[str], Path]


def brightness(path: Path) -> list[float]:
    """How bright the white of each frame is, 0 to 255."""
    return [read_brightness(sight.luma) for sight in sights(path)]


def loudness(path: Path) -> list[float]:
    """The level of each tenth of a second."""
    sound = read_sound(path)
    return [float(np.sqrt((sound[n : n + 4800] ** 2).mean())) for n in range(0, len(sound) - 4799, 4800)]


def falls(values: list[float], slack: float) -> bool:
    return all(after <= before + slack for before, after in pairwise(values))


@pytest.mark.parametrize("name", [*RATES, "stills", "odd", "ten bits", "full range"])
def test_out(clip: Clip, tmp_path: Path, name: str) -> None:
    """The lights of every frame of the second are lower than before, and the last one is black."""
    made = render(clip(name), tmp_path / "out", Trim(start=1.0, end=3.0), Fade(direction="out"))
    levels = brightness(made.final)
    half = len(levels) // 2
    assert min(levels[: half + 1]) > 240
    assert falls(levels[half:], 2)
    assert levels[half + half // 2] < 180
    assert levels[-1] <= 1
    sound = loudness(made.final)
    assert falls(sound[10:], 0.01)
    assert sound[-1] < 0.06 < 0.25 < sound[5]
    assert made.promise.fade_out == 1.0


def test_in(clip: Clip, tmp_path: Path) -> None:
    made = render(clip("30"), tmp_path / "out", Trim(start=1.0, end=3.0), Fade(direction="in", duration=0.5))
    levels = brightness(made.final)
    assert levels[0] <= 1
    assert falls(levels[15::-1], 2)
    assert min(levels[15:]) > 240
    assert read_frame_number(sights(made.poster)[0].luma) == 45, "the poster is taken where the fade is over"
    sound = loudness(made.final)
    assert sound[0] < 0.06 < 0.25 < sound[6]


def test_picture_only(clip: Clip, tmp_path: Path) -> None:
    made = render(clip("30"), tmp_path / "out", Trim(end=2.0), Fade(direction="out", audio=False))
    assert brightness(made.final)[-1] <= 1
    assert min(loudness(made.final)[:-1]) > 0.25


def test_a_fade_cut_in_half(clip: Clip, tmp_path: Path) -> None:
    """Trimmed after it was faded: what is left is what was there."""
    whole = render(clip("30"), tmp_path / "whole", Trim(end=4.0), Fade(direction="out", duration=2.0))
    half = render(clip("30"), tmp_path / "half", Trim(end=4.0), Fade(direction="out", duration=2.0), Trim(end=3.0))
    assert np.abs(np.subtract(brightness(whole.final)[:90], brightness(half.final))).max() <= 3
    assert half.promise.fade_out == 0


def test_to_the_end_of_an_untrimmed_clip(clip: Clip, tmp_path: Path) -> None:
    made = render(clip("29.97"), tmp_path / "out", Fade(direction="out", duration=0.5))
    levels = brightness(made.final)
    assert len(levels) == 270
    assert levels[-1] <= 1 < levels[-4]


@pytest.mark.parametrize(
    ("name", "operations", "size"),
    [
        ("30", [Resize(height=72)], (128, 72)),
        ("30", [Resize(width=1280)], (1280, 720)),
        ("30", [Resize(width=97, height=61)], (96, 60)),
        ("30", [Resize(width=16, height=16)], (16, 16)),
        ("30", [Resize(width=640), Resize(height=54)], (96, 54)),
        ("upright", [Resize(width=54)], (54, 96)),
        ("odd", [Resize(width=96)], (96, 54)),
        ("odd", [], (192, 108)),
    ],
)
def test_sizes(clip: Clip, tmp_path: Path, name: str, operations: list[Operation], size: tuple[int, int]) -> None:
    made = render(clip(name), tmp_path / "out", Trim(start=1.0, end=1.5), *operations)
    frames = sights(made.final)
    assert {frame.luma.shape for frame in frames} == {size[::-1]}
    if min(size) > 16:
        assert [read_frame_number(frame.luma) for frame in frames] == list(range(30, 45))


def test_proxy_and_poster_are_small(tmp_path: Path) -> None:
    large = make_clip(tmp_path / "large.mp4", seconds=0.5, size=(1280, 720), audio=False)
    made = render(large, tmp_path / "out")
    assert sights(made.final)[0].luma.shape == (720, 1280)
    assert sights(made.proxy)[0].luma.shape == sights(made.poster)[0].luma.shape == (540, 960)
    assert made.proxy.stat().st_size < made.final.stat().st_size
