"""What the gateway reads of jobs and media, always as one owner, and the little that it writes beside jobs.

A job's changes are the ledger's alone. Whose a row is, is asked in every statement.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reel_common.ledger.database import Database
from reel_common.ledger.showing import (
    ASSET,
    JOB,
    STATUS,
    AssetRow,
    EventRow,
    JobRow,
    StepRow,
    asset_from,
    job_from,
    step_from,
)

KEY_AGE = 24 * 3600.0
"""Seconds for which an idempotency key answers with what was made under it."""
MOST_AHEAD = 1000
"""A place in the queue is counted up to here."""

_EVENTS = """select seq, type, data, at from events where job = :job and seq > :after
    and exists (select 1 from jobs where jobs.id = events.job and jobs.owner = :owner) order by seq limit :n"""
_STEPS = "select * from steps where job = :job and owner = :owner"
_SEQS = "select id, event_seq from jobs where id in (select value->>'id' from {rows:ids})"
_AHEAD = """select count(*) as n from (select 1 as one from steps other
    where other.state = 'ready' and other.kind = (select kind from steps where id = :id)
    and other.ready_at < (select ready_at from steps where id = :id) limit :most) older"""
_KEY = """select made, request_sha256 from idempotency
    where owner = :owner and key = :key and created >= {now} - :age"""
_DROP_KEY = "delete from idempotency where owner = :owner and key = :key and created < {now} - :age"
_DELETE_ASSET = """update assets set state = 'deleted' where owner = :owner and state <> 'deleted' and (id = :id or source = :id)
    returning id"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of an owner's rows; ``before`` is the id of the last one seen, newest first."""

    kind: str | None = None
    subject: str | None = None
    statuses: tuple[str, ...] = ()
    role: str | None = None
    before: str | None = None
    limit: int = 50


class Reading:
    """Every method is one statement. Raises TransientError when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def alive(self) -> bool:
        """Whether the database answers and has the schema."""
        await self._database.read("select count(*) as n from jobs where id = ''")
        return True

    # jobs

    async def job(self, owner: str, job: str) -> JobRow | None:
        """The job with what its steps say of it."""
        rows = await self._database.read(
            f"{JOB} where jobs.owner = :owner and jobs.id = :id", {"owner": owner, "id": job}
        )
        return job_from(rows[0]) if rows else None

    async def jobs(self, owner: str, which: Filter) -> list[JobRow]:
        """Newest first."""
        conditions, params = ["jobs.owner = :owner"], {"owner": owner, "n": which.limit}
        for name, value in (("kind", which.kind), ("subject", which.subject)):
            if value is not None:
                conditions.append(f"jobs.{name} = :{name}")
                params[name] = value
        if which.before:
            conditions.append("jobs.id < :before")
            params["before"] = which.before
        if which.statuses:
            conditions.append(f"{STATUS} in (select value->>'is' from {{rows:statuses}})")
            params["statuses"] = json.dumps([{"is": s} for s in which.statuses])
        text = f"{JOB} where {' and '.join(conditions)} order by jobs.id desc limit :n"
        return [job_from(row) for row in await self._database.read(text, params)]

    async def events(self, owner: str, job: str, after: int, n: int = 200) -> list[EventRow]:
        """What happened to the job since the event of that number."""
        params = {"owner": owner, "job": job, "after": after, "n": n}
        rows = await self._database.read(_EVENTS, params)
        return [EventRow(row.seq, row.type, float(row.at), json.loads(row.data)) for row in rows]

    async def steps(self, owner: str, job: str) -> list[StepRow]:
        """In the order in which they were begun; those that were not come last."""
        rows = await self._database.read(_STEPS, {"owner": owner, "job": job})
        return sorted(
            (step_from(row) for row in rows), key=lambda s: (s.started or float("inf"), s.step, s.item, s.rev)
        )

    async def ahead(self, step: str) -> int:
        """How many steps of the kind of this row, of whomever, have been ready for longer; at most ``MOST_AHEAD``."""
        ((n,),) = await self._database.read(_AHEAD, {"id": step, "most": MOST_AHEAD})
        return int(n)

    async def seqs(self, jobs: Collection[str]) -> dict[str, int]:
        """The number of the newest event of each: nothing of theirs, so nobody's leave is asked."""
        rows = await self._database.read(_SEQS, {"ids": json.dumps([{"id": j} for j in jobs])})
        return {row.id: int(row.event_seq) for row in rows}

    # media

    async def asset(self, owner: str, asset: str) -> AssetRow | None:
        """In whatever state."""
        text = f"{ASSET} where assets.owner = :owner and assets.id = :id"
        rows = await self._database.read(text, {"owner": owner, "id": asset})
        return asset_from(rows[0]) if rows else None

    async def assets(self, owner: str, which: Filter) -> list[AssetRow]:
        """Newest first, without deleted ones."""
        conditions, params = ["assets.owner = :owner", "assets.state <> 'deleted'"], {"owner": owner, "n": which.limit}
        for condition, name, value in (
            ("assets.role = :role", "role", which.role),
            ("assets.state = :state", "state", which.statuses[0] if which.statuses else None),
            ("assets.id < :before", "before", which.before),
        ):
            if value is not None:
                conditions.append(condition)
                params[name] = value
        text = f"{ASSET} where {' and '.join(conditions)} order by assets.id desc limit :n"
        return [asset_from(row) for row in await self._database.read(text, params)]

    async def some_assets(self, owner: str, ids: Sequence[str]) -> dict[str, AssetRow]:
        """Those of these that are the owner's, by id."""
        text = f"{ASSET} where assets.owner = :owner and assets.id in (select value->>'id' from {{rows:ids}})"
        rows = await self._database.read(text, {"owner": owner, "ids": json.dumps([{"id": i} for i in ids])})
        return {row.id: asset_from(row) for row in rows}

    async def made_by(self, owner: str, job: str) -> list[AssetRow]:
        """What the job made, or looks at."""
        text = f"{ASSET} where assets.owner = :owner and assets.job = :job and assets.state <> 'deleted' order by assets.id"
        return [asset_from(row) for row in await self._database.read(text, {"owner": owner, "job": job})]

    async def delete_asset(self, owner: str, asset: str) -> bool:
        """Marks it and its renditions; the collector takes the bytes that nothing else refers to. False: it was already."""
        rows = await self._database.query(_DELETE_ASSET, {"owner": owner, "id": asset})
        return any(row.id == asset for row in rows)

    # idempotency

    async def made_under(self, owner: str, key: str) -> tuple[str, str] | None:
        """(what was made, digest of the request) under this key in the last day; an older key is forgotten."""
        params: Mapping[str, Any] = {"owner": owner, "key": key, "age": KEY_AGE}
        rows = await self._database.read(_KEY, params)
        if rows:
            return rows[0].made, rows[0].request_sha256
        await self._database.query(_DROP_KEY, params)
        return None
