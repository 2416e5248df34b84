"""Edits: from a request on a session to a job with the version that it will make; and the same once more."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from reel_common.domain.ids import new_id
from reel_common.errors import Code
from reel_common.ledger import NewJob, NewVersion
from reel_common.ledger.sessions import SessionRow, VersionRow
from reel_common.ledger.showing import AssetRow, JobRow
from reel_common.plugins import MOST_OPERATIONS, read_operations
from reel_gateway.bodies import Strict
from reel_gateway.dependencies import Dependencies
from reel_gateway.parameters import UUID
from reel_gateway.problems import RefusedError, not_found
from reel_gateway.starting import Asked, Started, start
from reel_gateway.waiting import ENDED

LONGEST_PROMPT = 4000
LONGEST_DEADLINE_S = 7 * 24 * 3600
MOST_METADATA_BYTES = 16 * 1024
ORIGINAL = "original"

_BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and signs that leave no ink."""


def _readable(text: str) -> str:
    seen = (c for c in text if unicodedata.category(c)[0] not in "ZCM" and c not in _BLANK)
    if next(seen, None) is None:
        raise PydanticCustomError("empty", "has nothing to read in it")
    return text


Prompt = Annotated[str, Field(max_length=LONGEST_PROMPT), AfterValidator(_readable)]


class EditRequest(Strict):
    """What an edit may say: either words or operations."""

    prompt: Prompt | None = None
    operations: Annotated[list[dict[str, Any]], Field(max_length=MOST_OPERATIONS)] | None = None
    plan_only: bool = False
    base_version: Annotated[str, Field(pattern=f"^({ORIGINAL}|{UUID})$"), AfterValidator(str.lower)] | None = None
    deadline_s: Annotated[float, Field(gt=0, le=LONGEST_DEADLINE_S)] | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    on_busy: Literal["reject", "queue"] = "reject"

    @field_validator("operations")
    @classmethod
    def _has_operations(cls, value: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        if value is not None and not value:
            raise PydanticCustomError("empty", "has nothing to read in it")
        return value

    @field_validator("metadata")
    @classmethod
    def _is_small(cls, value: dict[str, Any]) -> dict[str, Any]:
        if len(json.dumps(value)) > MOST_METADATA_BYTES:
            raise PydanticCustomError("too_long", "is too long", {"max_length": MOST_METADATA_BYTES})
        return value

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.prompt is None) == (self.operations is None):
            raise PydanticCustomError("prompt_or_operations", "needs either prompt or operations")
        return self


async def begin(deps: Dependencies, asked: Asked, session: SessionRow, request: EditRequest) -> Started:
    """Accepts an edit of a session that is there. Raises: RefusedError, RejectedError with what is in its way."""
    if request.on_busy == "queue":
        detail = "Edits cannot be queued behind each other yet: on_busy can only be reject."
        raise RefusedError(Code.INVALID, detail, fields=(("on_busy", "can only be reject for now"),))
    if request.operations is not None:
        read_operations(deps.tools, request.operations)
    await usable(deps, asked.owner, session.inputs)
    base = await _base(deps, asked.owner, session, request.base_version)
    version = None if request.plan_only else new_id()
    job = NewJob(
        "edit",
        asked.owner,
        {
            "session": session.id,
            "version": version,
            "prompt": request.prompt,
            "operations": request.operations,
            "inputs": list(session.inputs),
            "base_operations": list(base.operations) if base else [],
            "plan_only": request.plan_only,
        },
        subject=f"session:{session.id}",
        metadata=request.metadata,
        deadline_s=request.deadline_s,
        version=NewVersion(version, session.id, base.id if base else None, request.prompt) if version else None,
    )
    return await _start_unless_deleted(deps, asked, session.id, job)


async def once_more(deps: Dependencies, asked: Asked, job: JobRow) -> Started:
    """A new job with the request of one that has ended, from the same version; what was finished is used again."""
    if job.status not in ENDED:
        raise RefusedError(Code.WRONG_STATE, "The job has not ended yet.", hint="Cancel it first.")
    if job.kind != "edit":
        raise RefusedError(Code.WRONG_STATE, "An upload is looked at once.", hint="Upload the file again.")
    session = await session_of(deps, asked.owner, job.request["session"])
    await usable(deps, asked.owner, job.request["inputs"])
    before = await deps.sessions.version_of(asked.owner, job.id)
    version = new_id() if before else None
    again = NewJob(
        "edit",
        asked.owner,
        {**job.request, "version": version},
        subject=job.subject,
        metadata=job.metadata,
        version=NewVersion(version, session.id, before.parent, before.prompt) if before and version else None,
    )
    return await _start_unless_deleted(deps, asked, session.id, again)


async def session_of(deps: Dependencies, owner: str, session: str) -> SessionRow:
    """Raises: RefusedError(NOT_FOUND, GONE)."""
    row = await deps.sessions.get(owner, session)
    if row is None:
        raise not_found("session")
    if row.deleted is not None:
        raise RefusedError(Code.GONE, "The session has been deleted.")
    return row


async def usable(deps: Dependencies, owner: str, inputs: Sequence[str]) -> None:
    """Whether all of these can be edited, now or once they have been looked at. Raises: RefusedError."""
    found = await deps.reading.some_assets(owner, inputs)
    for asset in inputs:
        if asset not in found:
            raise not_found("asset")
        _check(found[asset])


def _check(asset: AssetRow) -> None:
    if asset.state == "deleted":
        raise RefusedError(Code.GONE, "A file of this request has been deleted.", hint="Upload it again.")
    if asset.state == "uploading":
        raise RefusedError(Code.NOT_READY, "A file of this request is still being uploaded.")
    if asset.state == "rejected":
        why = asset.error or {"code": Code.NOT_MEDIA, "detail": "A file of this request was rejected."}
        raise RefusedError(Code(why["code"]), why["detail"], hint="Upload another file.", status=422)


async def _base(deps: Dependencies, owner: str, session: SessionRow, wanted: str | None) -> VersionRow | None:
    """The version that the edit goes on from; None is the original."""
    base = wanted or session.head
    if base is None or base == ORIGINAL:
        return None
    version = await deps.sessions.version(owner, session.id, base)
    if version is None:
        raise not_found("version")
    if version.state != "ready":
        raise RefusedError(Code.NOT_READY, "That version is not there to be edited.", members={"job_id": version.job})
    return version


async def _start_unless_deleted(deps: Dependencies, asked: Asked, session: str, job: NewJob) -> Started:
    """Looks again after the commit: either this sees that the session is deleted, or who deletes it sees the job."""
    started = await start(deps, asked, job)
    row = await deps.sessions.get(asked.owner, session)
    if row is not None and row.deleted is not None:
        deps.announce(await deps.ledger.cancel(started.id))
        raise RefusedError(Code.GONE, "The session has been deleted.")
    return started
