"""Progress: what may be lost. Losing all of it makes bars jump, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is. ``fraction`` 0–1 or None when unknown; ``epoch`` orders the tries of a step."""

    job: str
    step: str
    epoch: int
    fraction: float | None
    stage: str
    message: str = ""
    eta_s: float | None = None


class Noticeboard(Protocol):
    """Never raises because the board is away: recording is then a no-op, reading finds nothing.

    A note of a step with a lower epoch than one already there is dropped.
    """

    async def record(self, note: Progress) -> None:
        """Puts up the newest note of a step, replacing the one before. Kept for a day."""

    async def read(self, job: str) -> list[Progress]:
        """The newest note of each step of a job, in no order."""

    def follow(self, job: str) -> AsyncIterator[Progress]:
        """Notes of a job as they are put up, from now on, until the iterator is closed. Notes may be skipped, never reordered."""

    async def close(self) -> None:
        """Gives up connections; iterators end."""
