"""``/v1/sessions``: edit projects and their versions."""

from __future__ import annotations

import json
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, Field

from reel_common.domain.ids import new_id
from reel_common.errors import Code
from reel_common.ledger.sessions import NewSession, SessionRow, VersionRow
from reel_common.ports.store import ObjectMissingError
from reel_gateway.bodies import Strict, StrictRoute
from reel_gateway.caller import Caller
from reel_gateway.dependencies import Dependencies, Deps
from reel_gateway.editing import session_of, usable
from reel_gateway.links import At
from reel_gateway.naming import display_name
from reel_gateway.objects import Page, SessionObject, VersionObject
from reel_gateway.parameters import Id, Key, PageQuery, SessionId, VersionId, fingerprint
from reel_gateway.presenting import page_of, session_object, version_object
from reel_gateway.problems import RefusedError, not_found
from reel_gateway.starting import Asked, Started, made_before

router = APIRouter(prefix="/v1/sessions", tags=["sessions"], route_class=StrictRoute)

MOST_INPUTS = 16

Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(display_name)]


class SessionRequest(Strict):
    """A new session. The first input is the clip; each may still be being looked at."""

    inputs: Annotated[list[Id], Field(min_length=1, max_length=MOST_INPUTS)]
    name: Name | None = None


class SessionChange(Strict):
    """What of a session can be changed."""

    name: Name


@router.post("", status_code=201)
async def create_session(
    deps: Deps, owner: Caller, at: At, key: Key, body: SessionRequest, response: Response
) -> SessionObject:
    """Begins an edit project with uploaded files."""
    asked = Asked(owner, key, fingerprint("session", body.model_dump()))
    started = await made_before(deps, asked, "session") or await _create(deps, asked, body)
    if started.again:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers["Location"] = at.to("sessions", started.id)
    return await _shown(deps, at, await session_of(deps, owner, started.id))


async def _create(deps: Dependencies, asked: Asked, body: SessionRequest) -> Started:
    await usable(deps, asked.owner, body.inputs)
    clip = await deps.reading.asset(asked.owner, body.inputs[0])
    name = body.name or (clip.name if clip else "session")
    new = NewSession(new_id(), asked.owner, name, tuple(body.inputs), asked.key, asked.fingerprint)
    try:
        await deps.sessions.create(new)
    except sa.exc.IntegrityError:
        if again := await made_before(deps, asked, "session"):
            return again
        raise
    return Started(new.id)


@router.get("")
async def list_sessions(deps: Deps, owner: Caller, at: At, query: Annotated[PageQuery, Query()]) -> Page[SessionObject]:
    """Newest first."""
    rows = await deps.sessions.newest(owner, query.before, query.limit + 1)
    return page_of(rows, query.limit, lambda s: session_object(s, None, at))


@router.get("/{session}")
async def get_session(deps: Deps, owner: Caller, at: At, session: SessionId) -> SessionObject:
    """One session, with the version that an edit goes on from."""
    return await _shown(deps, at, await session_of(deps, owner, session))


@router.patch("/{session}")
async def rename_session(deps: Deps, owner: Caller, at: At, session: SessionId, body: SessionChange) -> SessionObject:
    """Gives it another name."""
    await deps.sessions.rename(owner, session, body.name)
    return await _shown(deps, at, await session_of(deps, owner, session))


@router.delete("/{session}", status_code=204)
async def delete_session(deps: Deps, owner: Caller, session: SessionId) -> None:
    """Deletes it and cancels what is being made in it. Files stay until they are deleted themselves."""
    if await deps.sessions.get(owner, session) is None:
        raise not_found("session")
    await deps.sessions.delete(owner, session)
    for job in await deps.sessions.live_jobs(owner, session):
        deps.announce(await deps.ledger.cancel(job))


@router.get("/{session}/versions")
async def list_versions(
    deps: Deps, owner: Caller, at: At, session: SessionId, query: Annotated[PageQuery, Query()]
) -> Page[VersionObject]:
    """Newest first, whatever became of them."""
    await session_of(deps, owner, session)
    rows = await deps.sessions.versions(owner, session, query.before, query.limit + 1)
    return page_of(rows, query.limit, lambda v: version_object(v, at))


@router.get("/{session}/versions/{version}")
async def get_version(deps: Deps, owner: Caller, at: At, session: SessionId, version: VersionId) -> VersionObject:
    """Operations, outputs, and where to read the program and the report."""
    return version_object(await _version(deps, owner, session, version), at)


@router.get("/{session}/versions/{version}/program", response_class=Response)
async def get_program(deps: Deps, owner: Caller, session: SessionId, version: VersionId, request: Request) -> Response:
    """The program that made it: to read and to run by hand, or as JSON for who accepts only that."""
    row = await _version(deps, owner, session, version)
    stored = _key(row, "program_key")
    headers = {"Vary": "Accept"}
    if request.headers.get("accept", "").startswith("application/json"):
        return Response(await _stored(deps, owner, stored), headers=headers, media_type="application/json")
    readable = f"{stored.rpartition('/')[0]}/program.sh"
    return Response(await _stored(deps, owner, readable), headers=headers, media_type="text/plain; charset=utf-8")


@router.get("/{session}/versions/{version}/report")
async def get_report(deps: Deps, owner: Caller, session: SessionId, version: VersionId) -> dict[str, Any]:
    """What was checked before it was delivered, and the figures."""
    row = await _version(deps, owner, session, version)
    report: dict[str, Any] = json.loads(await _stored(deps, owner, _key(row, "report_key")))
    return report


async def _shown(deps: Dependencies, at: At, session: SessionRow) -> SessionObject:
    head = await deps.sessions.version(at.owner, session.id, session.head) if session.head else None
    return session_object(session, head, at)


async def _version(deps: Dependencies, owner: str, session: str, version: str) -> VersionRow:
    await session_of(deps, owner, session)
    row = await deps.sessions.version(owner, session, version)
    if row is None:
        raise not_found("version")
    return row


def _key(version: VersionRow, name: str) -> str:
    if version.state == "pending":
        raise RefusedError(Code.NOT_READY, "This version is still being made.", members={"job_id": version.job})
    stored = (version.delivery or {}).get(name)
    if not isinstance(stored, str):
        raise RefusedError(Code.NOT_FOUND, "This version was not finished.")
    return stored


async def _stored(deps: Dependencies, owner: str, key: str) -> bytes:
    if not key.startswith(f"u/{owner}/"):
        raise RefusedError(Code.NOT_FOUND, "There is nothing of yours here.")
    try:
        return await deps.store.get(key)
    except ObjectMissingError:
        raise RefusedError(Code.GONE, "It is not stored any more.") from None
