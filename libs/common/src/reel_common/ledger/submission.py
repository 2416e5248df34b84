"""What a new job needs to be accepted: all of it is written at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reel_common.domain.flow import Rule, follow
from reel_common.domain.ids import new_id
from reel_common.domain.job import Job, JobState
from reel_common.domain.kinds import KindRow
from reel_common.domain.step import StepState, step_id
from reel_common.ledger.decision import Outcome, Row, fact_of, new_step_row, order


@dataclass(frozen=True, slots=True)
class NewVersion:
    """The version that an edit will make, pending from the start: one a branch, or the database refuses it."""

    id: str
    session: str
    parent: str | None
    prompt: str | None
    branch: str = "main"


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as it is asked for. ``subject``: ``session:<id>`` or ``asset:<id>``; ``asset`` is a new row of ``assets``."""

    kind: str
    owner: str
    request: Mapping[str, Any]
    id: str = field(default_factory=new_id)
    subject: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    deadline_s: float | None = None
    version: NewVersion | None = None
    asset: Mapping[str, Any] | None = None
    idempotency_key: str | None = None
    request_sha256: str = ""


def submission(job: NewJob, rule: Rule, kinds: Mapping[str, KindRow]) -> tuple[dict[str, list[Row]], Outcome]:
    """The rows of a new job and what is to be rung and told after they are written."""
    first = follow(Job(job.id, job.kind, request=job.request), (), rule)
    orders = [
        order(kinds, job.id, job.owner, step_id(job.id, s), s.kind) for s in first.insert if s.state is StepState.READY
    ]
    waits = dict.fromkeys(n for s in first.insert for n in s.needs if ":" in n)
    parts: dict[str, list[Row]] = {
        "new_job": [_job_row(job, first.state or JobState.ACCEPTED)],
        "new_steps": [new_step_row(job.id, job.owner, s) for s in first.insert],
        "waits": [{"need": n, "job": job.id} for n in waits],
        "events": [{"job": job.id, "seq": 1, "type": "job.requested", "data": "{}"}],
        "outbox": [
            {"id": o.id, "type": o.type, "job": job.id, "owner": job.owner, "step": o.body["step"]} for o in orders
        ],
    }
    if job.version:
        version = job.version
        parts["new_version"] = [
            {"id": version.id, "session": version.session, "owner": job.owner, "branch": version.branch,
             "parent": version.parent, "job": job.id, "prompt": version.prompt}
        ]  # fmt: skip
    if job.asset:
        parts["assets"] = [{"owner": job.owner, "job": job.id, **job.asset}]
    if job.idempotency_key:
        made = {
            "owner": job.owner,
            "key": job.idempotency_key,
            "request_sha256": job.request_sha256,
            "made": f"job:{job.id}",
        }
        parts["new_key"] = [made]
    told = fact_of("job.changed", 1, job.id, job.owner, {})
    return parts, Outcome(orders=orders, facts=[told])


def _job_row(job: NewJob, state: JobState) -> Row:
    return {
        "id": job.id,
        "owner": job.owner,
        "kind": job.kind,
        "subject": job.subject,
        "request": json.dumps(dict(job.request)),
        "metadata": json.dumps(dict(job.metadata)),
        "state": state,
        "event_seq": 1,
        "deadline_s": job.deadline_s,
    }
