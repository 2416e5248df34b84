"""Random changes of random jobs, many at once over several connections, on both dialects: the invariants hold."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reel_common.domain.outcome import Done
from reel_common.domain.step import Claimed
from reel_common.errors import Code, Failure, TransientError
from reel_common.ledger import Ledger, NewJob, RunOn, migrate
from reel_common.testing.invariants import violations
from tests.ledger.conftest import EVERYTHING

BAD = Failure(Code.BUG, "x")
MOVES = ["claim", "complete", "complete", "fail", "retry", "give back", "lose", "cancel", "pause", "resume", "sweep"]
_names = itertools.count()


class Play:
    """Jobs on one ledger, and workers that do to them what is drawn."""

    def __init__(self, books: list[Ledger], seed: int) -> None:
        self.books, self.random = books, random.Random(seed)
        self.jobs: list[str] = []
        self.held: list[Claimed] = []

    async def begin(self, kinds: list[str]) -> None:
        for kind in kinds:
            job = NewJob(kind, self.random.choice("ab"), {})
            await self.books[0].submit(job)
            self.jobs.append(job.id)

    async def move(self, name: str) -> None:
        book = self.random.choice(self.books)
        if name == "claim":
            self.held += await book.claim("w", ("drill",), 2)
        elif name in ("cancel", "pause", "resume"):
            await getattr(book, name)(self.random.choice(self.jobs))
        elif name == "sweep":
            for job in await book.stalled(0.0):
                await book.follow_again(job)
            await book.untouched(0.0)
        elif self.held:
            await self.end(book, name, self.held.pop(self.random.randrange(len(self.held))))

    async def end(self, book: Ledger, name: str, step: Claimed) -> None:
        done, run_on = Done({"items": 3}), RunOn("w", ("drill",), 60.0) if self.random.random() < 0.5 else None
        ends: dict[str, Callable[[], Awaitable[object]]] = {
            "complete": lambda: book.complete(step, done, run_on),
            "fail": lambda: book.fail(step, BAD),
            "retry": lambda: book.retry(step, BAD, 0.0),
            "give back": lambda: book.give_back(step),
            "lose": lambda: book.revive(step.job, step.id, step.epoch, crash=False),
        }
        outcome = await ends[name]()
        if (following := getattr(outcome, "next", None)) is not None:
            self.held.append(following)
        if self.random.random() < 0.2:
            await book.complete(step, done)  # the same again, as after an answer that was lost

    async def drain(self) -> None:
        """Everything comes to its end: resumed, claimed, completed, stopped."""
        book = self.books[0]
        for job in self.jobs:
            await book.resume(job)
        for _ in range(200):
            self.held += await book.claim("w", ("drill",), 8)
            if not self.held:
                break
            step = self.held.pop()
            said = (await book.heartbeat([(step.id, step.epoch)]))[step.id, step.epoch]
            await (book.stopped(step) if said == "stop" else book.complete(step, Done({"items": 3})))
        await book.sent([o.id for o in await book.unsent(0.0, 10_000)])


async def play(url: str, kinds: list[str], rounds: list[list[str]], seed: int) -> None:
    await migrate(url)
    books = [Ledger.open(url, pool=2, **EVERYTHING) for _ in range(2)]
    try:
        scene = Play(books, seed)
        await scene.begin(kinds)
        for moves in rounds:
            said = await asyncio.gather(*map(scene.move, moves), return_exceptions=True)
            assert not [s for s in said if isinstance(s, BaseException) and not isinstance(s, TransientError)], said
            assert await violations(books[0].database, drained=False) == []
        await scene.drain()
        assert await violations(books[0].database) == []
    finally:
        for book in books:
            await book.close()


ROUNDS = st.lists(st.lists(st.sampled_from(MOVES), min_size=2, max_size=6), min_size=3, max_size=12)
KINDS = st.lists(st.sampled_from(["chain", "fan"]), min_size=1, max_size=3)
SETTINGS = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@SETTINGS
@given(kinds=KINDS, rounds=ROUNDS, seed=st.integers(0, 1 << 16))
def test_interleavings_on_sqlite(tmp_path: Path, kinds: list[str], rounds: list[list[str]], seed: int) -> None:
    asyncio.run(play(f"sqlite:///{tmp_path}/{next(_names)}.db", kinds, rounds, seed))


@pytest.mark.server
@SETTINGS
@given(kinds=KINDS, rounds=ROUNDS, seed=st.integers(0, 1 << 16))
def test_interleavings_on_postgresql(postgres: object, kinds: list[str], rounds: list[list[str]], seed: int) -> None:
    asyncio.run(play(postgres.fresh_database(), kinds, rounds, seed))  # type: ignore[attr-defined]
