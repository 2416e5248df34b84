"""The operations of the ffmpeg tool, with their units and bounds. What they mean for a file is worked out elsewhere."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from reel_common.ports.tool import Operation

LONGEST = 4 * 3600
"""Seconds of the longest video that is taken."""

SHORTEST_SIDE, LONGEST_SIDE = 16, 8192
"""Bounds of a picture's sides in pixels."""

Seconds = Annotated[float, Field(ge=0, le=LONGEST)]
Side = Annotated[int, Field(ge=SHORTEST_SIDE, le=LONGEST_SIDE)]


def figure(value: float) -> str:
    """A number as people write it: at most three digits after the point, none that say nothing."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


class Trim(Operation):
    """Keeps one stretch and drops what lies before and after it.

    ``start`` and ``end`` are seconds of the video as it is by then, from 0 to 14,400; without ``end``, to the end.
    A frame is kept when it begins at or after ``start`` and before ``end``.
    """

    op: Literal["trim"] = "trim"
    start: Seconds = 0.0
    end: Annotated[float, Field(gt=0, le=LONGEST)] | None = None

    @model_validator(mode="after")
    def _runs_forward(self) -> Trim:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end ({figure(self.end)} s) has to be after start ({figure(self.start)} s)")
        return self

    def words(self) -> str:
        """See ``Operation``."""
        until = "the end" if self.end is None else f"{figure(self.end)} s"
        return f"keep from {figure(self.start)} s to {until}"


class Resize(Operation):
    """Gives the picture another size.

    ``width`` and ``height`` are pixels from 16 to 8192. With one of them the proportions stay as they are; with both,
    the picture gets exactly that size. Sides of a video are even: an odd one asked for becomes the even one below.
    """

    op: Literal["resize"] = "resize"
    width: Side | None = None
    height: Side | None = None

    @model_validator(mode="after")
    def _has_a_side(self) -> Resize:
        if self.width is None and self.height is None:
            raise ValueError("give width, height or both")
        return self

    def words(self) -> str:
        """See ``Operation``."""
        if self.width is None or self.height is None:
            return f"resize to width {self.width}" if self.width else f"resize to height {self.height}"
        return f"resize to {self.width}x{self.height}"


class Fade(Operation):
    """Fades in from black at the start (``in``) or out to black at the end (``out``).

    ``duration`` is in seconds, from 0.05 to 600. ``audio``: the sound fades too.
    """

    op: Literal["fade"] = "fade"
    direction: Literal["in", "out"]
    duration: Annotated[float, Field(ge=0.05, le=600)] = 1.0
    audio: bool = True

    def words(self) -> str:
        """See ``Operation``."""
        what = "" if self.audio else ", picture only"
        return f"fade {self.direction} over {figure(self.duration)} s{what}"


OPERATIONS: tuple[type[Operation], ...] = (Trim, Resize, Fade)
"""All of them; their ``op`` tells them apart."""
