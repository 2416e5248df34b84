"""Rows as they are shown to their owner, and the selects that make them: one for jobs, one for media.

How a job's state reads to people (``status``) is said once, in SQL, so that lists can be filtered by it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

STATUS = """(case when jobs.ended is not null then jobs.state
    when jobs.ending is not null then 'running'
    when jobs.paused = 1 then 'paused'
    when jobs.state = 'needs_approval' then 'needs_approval'
    when exists (select 1 from steps where steps.job = jobs.id and steps.started is not null) then 'running'
    else 'queued' end)"""

JOB = f"""select jobs.id, jobs.kind, jobs.subject, jobs.request, jobs.metadata, jobs.ending, jobs.degraded, jobs.delivery,
    jobs.error, jobs.event_seq, jobs.created, jobs.ended, {STATUS} as status,
    (select {{aggregate}}({{record}}('step', step, 'item', item, 'rev', rev, 'kind', kind, 'state', state, 'epoch', epoch,
        'started', started, 'error', error)) from steps where steps.job = jobs.id) as steps,
    (select {{aggregate}}({{record}}('role', role, 'asset_id', id, 'media_type', media_type, 'bytes', size, 'facts', facts))
        from assets where assets.job = jobs.id and assets.step is not null and assets.state = 'ready'
        and jobs.state in ('failed', 'cancelled')) as partial
    from jobs"""
"""``partial``: what a job that did not succeed made nevertheless."""

ASSET = """select assets.*, (select {aggregate}({record}('role', role, 'asset_id', id, 'media_type', media_type, 'bytes', size))
    from assets made where made.source = assets.id and made.owner = assets.owner and made.state = 'ready') as renditions
    from assets"""


@dataclass(frozen=True, slots=True)
class JobStep:
    """What a job's row tells of a step: enough for how far it is."""

    step: str
    item: int
    rev: int
    kind: str
    state: str
    epoch: int
    started: float | None
    error: Json | None


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job. ``stopping``: it is ending while something of it still runs. Times in seconds since 1970."""

    id: str
    kind: str
    subject: str
    status: str
    stopping: bool
    request: Json
    metadata: Json
    degraded: tuple[str, ...]
    delivery: Json | None
    error: Json | None
    event_seq: int
    created: float
    ended: float | None
    steps: tuple[JobStep, ...]
    partial: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened to a job; ``seq`` counts from 1 without gaps."""

    seq: int
    type: str
    at: float
    data: Json


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step with how it went. ``result`` and ``error`` are as the handler left them."""

    step: str
    item: int
    rev: int
    kind: str
    state: str
    take: int
    attempt: int
    crashes: int
    epoch: int
    started: float | None
    ended: float | None
    result: Json | None
    error: Json | None


@dataclass(frozen=True, slots=True)
class AssetRow:
    """A media file. ``job`` made it or looks at it; ``source`` is the asset that it is a rendition of."""

    id: str
    owner: str
    role: str
    state: str
    name: str
    media_type: str
    sha256: str
    size: int
    job: str | None
    source: str | None
    facts: Json | None
    error: Json | None
    created: float
    renditions: tuple[Json, ...]


def job_from(row: Any) -> JobRow:
    """From a row of ``JOB``."""
    steps = (JobStep(**{**s, "error": _read(s["error"])}) for s in aggregate(row.steps))
    return JobRow(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        status=row.status,
        stopping=row.ending is not None and row.ended is None,
        request=json.loads(row.request),
        metadata=json.loads(row.metadata),
        degraded=tuple(_read(row.degraded) or ()),
        delivery=_read(row.delivery),
        error=_read(row.error),
        event_seq=int(row.event_seq),
        created=float(row.created),
        ended=row.ended,
        steps=tuple(sorted(steps, key=lambda s: (s.started or float("inf"), s.step, s.item, s.rev))),
        partial=tuple({**p, "facts": _read(p["facts"])} for p in aggregate(row.partial)),
    )


def step_from(row: Any) -> StepRow:
    """From a row of ``steps``."""
    names = ("step", "item", "rev", "kind", "state", "take", "attempt", "crashes", "epoch", "started", "ended")
    return StepRow(**{n: getattr(row, n) for n in names}, result=_read(row.result), error=_read(row.error))


def asset_from(row: Any) -> AssetRow:
    """From a row of ``ASSET``."""
    names = ("id", "owner", "role", "state", "name", "media_type", "sha256", "job", "source")
    return AssetRow(
        **{n: getattr(row, n) for n in names},
        size=int(row.size),
        facts=_read(row.facts),
        error=_read(row.error),
        created=float(row.created),
        renditions=tuple(aggregate(row.renditions)),
    )


def aggregate(value: Any) -> Any:
    """An aggregate: text on SQLite, read already on PostgreSQL, null for no rows."""
    return json.loads(value) if isinstance(value, str) else value or []


def _read(text: str | None) -> Any:
    return json.loads(text) if text else None
