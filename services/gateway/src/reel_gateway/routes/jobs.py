"""``/v1/jobs``: every attempt at anything, what happens to it, and the wishes that one can have about it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field

from reel_common.errors import Code
from reel_common.ledger import Outcome
from reel_common.ledger.reading import Filter
from reel_common.ports.store import ObjectMissingError
from reel_gateway.bodies import StrictRoute
from reel_gateway.caller import Caller
from reel_gateway.closing import Stream
from reel_gateway.dependencies import Dependencies, Deps
from reel_gateway.editing import once_more
from reel_gateway.links import Addresses, At
from reel_gateway.logbook import log_of
from reel_gateway.objects import AssetObject, JobObject, Page, StepObject
from reel_gateway.parameters import UUID, JobId, Key, PageQuery, Wait, fingerprint
from reel_gateway.presenting import asset_object, job_object, page_of, step_object
from reel_gateway.problems import RefusedError
from reel_gateway.progress import how_far
from reel_gateway.routes.edits import answer
from reel_gateway.starting import Asked, made_before
from reel_gateway.streaming import Resumed, happenings
from reel_gateway.waiting import ENDED, job_of, job_when_settled, shown

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=StrictRoute)

Status = Literal[
    "queued", "running", "needs_approval", "needs_answer", "paused", "succeeded", "failed", "cancelled"
]  # fmt: skip


class JobsQuery(PageQuery):
    """Which jobs."""

    kind: Annotated[str | None, Field(pattern="^[a-z]{1,20}$")] = None
    status: list[Status] = Field(default_factory=list)
    subject: Annotated[str | None, Field(pattern=f"^(session|asset):{UUID}$")] = None


@router.get("")
async def list_jobs(deps: Deps, owner: Caller, at: At, query: Annotated[JobsQuery, Query()]) -> Page[JobObject]:
    """Newest first. A job under way shows how far its steps are; a single job is shown more finely."""
    which = Filter(
        kind=query.kind,
        subject=query.subject and query.subject.lower(),
        statuses=tuple(query.status),
        before=query.before,
        limit=query.limit + 1,
    )
    rows = await deps.reading.jobs(owner, which)
    return page_of(rows, query.limit, lambda job: job_object(job, how_far(job, {}, deps.heights), at))


@router.get("/{job}")
async def get_job(deps: Deps, owner: Caller, at: At, job: JobId, wait: Wait, request: Request) -> JobObject:
    """One job; with ``wait``, as soon as it has ended or needs somebody."""
    return await shown(deps, at, await job_when_settled(deps, owner, job, wait, request))


@router.get("/{job}/events", response_class=EventSourceResponse)
async def job_events(deps: Deps, owner: Caller, start: Resumed) -> AsyncIterator[ServerSentEvent]:
    """Everything that happened since ``Last-Event-ID``, and then as it happens; ends when the job does."""
    async for event in happenings(deps, owner, start):
        yield event


@router.get("/{job}/steps")
async def job_steps(deps: Deps, owner: Caller, job: JobId) -> Page[StepObject]:
    """The pieces of its work, in the order in which they were begun."""
    await job_of(deps, owner, job)
    return Page(items=[step_object(s) for s in await deps.reading.steps(owner, job)])


@router.get("/{job}/artifacts")
async def job_artifacts(deps: Deps, owner: Caller, at: At, job: JobId) -> Page[AssetObject]:
    """Every file that it made, whether or not it was delivered."""
    await job_of(deps, owner, job)
    return Page(items=[asset_object(a, at) for a in await deps.reading.made_by(owner, job)])


@router.get("/{job}/plan")
async def job_plan(deps: Deps, owner: Caller, job: JobId) -> dict[str, Any]:
    """What was understood, and the operations that came of it."""
    row = await job_of(deps, owner, job)
    steps = [s for s in await deps.reading.steps(owner, job) if s.step == "plan" and s.result]
    key = (steps[-1].result or {}).get("plan_key", "") if steps else ""
    if not key.startswith(f"u/{owner}/"):
        code = Code.NOT_FOUND if row.status in ENDED else Code.NOT_READY
        raise RefusedError(code, "This job has no plan." if row.status in ENDED else "The plan is still being made.")
    try:
        plan: dict[str, Any] = json.loads(await deps.store.get(key))
    except ObjectMissingError:
        raise RefusedError(Code.GONE, "The plan is not stored any more.") from None
    return plan


@router.get("/{job}/log", response_class=Response)
async def job_log(deps: Deps, owner: Caller, job: JobId) -> Response:
    """What the programs of this job wrote, try by try, as text."""
    await job_of(deps, owner, job)
    steps = await deps.reading.steps(owner, job)
    return Stream(log_of(deps.store, owner, job, steps), media_type="text/plain; charset=utf-8")


@router.post("/{job}/cancel", status_code=202)
async def cancel(deps: Deps, owner: Caller, at: At, job: JobId) -> JobObject:
    """Stops it: what waits at once, what runs within a second. Cancelling again changes nothing."""
    await job_of(deps, owner, job)
    outcome = await deps.ledger.cancel(job)
    row = await job_of(deps, owner, job)
    if outcome.fenced and row.status != "cancelled":
        raise _too_late(row.status)
    deps.announce(outcome)
    return await shown(deps, at, row)


@router.post("/{job}/pause")
async def pause(deps: Deps, owner: Caller, at: At, job: JobId) -> JobObject:
    """Nothing more is started; what runs finishes."""
    await job_of(deps, owner, job)
    return await _wished(deps, at, job, await deps.ledger.pause(job))


@router.post("/{job}/resume")
async def resume(deps: Deps, owner: Caller, at: At, job: JobId) -> JobObject:
    """Goes on with a paused job."""
    await job_of(deps, owner, job)
    return await _wished(deps, at, job, await deps.ledger.resume(job))


@router.post("/{job}/retry", status_code=202)
async def retry(
    deps: Deps, owner: Caller, at: At, key: Key, wait: Wait, job: JobId, request: Request, response: Response
) -> JobObject:
    """The same once more, as a new job that uses again what was finished."""
    asked = Asked(owner, key, fingerprint("retry", job))
    started = await made_before(deps, asked, "job")
    if started is None:
        started = await once_more(deps, asked, await job_of(deps, owner, job))
    return await answer(deps, at, started, wait, request, response)


async def _wished(deps: Dependencies, at: Addresses, job: str, outcome: Outcome) -> JobObject:
    row = await job_of(deps, at.owner, job)
    if outcome.fenced:
        raise _too_late(row.status)
    deps.announce(outcome)
    return await shown(deps, at, row)


def _too_late(status: str) -> RefusedError:
    if status in ENDED:
        return RefusedError(Code.ALREADY_ENDED, f"The job has {status if status != 'cancelled' else 'been cancelled'}.")
    return RefusedError(Code.WRONG_STATE, "The job is being stopped.")
