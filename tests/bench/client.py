"""What a gateway does with jobs: submits and rings, and is told when they end; and the figures of doing so."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import sqlalchemy as sa

from reel_common.ledger import Ledger, NewJob
from reel_common.ledger.tables import jobs
from reel_common.messages.envelope import Envelope
from reel_common.ports.bell import Bell
from reel_common.worker import Relay
from tests.bench.usage import Usage, a_job

AT_ONCE = 50
"""So many submissions are under way at a time, as with a gateway that many people use."""
HINT_PATIENCE_S = 2.0
"""A hint may be lost: after so long the ledger is asked."""
LONGEST_S = 60.0


class Client:
    """Submits chains of the given kinds. ``relay`` must be running."""

    def __init__(self, book: Ledger, relay: Relay, kinds: Sequence[str]) -> None:
        self._book, self._relay, self._kinds = book, relay, list(kinds)
        self._ended: set[str] = set()
        self._some = asyncio.Event()

    async def listen(self, bell: Bell) -> None:
        await bell.listen_hints(self._hinted)

    def _hinted(self, fact: Envelope) -> None:
        if fact.type == "job.finished.v1":
            self._ended.add(fact.job_id)
            self._some.set()

    async def submit(self) -> str:
        job = NewJob("chain", "owner", {"kinds": self._kinds})
        self._relay.announce(await self._book.submit(job))
        return job.id

    async def one_by_one(self, n: int) -> list[str]:
        ids = []
        for _ in range(n):
            ids.append(await self.submit())
            await self._wait(ids[-1:])
        return ids

    async def at_once(self, n: int) -> list[str]:
        ids: list[str] = []
        while len(ids) < n:
            ids += await asyncio.gather(*(self.submit() for _ in range(min(AT_ONCE, n - len(ids)))))
        await self._wait(ids)
        return ids

    async def _wait(self, ids: Collection[str]) -> None:
        async with asyncio.timeout(LONGEST_S):
            while not self._ended.issuperset(ids):
                self._some.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(HINT_PATIENCE_S):
                        await self._some.wait()
                        continue
                self._ended |= {row.id for row in await self._times(ids) if row.ended}

    async def _times(self, ids: Collection[str]) -> Sequence[Any]:
        """When the rows were written, by the database's clock."""
        known = set(ids)
        query = sa.select(jobs.c.id, jobs.c.created, jobs.c.ended)
        rows: Sequence[Any] = await self._book.database.transact(lambda c: c.execute(query).fetchall())
        return [row for row in rows if row.id in known]

    async def latencies(self, ids: Collection[str]) -> list[float]:
        """Milliseconds of each job."""
        return sorted((row.ended - row.created) * 1e3 for row in await self._times(ids))

    async def rate(self, ids: Collection[str]) -> float:
        """Jobs per second, from the first row to the last end."""
        rows = await self._times(ids)
        took: float = max(row.ended for row in rows) - min(row.created for row in rows)
        return len(rows) / took


@asynccontextmanager
async def relaying(relay: Relay) -> AsyncIterator[Relay]:
    """The relay, running."""
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def figures(client: Client, usage: Usage, warm: int, one: int, many: int) -> dict[str, Any]:
    """Warms up, then ``one`` jobs one by one and ``many`` at once."""
    await client.one_by_one(warm)
    await client.at_once(2 * warm)  # statements are prepared on every connection of every pool
    single = await client.latencies(await client.one_by_one(one))
    before = await asyncio.to_thread(usage.now)
    ids = await client.at_once(many)
    after = await asyncio.to_thread(usage.now)
    rate = await client.rate(ids)
    return {**percentiles(single), "per_second": rate, "cpu_ms": a_job(before, after, many)}


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """``p50`` and ``p95`` of sorted latencies."""
    return {"p50": statistics.median(milliseconds), "p95": milliseconds[int(len(milliseconds) * 0.95)]}
