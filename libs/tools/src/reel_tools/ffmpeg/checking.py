"""Walks over operations in the order given and says what is left after each, or why one cannot be done.

Times refer to the video as it is by then: after "cut the first 3 seconds", second 0 is what was second 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import NoReturn

from reel_common.domain.media import MediaFacts
from reel_common.errors import Code, PermanentError
from reel_common.ports.tool import Operation
from reel_tools.ffmpeg.operations import LONGEST_SIDE, SHORTEST_SIDE, Fade, Resize, Trim, figure
from reel_tools.ffmpeg.timeline import FadeSpan, Timeline, exact, original

_LEEWAY = Fraction(1, 10)
"""Seconds by which an end may lie behind the video's: people read "0:08" off a clip of 7.96 s."""


def walk(facts: MediaFacts, operations: Iterable[Operation]) -> Timeline:
    """The video after all of these. Raises: PermanentError(PLAN_INVALID) at the first that cannot be done."""
    timeline = original(facts)
    for operation in operations:
        timeline = apply(timeline, operation)
    return timeline


def apply(timeline: Timeline, operation: Operation) -> Timeline:
    """The video after one more operation. Raises: PermanentError(PLAN_INVALID) when it cannot be done."""
    match operation:
        case Trim():
            return _trimmed(timeline, operation)
        case Resize():
            return _resized(timeline, operation)
        case Fade():
            return _faded(timeline, operation)
    raise PermanentError(Code.NO_SUCH_TOOL, f"The ffmpeg tool has no operation {operation.op!r}.")


def _invalid(sentence: str) -> NoReturn:
    raise PermanentError(Code.PLAN_INVALID, sentence)


def _seconds(time: Fraction) -> str:
    return f"{figure(float(time))} s"


def _trimmed(timeline: Timeline, trim: Trim) -> Timeline:
    length, start = timeline.duration, exact(trim.start)
    end = length if trim.end is None else exact(trim.end)
    if start >= length:
        _invalid(
            f"The video is {_seconds(length)} long by then, so nothing is left from {_seconds(start)} on; "
            f"start before {_seconds(length)}."
        )
    if end > length + _LEEWAY:
        _invalid(
            f"The video is {_seconds(length)} long by then and cannot be kept up to {_seconds(end)}; "
            f"end at {_seconds(length)} or earlier."
        )
    opens = timeline.start + start if start else timeline.opens
    closes = timeline.start + end if end < length else timeline.closes
    first = timeline.on_grid(timeline.start + start)
    last = min(timeline.on_grid(timeline.start + end), timeline.end) if end < length else timeline.end
    if last - first < timeline.grain - Fraction(1, 1000):
        _invalid(
            f"Nothing is left between {_seconds(start)} and {_seconds(end)}; keep at least {_seconds(timeline.grain)}."
        )
    left = replace(timeline, start=first, end=last, opens=opens, closes=closes)
    lost = [fade for fade in timeline.active_fades if fade not in left.active_fades]
    return replace(left, notes=left.notes + tuple(_lost_note(fade) for fade in lost))


def _lost_note(fade: FadeSpan) -> str:
    return f"The fade {fade.direction} of {_seconds(fade.end - fade.start)} is in a part that a later trim cuts away."


def _resized(timeline: Timeline, resize: Resize) -> Timeline:
    if not timeline.video:
        _invalid("The file has sound alone and no picture to resize; leave the resize out.")
    shape = Fraction(timeline.width, timeline.height)
    if resize.width is not None and resize.height is not None:
        width, height = resize.width // 2 * 2, resize.height // 2 * 2
    elif resize.width is not None:
        width, height = resize.width // 2 * 2, _nearest_even(resize.width / shape)
    else:
        asked = resize.height or 0
        width, height = _nearest_even(asked * shape), asked // 2 * 2
    if not (min(width, height) >= SHORTEST_SIDE and max(width, height) <= LONGEST_SIDE):
        _invalid(
            f"The picture would be {width}x{height}; "
            f"its sides have to be from {SHORTEST_SIDE} to {LONGEST_SIDE} pixels. Ask for another size."
        )
    notes = timeline.notes
    # a pair of even sides is seldom of exactly the old proportions; two pixels of play are not a distortion
    if abs(width - height * shape) > 2 and abs(height - width / shape) > 2:
        notes += (f"{width}x{height} has other proportions than {timeline.width}x{timeline.height}: it is stretched.",)
    return replace(timeline, width=width, height=height, resized=True, notes=notes)


def _nearest_even(side: Fraction) -> int:
    return 2 * int(side / 2 + Fraction(1, 2))


def _faded(timeline: Timeline, fade: Fade) -> Timeline:
    length, duration = timeline.duration, exact(fade.duration)
    if not timeline.video and not (timeline.audio and fade.audio):
        _invalid("The file has no picture, and the sound is not to fade: there is nothing to fade.")
    if duration > length:
        _invalid(
            f"A fade {fade.direction} of {_seconds(duration)} is longer than the video, which is {_seconds(length)} "
            f"by then; ask for {_seconds(length)} or less."
        )
    start = timeline.start if fade.direction == "in" else timeline.end - duration
    span = FadeSpan(fade.direction, start, start + duration, fade.audio)
    return replace(timeline, fades=(*timeline.fades, span))
