"""``/v1/sessions/{id}/edits``: asks for a new version, in words or operations."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from reel_gateway.bodies import StrictRoute
from reel_gateway.caller import Caller
from reel_gateway.dependencies import Dependencies, Deps
from reel_gateway.editing import EditRequest, begin, session_of
from reel_gateway.links import Addresses, At
from reel_gateway.objects import JobObject
from reel_gateway.parameters import Key, SessionId, Wait, fingerprint
from reel_gateway.starting import Asked, Started, made_before
from reel_gateway.waiting import SETTLED, job_when_settled, shown

router = APIRouter(prefix="/v1/sessions", tags=["edits"], route_class=StrictRoute)


@router.post("/{session}/edits", status_code=202)
async def edit(
    deps: Deps,
    owner: Caller,
    at: At,
    key: Key,
    wait: Wait,
    session: SessionId,
    body: EditRequest,
    request: Request,
    response: Response,
) -> JobObject:
    """Accepts the edit and answers with its job; with ``wait``, with the job when it has ended."""
    asked = Asked(owner, key, fingerprint("edit", session, body.model_dump()))
    started = await made_before(deps, asked, "job")
    if started is None:
        started = await begin(deps, asked, await session_of(deps, owner, session), body)
    return await answer(deps, at, started, wait, request, response)


async def answer(
    deps: Dependencies, at: Addresses, started: Started, wait: float, request: Request, response: Response
) -> JobObject:
    """202 with the job that was started, 200 when there is nothing more to wait for. A client that goes cancels nothing."""
    job = await job_when_settled(deps, at.owner, started.id, wait, request)
    response.headers["Location"] = at.to("jobs", job.id)
    if started.again:
        response.headers["Idempotent-Replayed"] = "true"
    if wait:
        response.headers["Preference-Applied"] = f"wait={wait:.0f}"
    if job.status in SETTLED:
        response.status_code = 200
    return await shown(deps, at, job)
