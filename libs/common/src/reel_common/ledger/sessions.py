"""Sessions and their versions: what a person edits, and what came of each edit.

A version is written together with the job that makes it, and by that job's end: here it is only read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from reel_common.ledger.database import Database
from reel_common.ledger.dialect import statement
from reel_common.ledger.showing import Json
from reel_common.ledger.statements import NEW_KEY

_SESSION = """select sessions.*,
    (select count(*) from versions where versions.session = sessions.id and versions.state = 'ready') as made,
    (select max(job) from versions where versions.session = sessions.id and versions.state = 'pending') as busy
    from sessions where sessions.owner = :owner"""
_NEW = """insert into sessions (id, owner, name, inputs, created) select value->>'id', value->>'owner', value->>'name',
    value->>'inputs', {now} from {rows:session}"""
_RENAME = "update sessions set name = :name where id = :id and owner = :owner and deleted is null returning id"
_DELETE = "update sessions set deleted = {now} where id = :id and owner = :owner and deleted is null returning id"
_LIVE_JOBS = "select id from jobs where owner = :owner and subject = :subject and ended is null"
_VERSION = """select versions.* from versions
    where versions.owner = :owner and versions.session = :session"""
_OF_JOB = "select * from versions where owner = :owner and job = :job"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """``head`` is the version that an edit goes on from, None for the original; ``busy`` the job of a pending version."""

    id: str
    name: str
    inputs: tuple[str, ...]
    head: str | None
    versions: int
    busy: str | None
    created: float
    deleted: float | None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """``state``: pending, ready, failed, cancelled. Only a ready one has a ``delivery``."""

    id: str
    session: str
    branch: str
    parent: str | None
    job: str
    state: str
    prompt: str | None
    delivery: Json | None
    created: float

    @property
    def operations(self) -> Sequence[Any]:
        """The whole list from the originals."""
        return list((self.delivery or {}).get("operations", ()))


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session as it is asked for, with the key that it may be asked for again with."""

    id: str
    owner: str
    name: str
    inputs: tuple[str, ...]
    idempotency_key: str | None = None
    request_sha256: str = ""


class Sessions:
    """Raises TransientError when the database is away, from every method."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, new: NewSession) -> None:
        """Raises: IntegrityError when the idempotency key is taken."""
        row = {"id": new.id, "owner": new.owner, "name": new.name, "inputs": json.dumps(new.inputs)}
        parts = [(_NEW, "session", row)]
        if new.idempotency_key:
            key = {"owner": new.owner, "key": new.idempotency_key, "request_sha256": new.request_sha256}
            parts.append((NEW_KEY, "new_key", {**key, "made": f"session:{new.id}"}))

        def work(connection: sa.Connection) -> None:
            for text, name, values in parts:
                connection.execute(statement(self._database.dialect, text), {name: json.dumps([values])})

        await self._database.transact(work)

    async def get(self, owner: str, session: str) -> SessionRow | None:
        """Also one that was deleted."""
        rows = await self._database.read(f"{_SESSION} and sessions.id = :id", {"owner": owner, "id": session})
        return _session(rows[0]) if rows else None

    async def newest(self, owner: str, before: str | None, limit: int) -> list[SessionRow]:
        """Newest first, without deleted ones."""
        older, params = "", {"owner": owner, "n": limit}
        if before:
            older, params["before"] = "and sessions.id < :before", before
        text = f"{_SESSION} and sessions.deleted is null {older} order by sessions.id desc limit :n"
        return [_session(row) for row in await self._database.read(text, params)]

    async def rename(self, owner: str, session: str, name: str) -> bool:
        """False when there is none, or no more."""
        return bool(await self._database.query(_RENAME, {"owner": owner, "id": session, "name": name}))

    async def delete(self, owner: str, session: str) -> bool:
        """Marks it; its live jobs are the caller's to cancel. False when there is none, or no more."""
        return bool(await self._database.query(_DELETE, {"owner": owner, "id": session}))

    async def live_jobs(self, owner: str, session: str) -> tuple[str, ...]:
        """Jobs of this session that have not ended."""
        rows = await self._database.read(_LIVE_JOBS, {"owner": owner, "subject": f"session:{session}"})
        return tuple(row.id for row in rows)

    async def version(self, owner: str, session: str, version: str) -> VersionRow | None:
        """In whatever state."""
        params = {"owner": owner, "session": session, "id": version}
        rows = await self._database.read(f"{_VERSION} and versions.id = :id", params)
        return _version(rows[0]) if rows else None

    async def versions(self, owner: str, session: str, before: str | None, limit: int) -> Sequence[VersionRow]:
        """Newest first."""
        older, params = "", {"owner": owner, "session": session, "n": limit}
        if before:
            older, params["before"] = "and versions.id < :before", before
        text = f"{_VERSION} {older} order by versions.id desc limit :n"
        return [_version(row) for row in await self._database.read(text, params)]

    async def version_of(self, owner: str, job: str) -> VersionRow | None:
        """The version that a job makes or made."""
        rows = await self._database.read(_OF_JOB, {"owner": owner, "job": job})
        return _version(rows[0]) if rows else None

    async def pending(self, owner: str, session: str, branch: str = "main") -> str | None:
        """The job that is making this branch's next version."""
        text = f"{_VERSION} and versions.branch = :branch and versions.state = 'pending'"
        rows = await self._database.read(text, {"owner": owner, "session": session, "branch": branch})
        return rows[0].job if rows else None


def _session(row: Any) -> SessionRow:
    return SessionRow(
        id=row.id,
        name=row.name,
        inputs=tuple(json.loads(row.inputs)),
        head=row.head,
        versions=int(row.made),
        busy=row.busy,
        created=float(row.created),
        deleted=row.deleted,
    )


def _version(row: Any) -> VersionRow:
    names = ("id", "session", "branch", "parent", "job", "state", "prompt")
    delivery = json.loads(row.delivery) if row.delivery else None
    return VersionRow(**{n: getattr(row, n) for n in names}, delivery=delivery, created=float(row.created))
