"""A job's states and the legal moves between them. A job that has ended never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class JobState(StrEnum):
    """Where a job stands. ``paused`` is a flag beside it, legal in every live state."""

    ACCEPTED = "accepted"
    PLANNING = "planning"
    NEEDS_APPROVAL = "needs_approval"
    RUNNING = "running"
    COMPOSING = "composing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Ending(StrEnum):
    """Set while what still runs is being stopped; the state that the job will end in."""

    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
_ENDS = frozenset({JobState.FAILED, JobState.CANCELLED})

MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.ACCEPTED: _ENDS | {JobState.PLANNING, JobState.RUNNING, JobState.SUCCEEDED},
    JobState.PLANNING: _ENDS | {JobState.NEEDS_APPROVAL, JobState.RUNNING, JobState.SUCCEEDED},
    JobState.NEEDS_APPROVAL: _ENDS | {JobState.RUNNING, JobState.SUCCEEDED},
    JobState.RUNNING: _ENDS | {JobState.COMPOSING, JobState.SUCCEEDED},
    JobState.COMPOSING: _ENDS | {JobState.SUCCEEDED},
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Job:
    """The part of a job's row that ``follow`` reads. ``request`` is JSON."""

    id: str
    kind: str
    state: JobState = JobState.ACCEPTED
    ending: Ending | None = None
    paused: bool = False
    request: Mapping[str, Any] = field(default_factory=dict)
