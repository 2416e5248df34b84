"""The table of step kinds: who does a kind of work, what rings for it, and how much of it at once. Data, read by all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class StepKind(StrEnum):
    """Kinds of work that take time."""

    PLAN = "plan"
    WRITE = "write"
    RUN = "run"
    INGEST = "ingest"
    COMPOSE = "compose"


@dataclass(frozen=True, slots=True)
class KindRow:
    """``slots`` of 0 means one per core. ``limit`` bounds a handler's whole run, queues of the runner not counted."""

    service: str
    queue: str
    requested: str
    ended: str
    failed: str
    slots: int
    limit: timedelta


KINDS: dict[str, KindRow] = {
    StepKind.PLAN: KindRow(
        "planner", "reel.planner", "job.requested.v1", "plan.made.v1", "plan.failed.v1", 8, timedelta(minutes=3)
    ),
    StepKind.WRITE: KindRow(
        "scriptgen", "reel.scriptgen", "script.requested.v1", "script.written.v1", "script.exhausted.v1", 8,
        timedelta(minutes=3),
    ),
    StepKind.RUN: KindRow(
        "executor", "reel.executor.scripts", "step.requested.v1", "step.finished.v1", "step.failed.v1", 0,
        timedelta(hours=6),
    ),
    StepKind.INGEST: KindRow(
        "executor", "reel.executor.ingest", "asset.uploaded.v1", "asset.ready.v1", "asset.rejected.v1", 0,
        timedelta(hours=2),
    ),
    StepKind.COMPOSE: KindRow(
        "composer", "reel.composer", "composition.requested.v1", "composition.finished.v1", "composition.failed.v1", 4,
        timedelta(hours=1),
    ),
}  # fmt: skip
"""Kinds of the product. Test-only kinds are handed to the ledger, topology and worker beside it."""
