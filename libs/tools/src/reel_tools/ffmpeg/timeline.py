"""A video as it is after some operations: which stretch of the original is left, at what size, under which fades.

Times are kept as seconds of the original, so that any number of operations is still one pass over it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from reel_common.domain.media import MediaFacts
from reel_common.ports.tool import Promise

SLACK = Fraction(1, 2000)
"""Seconds by which a frame may begin too early and still count: some kinds of file round times to milliseconds."""

_USUAL = tuple(Fraction(rate) for rate in (24, 25, 30, 50, 60, 120, 240))
"""Rates that a varying one is made into, if its average is near; else the next above it of 30, 60, 120 and 240."""

_SOUND_TAIL = Fraction(1, 10)
"""Seconds by which sound outlasts the picture in an ordinary file: codecs fill up their last block."""


@dataclass(frozen=True, slots=True)
class FadeSpan:
    """A fade, in seconds of the original."""

    direction: str
    start: Fraction
    end: Fraction
    audio: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is left from ``start`` to ``end``, both where a frame begins; sides in pixels (0 without a picture).

    ``opens`` and ``closes`` are the very times that were asked for (None: not trimmed on that side). Where frames come
    a little early or late, only they tell which belong to the stretch.
    """

    start: Fraction
    end: Fraction
    rate: Fraction | None
    """Frames a second of the result; None without a picture."""
    width: int
    height: int
    audio: bool
    uneven: bool = False
    """The original has no fixed rate, or no picture for part of its length: it is spread over ticks of ``rate``."""
    opens: Fraction | None = None
    closes: Fraction | None = None
    resized: bool = False
    fades: tuple[FadeSpan, ...] = ()
    notes: tuple[str, ...] = ()
    """What was done as asked and may surprise, in sentences."""

    @property
    def duration(self) -> Fraction:
        """Seconds of what is left."""
        return self.end - self.start

    @property
    def video(self) -> bool:
        """Whether there is a picture."""
        return self.rate is not None

    @property
    def grain(self) -> Fraction:
        """Seconds of the shortest piece there can be: a frame, or some sound."""
        return 1 / self.rate if self.rate else Fraction(1, 50)

    @property
    def active_fades(self) -> tuple[FadeSpan, ...]:
        """Fades of which something is left to see or hear."""
        return tuple(f for f in self.fades if (f.end > self.start if f.direction == "in" else f.start < self.end))

    def on_grid(self, time: Fraction) -> Fraction:
        """When the first frame not before ``time`` begins."""
        return ceil((time - SLACK) * self.rate) / self.rate if self.rate else time

    def promise(self) -> Promise:
        """What a result made of this will be."""
        return Promise(
            duration=round(float(self.duration), 6),
            width=self.width if self.video else None,
            height=self.height if self.video else None,
            frame_rate=self.rate,
            video=self.video,
            audio=self.audio,
            fade_in=self._whole_fade("in", self.start),
            fade_out=self._whole_fade("out", self.end),
        )

    def _whole_fade(self, direction: str, edge: Fraction) -> float:
        """How long the result fades at an edge; 0 when what the edge shows lies somewhere inside of a fade or in none."""
        spans = [f for f in self.active_fades if f.direction == direction]
        at_edge = [f.end - f.start for f in spans if (f.start if direction == "in" else f.end) == edge]
        return round(float(min(max(at_edge), self.duration)), 6) if at_edge else 0.0


def original(facts: MediaFacts) -> Timeline:
    """The video as it was uploaded."""
    video, length = facts.video, exact(facts.duration)
    if video is None:
        return Timeline(Fraction(0), length, rate=None, width=0, height=0, audio=bool(facts.audio))
    missing = length - video.frames / video.frame_rate if video.frames else Fraction(0)
    fixed = _is_fixed(video.frame_rate)
    timeline = Timeline(
        start=Fraction(0),
        end=length,
        rate=video.frame_rate if fixed else _tick_rate(video.frame_rate),
        width=_even(video.width),
        height=_even(video.height),
        audio=bool(facts.audio),
        uneven=not fixed or missing > _SOUND_TAIL,
    )
    end = timeline.on_grid(length) if timeline.uneven else length - max(missing, Fraction(0))
    return replace(timeline, end=end)


def _tick_rate(average: Fraction) -> Fraction:
    nearest = min(_USUAL, key=lambda rate: abs(rate - average))
    if abs(nearest - average) * 30 <= nearest:
        return nearest
    return next((rate for rate in _USUAL[2:] if rate >= average and rate != 50), _USUAL[-1])


def _is_fixed(average: Fraction) -> bool:
    """Whether an average rate is one that cameras and programs use; that of a rate that varies hardly ever is."""
    usual = (round(average * scale) / scale for scale in (Fraction(1), Fraction(1001, 1000)))
    return average >= 5 and any(abs(average - rate) * 10_000 <= rate for rate in usual)


def exact(seconds: float) -> Fraction:
    """The number that was written, not its nearest binary one."""
    return Fraction(str(seconds)).limit_denominator(1_000_000)


def _even(side: int) -> int:
    return max(2, side - side % 2)
