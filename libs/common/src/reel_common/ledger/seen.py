"""A job as it was read: what a change is decided from, and what it is guarded by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reel_common.domain.flow import Outside
from reel_common.domain.job import Ending, Job, JobState
from reel_common.domain.step import Claimed, OnFailure, Step, StepState
from reel_common.errors import Code, Failure


@dataclass(frozen=True, slots=True)
class SeenStep:
    """A step's row. ``late``: it is running and its lease is over."""

    id: str
    step: Step
    attempt: int
    crashes: int
    epoch: int
    late: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A job's row with its steps, all of one moment. ``others``: another owner has a ready step of the kinds asked for."""

    job: Job
    owner: str
    subject: str
    version: int
    event_seq: int
    overdue: bool
    others: bool
    awaited: bool
    steps: Mapping[str, SeenStep]
    outside: Outside


def seen(row: Any) -> Seen:
    """From the row of ``statements.READ``."""
    job = Job(
        id=row.id,
        kind=row.kind,
        state=JobState(row.state),
        ending=Ending(row.ending) if row.ending else None,
        paused=bool(row.paused),
        request=json.loads(row.request),
    )
    return Seen(
        job=job,
        owner=row.owner,
        subject=row.subject,
        version=row.version,
        event_seq=row.event_seq,
        overdue=bool(row.overdue),
        others=bool(row.others),
        awaited=bool(row.awaited),
        steps={s["id"]: _step(s) for s in _json(row.steps)},
        outside={w["need"]: _outside(w) for w in _json(row.outside)},
    )


def _json(value: Any) -> Any:
    """An aggregate: text on SQLite, maybe already read on PostgreSQL, null for no rows."""
    return json.loads(value) if isinstance(value, str) else value or []


def failure(data: str | None) -> Failure | None:
    """An error as it is kept in a row."""
    if not data:
        return None
    fields = {k: v for k, v in json.loads(data).items() if k in ("detail", "hint", "log_tail", "code")}
    return Failure(**{**fields, "code": Code(fields["code"])})


def _step(row: Mapping[str, Any]) -> SeenStep:
    step = Step(
        step=row["step"],
        item=row["item"],
        rev=row["rev"],
        kind=row["kind"],
        state=StepState(row["state"]),
        take=row["take"],
        needs=tuple(json.loads(row["needs"])),
        input=json.loads(row["input"]),
        result=json.loads(row["result"]) if row["result"] else None,
        error=failure(row["error"]),
        on_failure=OnFailure(row["on_failure"]),
    )
    return SeenStep(row["id"], step, row["attempt"], row["crashes"], row["epoch"], bool(row["late"]))


def _outside(row: Mapping[str, Any]) -> bool | Failure:
    state = row["asset"] or row["job"]
    if state in ("ready", "succeeded"):
        return True
    if state in (None, "rejected", "deleted", "failed", "cancelled"):
        said = failure(row["error"])
        gone = Failure(Code.INPUT_MISSING, "Something that this job needs has been deleted or was cancelled.")
        return replace(said, log_tail="") if said else gone
    return False


def claimed_from(row: Any) -> Claimed:
    """From the ``c_…`` columns of ``statements.CLAIM``."""
    return Claimed(
        id=row.c_id,
        job=row.c_job,
        owner=row.c_owner,
        step=row.c_step,
        item=row.c_item,
        rev=row.c_rev,
        kind=row.c_kind,
        take=row.c_take,
        attempt=row.c_attempt,
        crashes=row.c_crashes,
        epoch=row.c_epoch,
        input=json.loads(row.c_input),
    )


def with_claims(job: Seen, claimed: Sequence[Claimed]) -> Seen:
    """The job as it is after these claims, whether it was read before or after them."""
    steps = dict(job.steps)
    for claim in claimed:
        if claim.job == job.job.id:
            row = steps[claim.id]
            running = replace(row.step, state=StepState.RUNNING)
            steps[claim.id] = replace(row, step=running, attempt=claim.attempt, epoch=claim.epoch, late=False)
    return replace(job, steps=steps)
