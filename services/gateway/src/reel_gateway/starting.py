"""Starts jobs: once under an idempotency key, one at a time for each branch of a session."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sqlalchemy as sa

from reel_common.errors import Code, TransientError
from reel_common.ledger import NewJob
from reel_gateway.dependencies import Dependencies
from reel_gateway.problems import RefusedError

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, under which key, and what tells the same request from another."""

    owner: str
    key: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Started:
    """``again``: this very request made it before."""

    id: str
    again: bool = False


async def made_before(deps: Dependencies, asked: Asked, what: str) -> Started | None:
    """What was made under this key, if the request was the same. Raises: RefusedError(IDEMPOTENCY_MISMATCH)."""
    if asked.key is None:
        return None
    found = await deps.reading.made_under(asked.owner, asked.key)
    if found is None:
        return None
    made, fingerprint = found
    kind, _, name = made.partition(":")
    if fingerprint != asked.fingerprint or kind != what:
        raise RefusedError(
            Code.IDEMPOTENCY_MISMATCH,
            "This Idempotency-Key was used for another request.",
            hint="Make a new key for each request; send the same one only to ask for the same again.",
        )
    return Started(name, again=True)


async def start(deps: Dependencies, asked: Asked, job: NewJob) -> Started:
    """Submits the job and rings for it. Raises: RefusedError(BUSY) when its branch has a version under way."""
    job = replace(job, idempotency_key=asked.key, request_sha256=asked.fingerprint if asked.key else "")
    for _ in range(_TRIES):
        try:
            outcome = await deps.ledger.submit(job)
        except sa.exc.IntegrityError:
            if again := await made_before(deps, asked, "job"):
                return again
            await _refuse_busy(deps, job)
        else:
            deps.announce(outcome)
            return Started(job.id)
    raise TransientError("The branch changed too often while the job was being accepted.")


async def _refuse_busy(deps: Dependencies, job: NewJob) -> None:
    if job.version is None:
        return
    busy = await deps.sessions.pending(job.owner, job.version.session, job.version.branch)
    if busy is not None:
        raise RefusedError(
            Code.BUSY,
            "Another edit of this session is under way.",
            hint=f"Wait for job {busy}, or cancel it.",
            members={"job_id": busy},
        )
