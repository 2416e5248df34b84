"""The delivery gate: whether a result is what its plan promised. Pure: figures in, sentences out, none when it passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from reel_common.ports.tool import Promise
from reel_tools.inspector import Checked, CheckedVideo, Sample

AAC_FRAME = 1024
"""Samples that an AAC frame holds: sound ends on whole ones."""
SLACK = 0.05
"""Seconds that a duration may be off when that is more than a frame."""
ROUNDING = 0.001
RATE_SLACK = Fraction(1, 2000)
"""Enough to tell 29.97 from 30."""
FRAMES_SLACK = 3
"""Frames: one at each end, and one for a picture that begins later than its sound."""
DARK_LUMA, DARK_PEAK = 4, 32
"""Black: this dark on average and nowhere brighter than that, of 255. A title on black is brighter somewhere."""


def promise_from_json(data: Mapping[str, Any]) -> Promise:
    """The reverse of ``Promise.as_json``. Raises: KeyError, TypeError, ValueError when it is not a promise."""
    rate = data["frame_rate"]
    return Promise(
        duration=None if data["duration"] is None else float(data["duration"]),
        width=data["width"],
        height=data["height"],
        frame_rate=None if rate is None else Fraction(rate),
        video=bool(data["video"]),
        audio=bool(data["audio"]),
        fade_in=float(data.get("fade_in") or 0),
        fade_out=float(data.get("fade_out") or 0),
    )


def judge(promise: Promise, figures: Checked, *, black_expected: bool = False) -> list[str]:
    """What is wrong with the result, each with its figure. Empty: it may be delivered.

    ``black_expected``: what it was made from is black too.
    """
    return [
        *_streams(promise, figures),
        *_duration(promise, figures),
        *_sides(promise, figures.video),
        *_rate(promise, figures.video),
        *_lengths(promise, figures),
        *_decoding(figures),
        *(() if black_expected else _black(promise, figures)),
    ]


def is_black(promise: Promise, figures: Checked) -> bool:
    """Whether it is black at every place that was looked at, fades excepted."""
    return any(_black(promise, figures))


def has_black(figures: Checked) -> bool:
    """Whether it is black at any place that was looked at."""
    return any(_is_dark(sample) for sample in figures.samples)


def length_of(figures: Checked) -> float:
    """How long the result is: the picture where there is one, else the sound."""
    if figures.video:
        return figures.video.duration
    return figures.audio.duration if figures.audio else 0.0


def difference_of(figures: Checked) -> float | None:
    """Seconds by which picture and sound differ in length, or None when one of them is missing."""
    if not figures.video or not figures.audio:
        return None
    return abs(figures.video.duration - figures.audio.duration)


def _frame(promise: Promise, figures: Checked) -> float:
    """How long a frame is shown."""
    rate = promise.frame_rate or (Fraction(figures.video.frame_rate) if figures.video else None)
    return float(1 / rate) if rate else 0.0


def _streams(promise: Promise, figures: Checked) -> Iterator[str]:
    for kind, wanted, found in (("picture", promise.video, figures.video), ("sound", promise.audio, figures.audio)):
        if wanted and found is None:
            yield f"There is no {kind}, which was promised."
        if found is not None and not wanted:
            yield f"There is {kind} ({found.codec}), which was not promised."


def _duration(promise: Promise, figures: Checked) -> Iterator[str]:
    seconds = length_of(figures)
    tolerance = max(_frame(promise, figures), SLACK) + ROUNDING
    if promise.duration is not None and abs(seconds - promise.duration) > tolerance:
        yield f"It lasts {seconds:.3f} s instead of {promise.duration:.3f} s."


def _sides(promise: Promise, video: CheckedVideo | None) -> Iterator[str]:
    if video is None:
        return
    for name, wanted, found in (("wide", promise.width, video.width), ("high", promise.height, video.height)):
        if wanted is not None and found != wanted:
            yield f"The picture is {found} pixels {name} instead of {wanted}."


def _rate(promise: Promise, video: CheckedVideo | None) -> Iterator[str]:
    if video is None or promise.frame_rate is None:
        return
    rate = Fraction(video.frame_rate)
    if video.frames > 1 and abs(rate - promise.frame_rate) > promise.frame_rate * RATE_SLACK:
        yield f"It has {float(rate):.3f} frames a second instead of {float(promise.frame_rate):.3f}."
    wanted = float(promise.frame_rate) * video.duration
    if abs(video.frames - wanted) > max(FRAMES_SLACK, wanted / 50):
        yield f"It has {video.frames} frames in {video.duration:.3f} s instead of {wanted:.0f}."


def _lengths(promise: Promise, figures: Checked) -> Iterator[str]:
    difference = difference_of(figures)
    if difference is None or figures.audio is None:
        return
    tolerance = _frame(promise, figures) + AAC_FRAME / figures.audio.sample_rate + ROUNDING
    if difference > tolerance:
        yield f"Picture and sound differ by {difference:.3f} s in length; {tolerance:.3f} s are allowed."


def _decoding(figures: Checked) -> Iterator[str]:
    for sample in figures.samples:
        if sample.error:
            yield f"It cannot be decoded at {sample.at:.3f} s ({sample.error})."
    if not figures.monotonic:
        yield "Its time stamps go backwards."


def _black(promise: Promise, figures: Checked) -> Iterator[str]:
    """Black at every place that was looked at, fades excepted. A film may well begin black, or have a dark middle."""
    if figures.video is None:
        return
    end = length_of(figures) - max(promise.fade_out, 0)
    frame = _frame(promise, figures) if promise.fade_out else 0.0
    looked = [s for s in figures.samples if s.luma is not None and promise.fade_in <= s.at <= end - frame]
    if looked and all(_is_dark(s) for s in looked):
        places = ", ".join(f"{s.at:.3f} s (luma {s.luma:.1f})" for s in looked)
        yield f"It is black at {places}, where no fade was promised."


def _is_dark(sample: Sample) -> bool:
    return sample.luma is not None and sample.luma <= DARK_LUMA and (sample.peak or 0) <= DARK_PEAK
