"""Ledgers that stand still between reading and writing, and ledgers from which one mechanism was taken out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import sqlalchemy as sa

from reel_common.domain.step import Claimed
from reel_common.ledger import Ledger
from reel_common.ledger.database import PostgresDatabase
from reel_common.ledger.seen import Seen


class Held(Ledger):
    """Each change waits for ``go`` after it has read and before it writes, the first time."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def between(self) -> None:
        self.reached.set()
        await self.go.wait()


class NoFence(Held):
    """Mutant: an earlier claim of a step may write too."""

    def holds(self, now: Seen, step: Claimed) -> bool:
        return True


class NoGuard(Held):
    """Mutant, on PostgreSQL: a change is written even if the job has changed since it was read.

    The key (job, seq) of ``events`` would still catch it, as the last guard: so it is taken out too.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        database = self.database
        assert isinstance(database, PostgresDatabase)
        joined = database._joined

        def unguarded(
            texts: Mapping[str, str], names: tuple[str, ...], guard: str | None, kinds: tuple[str, ...] = ()
        ) -> sa.TextClause:
            without = guard and guard.replace(" and jobs.version = cast(value->>'seen' as bigint)", "")
            anywhere = texts["events"].replace("cast(value->>'seq' as bigint)", "cast(random() * 1e9 as bigint)")
            return joined({**texts, "events": anywhere}, names, without, kinds)

        database._joined = unguarded  # type: ignore[method-assign]


async def both(
    first: Held, a: Coroutine[Any, Any, Any], second: Held, b: Coroutine[Any, Any, Any], order: str = "ab"
) -> list[Any]:
    """Both have read before either writes; then they write in the order given. Returns their answers or errors."""
    tasks = {"a": asyncio.create_task(a), "b": asyncio.create_task(b)}
    await asyncio.wait_for(first.reached.wait(), 5)
    await asyncio.wait_for(second.reached.wait(), 5)
    for who in order:
        (first if who == "a" else second).go.set()
        await asyncio.wait([tasks[who]], timeout=5)
    return list(await asyncio.gather(*tasks.values(), return_exceptions=True))
