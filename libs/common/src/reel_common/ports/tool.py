"""What a tool is: it describes operations and turns them into a program. It never runs anything.

So tools are tested without a sandbox, the planner can read what they offer without their programs, and no plugin can
step round the sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from reel_common.domain.media import MediaFacts
from reel_common.domain.program import Program

API_VERSION = 1
"""The version of this contract; a tool that was written for another one is refused when it is loaded."""


class Operation(BaseModel):
    """One typed step of an edit. ``op`` is its name and tells the kinds apart in JSON."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    op: str

    def words(self) -> str:
        """What it does, as a person would say it."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Source:
    """A file to work on: the digest of its bytes, and what is known of it."""

    sha256: str
    facts: MediaFacts


@dataclass(frozen=True, slots=True)
class Promise:
    """What the outputs will be; the delivery gate holds them to it. Times in seconds, sides in pixels.

    ``fade_in`` and ``fade_out`` are 0 when the result neither begins nor ends with one.
    """

    duration: float | None
    width: int | None
    height: int | None
    frame_rate: Fraction | None
    video: bool
    audio: bool
    fade_in: float = 0.0
    fade_out: float = 0.0

    def as_json(self) -> dict[str, Any]:
        rate = self.frame_rate
        return {**asdict(self), "frame_rate": rate and f"{rate.numerator}/{rate.denominator}"}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A program together with what it promises."""

    program: Program
    promise: Promise


class Tool(Protocol):
    """A tool is made without arguments, holds no state, and answers the same question always in the same way."""

    api_version: ClassVar[int]
    name: ClassVar[str]
    summary: ClassVar[str]
    """One sentence on what it can do, for planners and documentation."""
    operations: ClassVar[tuple[type[Operation], ...]]
    """The operations it takes; their names are its own, no other enabled tool has them."""

    def compile(self, operations: Sequence[Operation], sources: Sequence[Source]) -> Compiled:
        """One program that does all of it, in the order given, from the sources as they were uploaded.

        Raises: PermanentError(PLAN_INVALID) when the operations contradict each other or the media.
        """

    def measured(self, log: str) -> Mapping[str, Any]:
        """Figures that a program of this tool wrote into its stderr, as JSON. What is missing there is missing here."""
