"""Looks at a job, once or until there is nothing to wait for; what a look needs beside the row."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request

from reel_common.ledger.showing import JobRow
from reel_gateway.dependencies import Dependencies
from reel_gateway.links import Addresses
from reel_gateway.objects import JobObject
from reel_gateway.presenting import job_object
from reel_gateway.problems import not_found
from reel_gateway.progress import how_far, name_of

T = TypeVar("T")

SETTLED = frozenset({"succeeded", "failed", "cancelled", "paused", "needs_approval", "needs_answer"})
"""It has ended, or somebody has to do something before it goes on."""
ENDED = frozenset({"succeeded", "failed", "cancelled"})
_LOOK_UP_S = 5.0
"""Between looks whether the one who waits is still there."""


async def job_of(deps: Dependencies, owner: str, job: str) -> JobRow:
    """Raises: RefusedError(NOT_FOUND)."""
    row = await deps.reading.job(owner, job)
    if row is None:
        raise not_found("job")
    return row


async def shown(deps: Dependencies, at: Addresses, job: JobRow) -> JobObject:
    """As a single job is shown: with progress, and its place in the queue."""
    notes = {} if job.ended else {n.step: n for n in await deps.noticeboard.read(job.id)}
    return job_object(job, how_far(job, notes, deps.heights), at, await _queue_position(deps, job))


async def _queue_position(deps: Dependencies, job: JobRow) -> int | None:
    """How many steps have been ready for longer. The claim is fair between owners, so it may be fewer."""
    ready = [s for s in job.steps if s.state == "ready"]
    if job.status != "queued" or not ready:
        return None
    return await deps.reading.ahead(f"{job.id}/{name_of(ready[0])}")


async def job_when_settled(deps: Dependencies, owner: str, job: str, seconds: float, request: Request) -> JobRow:
    """The job as soon as there is nothing to wait for, or as it is after so many seconds. Raises: RefusedError(NOT_FOUND)."""

    async def look() -> JobRow:
        return await job_of(deps, owner, job)

    return await when(deps, job, look, lambda row: row.status in SETTLED, seconds, request)


async def when(
    deps: Dependencies,
    job: str | None,
    look: Callable[[], Awaitable[T]],
    enough: Callable[[T], bool],
    seconds: float,
    request: Request,
) -> T:
    """Looks again whenever something happened to the job, until it is enough, time is up or the client has gone."""
    if not seconds or job is None:
        return await look()
    until = time.monotonic() + seconds
    with deps.wake.job(job) as waker:
        while True:
            found = await look()
            left = until - time.monotonic()
            if enough(found) or left <= 0 or deps.wake.closed or await request.is_disconnected():
                return found
            await waker.wait(min(left, _LOOK_UP_S))
