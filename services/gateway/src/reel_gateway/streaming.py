"""What happens to a job, as server-sent events: the ledger's have their number as id, progress has none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import Depends, Header, HTTPException, Query
from fastapi.sse import ServerSentEvent

from reel_common.errors import TransientError
from reel_common.ledger.showing import EventRow, JobRow
from reel_common.ports.noticeboard import Progress
from reel_gateway.caller import Caller
from reel_gateway.closing import closed_after
from reel_gateway.dependencies import Dependencies, Deps
from reel_gateway.objects import moment
from reel_gateway.parameters import JobId
from reel_gateway.progress import how_far, name_of
from reel_gateway.waiting import job_of
from reel_gateway.watch import POLL_S, Waker

log = structlog.get_logger(__name__)

AT_ONCE = 200
"""Events read in one go."""
RETRY_MS = 1000
"""After which a browser connects again."""
EVERY_S = 0.1
"""Between progress events: notes that come faster are told as one."""
FINISHED = "job.finished"

_seq = "^[0-9]{1,18}$"


class Resumption:
    """From where a client goes on: the job, as it is now, and the number of the last event that it has."""

    def __init__(self, job: JobRow, after: int) -> None:
        self.job, self.after = job, after


async def resumption(
    deps: Deps,
    owner: Caller,
    job: JobId,
    last_event_id: Annotated[str | None, Header(pattern=_seq, description="The last event seen.")] = None,
    after: Annotated[str | None, Query(pattern=_seq, description="The same, where a header cannot be sent.")] = None,
) -> Resumption:
    """Raises: HTTPException(204) when nothing more will ever come, which tells a browser to stop asking."""
    row = await job_of(deps, owner, job)
    seen = int(last_event_id or after or 0)
    if row.ended is not None and seen >= row.event_seq:
        raise HTTPException(204)
    return Resumption(row, seen)


Resumed = Annotated[Resumption, Depends(resumption)]


async def happenings(deps: Dependencies, owner: str, start: Resumption) -> AsyncIterator[ServerSentEvent]:
    """Events since ``start`` and those to come, until the job has ended or the process stops."""
    job, seen, told = start.job, start.after, {}  # type: tuple[JobRow, int, dict[str, Any]]
    yield ServerSentEvent(comment="reel", retry=RETRY_MS)
    with deps.wake.job(job.id) as waker:
        board = _Board(deps, job.id, waker)
        try:
            await board.fill()
            while not deps.wake.closed:
                news = await _news(deps, owner, job.id, seen, waker)
                for event in news:
                    seen = event.seq
                    yield _told(job.id, event)
                    if event.type == FINISHED:
                        return
                if news or board.is_ahead_of(job):
                    job = await _again(deps, owner, job)
                now = _progress(job, board.notes, deps)
                if now != told:
                    told = now
                    yield ServerSentEvent(event="progress", data=now)
                await waker.wait(POLL_S if waker.moved else None)
                if not waker.moved:
                    await asyncio.sleep(EVERY_S)
        finally:
            board.close()


async def _news(deps: Dependencies, owner: str, job: str, seen: int, waker: Waker) -> list[EventRow]:
    if not waker.moved:
        return []
    waker.moved = False
    try:
        found = await deps.reading.events(owner, job, seen, AT_ONCE)
    except TransientError:
        log.warning("events cannot be read", job=job)
        waker.moved = True  # so that it is tried again
        return []
    if len(found) == AT_ONCE:
        waker.wake()
    return found


async def _again(deps: Dependencies, owner: str, job: JobRow) -> JobRow:
    try:
        return await deps.reading.job(owner, job.id) or job
    except TransientError:
        return job


def _told(job: str, event: EventRow) -> ServerSentEvent:
    data = {"seq": event.seq, "type": event.type, "at": moment(event.at), "job_id": job, "data": event.data}
    return ServerSentEvent(event=event.type, id=str(event.seq), data=data)


def _progress(job: JobRow, notes: dict[str, Progress], deps: Dependencies) -> dict[str, Any]:
    far = how_far(job, notes, deps.heights)
    return {
        "job_id": job.id,
        "status": job.status,
        "stage": far.stage,
        "progress": far.progress,
        "message": far.message,
        "eta_s": far.eta_s,
    }


class _Board:
    """The newest note of each step of a job, kept up to date while somebody follows."""

    def __init__(self, deps: Dependencies, job: str, waker: Waker) -> None:
        self.notes: dict[str, Progress] = {}
        self._deps, self._job, self._waker = deps, job, waker
        self._following = asyncio.create_task(self._follow(deps.noticeboard.follow(job)))

    async def fill(self) -> None:
        """With what was put up before."""
        for note in await self._deps.noticeboard.read(self._job):
            self.notes.setdefault(note.step, note)

    def is_ahead_of(self, job: JobRow) -> bool:
        """Whether a step has been claimed since the job was read: a claim is no event."""
        epochs = {name_of(step): step.epoch for step in job.steps}
        return any(note.epoch > epochs.get(note.step, note.epoch) for note in self.notes.values())

    def close(self) -> None:
        """Follows no longer. Not waited for: a stream that is cut off has no time."""
        self._following.cancel()

    async def _follow(self, notes: AsyncIterator[Progress]) -> None:
        async with closed_after(notes):
            async for note in notes:
                self.notes[note.step] = note
                self._waker.wake(moved=False)
