"""What a clause asks for, before it is known how long and how large the video is by then."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeVar

from pydantic import ValidationError

from reel_common.errors import Code, PermanentError
from reel_common.ports.tool import Operation
from reel_planner.grammar.quantities import END, Moment
from reel_tools.ffmpeg.operations import Fade, Resize, Trim, figure
from reel_tools.ffmpeg.timeline import Timeline

Kind = TypeVar("Kind", bound=Operation)


class Intent(Protocol):
    """One operation to be."""

    def settle(self, timeline: Timeline, words: str) -> Operation:
        """The operation, for the video as it is by then. ``words`` are the clause, for the sentence of an error.

        Raises: PermanentError(PLAN_INVALID) when it cannot be done.
        """


@dataclass(frozen=True, slots=True)
class Keep:
    """Only this stretch is left."""

    start: Moment
    end: Moment

    def settle(self, timeline: Timeline, words: str) -> Operation:
        """See ``Intent``."""
        duration = timeline.duration
        start, end = self.start.of(duration), self.end.of(duration)
        # what is more than there is leaves one of the two outside of the video; a trim says the same of an end
        if start < 0 or end <= 0 or start >= duration:
            raise _too_much(words, duration)
        if end <= start:
            raise PermanentError(
                Code.PLAN_INVALID,
                f'"{words}" ends at {figure(float(end))} s, which is not after its start at {figure(float(start))} s.',
            )
        last = None if self.end == END else _rounded(end)
        return built(Trim, words, start=_rounded(start), end=last)


@dataclass(frozen=True, slots=True)
class Sides:
    """A size in pixels."""

    width: int | None = None
    height: int | None = None

    def settle(self, timeline: Timeline, words: str) -> Operation:  # noqa: ARG002 - the same for every video
        """See ``Intent``."""
        return built(Resize, words, width=self.width, height=self.height)


@dataclass(frozen=True, slots=True)
class ShortSide:
    """``720p``: the shorter side, so that upright videos stay upright."""

    pixels: int

    def settle(self, timeline: Timeline, words: str) -> Operation:
        """See ``Intent``."""
        upright = timeline.width < timeline.height
        return built(Resize, words, **{"width" if upright else "height": self.pixels})


@dataclass(frozen=True, slots=True)
class Scale:
    """Each side so many times as long."""

    factor: Fraction

    def settle(self, timeline: Timeline, words: str) -> Operation:
        """See ``Intent``."""
        if not timeline.video:
            raise PermanentError(Code.PLAN_INVALID, f'The file has sound alone and no picture for "{words}".')
        return built(Resize, words, width=round(timeline.width * self.factor / 2) * 2)


@dataclass(frozen=True, slots=True)
class FadeTo:
    """A fade; without a length, as long as one is that was not told how long to be."""

    direction: str
    length: Moment | None = None
    audio: bool = True

    def settle(self, timeline: Timeline, words: str) -> Operation:
        """See ``Intent``."""
        if self.length is None:
            return built(Fade, words, direction=self.direction, audio=self.audio)
        duration = self.length.of(timeline.duration)
        if duration > timeline.duration:
            raise _too_much(words, timeline.duration)
        return built(Fade, words, direction=self.direction, duration=_rounded(duration), audio=self.audio)


def built(model: type[Kind], words: str, **fields: object) -> Kind:
    """The operation. Raises: PermanentError(PLAN_INVALID) with what is out of bounds."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        reasons = "; ".join(_reason(e["loc"], e["msg"]) for e in error.errors())
        raise PermanentError(Code.PLAN_INVALID, f'"{words}" cannot be done: {reasons}.') from None


def _reason(location: tuple[int | str, ...], message: str) -> str:
    where = ".".join(map(str, location))
    sentence = message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{where} {sentence}" if where else sentence


def _too_much(words: str, duration: Fraction) -> PermanentError:
    return PermanentError(
        Code.PLAN_INVALID,
        f'"{words}" is more than there is: the video is {figure(float(duration))} s long by then.',
        hint="Times refer to the video as it is after the instructions before.",
    )


def _rounded(seconds: Fraction) -> float:
    """To the microsecond, which is finer than any frame."""
    return round(float(seconds), 6)
