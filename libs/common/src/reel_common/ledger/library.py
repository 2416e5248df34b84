"""The ``Library`` port over the ledger and an object store, and the collector of bytes that nothing refers to.

The row in ``objects`` is written before bytes are sent or reused. The collector marks a row, deletes the bytes and then
the row; who finds a marked row waits until it is gone. So bytes are never deleted between "they are there" and "an
asset refers to them".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reel_common.domain import keys
from reel_common.domain.media import facts_from_json
from reel_common.errors import TransientError
from reel_common.ledger.database import Database
from reel_common.ports.library import Asset, AssetState
from reel_common.ports.store import ObjectStore

ASSET = "select * from assets where id = :id and owner = :owner"
RESULT = "select result from results where owner = :owner and content_key = :key"
STILL_THERE = """select count(*) as n from assets where owner = :owner and state = 'ready'
    and id in (select value->>'id' from {rows:ids})"""
TOUCH = """insert into objects (owner, sha256, size, state, touched) values (:owner, :sha256, :size, 'present', {now})
    on conflict (owner, sha256) do update set touched = case when objects.state = 'present' then {now} else objects.touched end
    returning state"""
MARK = """update objects set state = 'deleting', touched = {now} where (owner, sha256) in (select owner, sha256 from objects o
    where (state = 'deleting' and touched < {now} - :stale) or (state = 'present' and touched < {now} - :age
    and not exists (select 1 from assets where assets.owner = o.owner and assets.sha256 = o.sha256 and assets.state <> 'deleted'))
    order by touched limit 100)
    and ((state = 'deleting' and touched < {now} - :stale) or (state = 'present' and touched < {now} - :age))
    returning owner, sha256"""
"""The last condition is asked again of a row that somebody touched while this waited for it; the subquery is not."""
STALE = 600.0
"""After so many seconds a collector that marked a row is dead: longer than deleting a hundred objects may take."""
FORGET = "delete from objects where owner = :owner and sha256 = :sha256 and state = 'deleting'"


class LedgerLibrary:
    """What handlers and the gateway use to find and keep media."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database, self._store = database, store

    async def asset(self, owner: str, asset: str) -> Asset | None:
        rows = await self._database.read(ASSET, {"id": asset, "owner": owner})
        return _asset(rows[0]) if rows else None

    async def reusable(self, owner: str, content_key: str) -> Mapping[str, Any] | None:
        rows = await self._database.read(RESULT, {"owner": owner, "key": content_key})
        if not rows:
            return None
        result: dict[str, Any] = json.loads(rows[0].result)
        outputs = result.get("outputs", [])
        for output in outputs:
            if await self._touch(owner, output["sha256"], output["size"]) != "present":
                return None
            if await self._store.stat(keys.artifact(owner, output["sha256"])) is None:
                return None
        ids = json.dumps([{"id": o["asset_id"]} for o in outputs])
        ((there,),) = await self._database.read(STILL_THERE, {"owner": owner, "ids": ids})
        return result if there == len({o["asset_id"] for o in outputs}) else None

    async def keep(self, owner: str, path: Path, sha256: str, media_type: str) -> None:
        size = (await asyncio.to_thread(path.stat)).st_size
        for _ in range(100):
            if await self._touch(owner, sha256, size) == "present":
                break
            await asyncio.sleep(0.1)  # the collector is deleting it right now
        else:
            raise TransientError("These bytes are being deleted by the collector.")
        key = keys.artifact(owner, sha256)
        stored = await self._store.stat(key)
        if stored is None or stored.size != size:
            await self._store.put_file(key, path, media_type)

    async def _touch(self, owner: str, sha256: str, size: int) -> str:
        ((state,),) = await self._database.query(TOUCH, {"owner": owner, "sha256": sha256, "size": size})
        return str(state)

    async def collect(self, age: float) -> int:
        """Deletes bytes that no asset refers to and nobody touched for ``age`` seconds. Returns how many.

        A collector that died in the middle left marked rows, which the next one takes with its own.
        """
        rows = await self._database.query(MARK, {"age": age, "stale": STALE})
        for row in rows:
            await self._store.delete(keys.artifact(row.owner, row.sha256))
            await self._database.query(FORGET, {"owner": row.owner, "sha256": row.sha256})
        return len(rows)


def _asset(row: Any) -> Asset:
    return Asset(
        id=row.id,
        owner=row.owner,
        role=row.role,
        state=AssetState(row.state),
        name=row.name,
        media_type=row.media_type,
        sha256=row.sha256,
        size=row.size,
        facts=facts_from_json(json.loads(row.facts)) if row.facts else None,
    )
