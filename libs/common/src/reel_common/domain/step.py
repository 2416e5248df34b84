"""A step: one piece of work, one row, one life cycle for every kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reel_common.errors import Failure


class StepState(StrEnum):
    """``blocked → ready → running → done | failed | cancelled``; a retry goes back to blocked."""

    BLOCKED = "blocked"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({StepState.DONE, StepState.FAILED, StepState.CANCELLED})


class OnFailure(StrEnum):
    """What a failed step means for its job."""

    FAIL = "fail"
    """The job fails."""
    REPLACE = "replace"
    """A next revision is made with ``placeholder`` in its input; if that fails, the job does."""
    DROP = "drop"
    """The job goes on without it and is degraded."""


@dataclass(frozen=True, slots=True)
class Step:
    """The part of a step's row that ``follow`` reads and writes. ``input`` and ``result`` are JSON of at most 64 KiB.

    ``needs`` names steps of the same job (all items of it), ``asset:<id>`` or ``job:<id>``.
    """

    step: str
    item: int = 0
    rev: int = 0
    kind: str = ""
    state: StepState = StepState.BLOCKED
    take: int = 0
    needs: tuple[str, ...] = ()
    input: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    error: Failure | None = None
    on_failure: OnFailure = OnFailure.FAIL

    @property
    def key(self) -> tuple[str, int, int]:
        return self.step, self.item, self.rev


@dataclass(frozen=True, slots=True)
class Claimed:
    """A step that this worker has to do. ``epoch`` fences it: a later claim of the same row has a higher one."""

    id: str
    job: str
    owner: str
    step: str
    item: int
    rev: int
    kind: str
    take: int
    attempt: int
    crashes: int
    epoch: int
    input: Mapping[str, Any]


def step_id(job: str, step: Step) -> str:
    """The row's id, also the key of a step's effect: it names no attempt, so two attempts are one effect."""
    return f"{job}/{step.step}/{step.item}/{step.rev}"
