"""A worker over a real SQLite ledger and the embedded bell, with handlers of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from reel_common.adapters.embedded.bell import EmbeddedBell
from reel_common.adapters.embedded.noticeboard import EmbeddedNoticeboard
from reel_common.domain.job import TERMINAL, JobState
from reel_common.ledger import Ledger, NewJob, migrate
from reel_common.ledger.tables import events
from reel_common.messages.topology import topology
from reel_common.metrics import Metrics
from reel_common.ports.bell import Bell
from reel_common.ports.handler import Handler
from reel_common.testing.flows import DRILL_KINDS, DRILL_RULES
from reel_common.worker import Options, Worker

FAST = {"poll": 0.2, "sweep": 0.1, "quiet": 0.1, "grace": 0.2}


@dataclass
class Stage:
    """Workers on one ledger and one bell."""

    url: str
    bell: Bell
    lease: float = 60.0
    board: EmbeddedNoticeboard = field(default_factory=EmbeddedNoticeboard)
    running: list[tuple[Worker, asyncio.Event, asyncio.Task[None]]] = field(default_factory=list)
    books: list[Ledger] = field(default_factory=list)

    def open(self) -> Ledger:
        return Ledger.open(self.url, lease=self.lease, rules=DRILL_RULES, kinds=DRILL_KINDS)

    @property
    def book(self) -> Ledger:
        if not self.books:
            self.books.append(self.open())
        return self.books[0]

    async def start(self, handlers: Mapping[str, Handler] | Handler, *, name: str = "w", **options: Any) -> Worker:
        book = self.open()
        self.books.append(book)
        given = handlers if isinstance(handlers, Mapping) else {"drill": handlers}
        worker = Worker(
            book, self.bell, self.board, given, open_ledger=self.open, metrics=Metrics(),
            options=Options(name=name, **{**FAST, **options}),
        )  # fmt: skip
        stop = asyncio.Event()
        self.running.append((worker, stop, asyncio.create_task(worker.run(stop))))
        await asyncio.sleep(0.02)
        return worker

    async def stop(self, worker: Worker) -> None:
        for each, stop, task in self.running:
            if each is worker:
                stop.set()
                await task

    async def submit(self, kind: str = "chain", owner: str = "o", **request: Any) -> str:
        job = NewJob(kind, owner, request)
        outcome = await self.book.submit(job)
        await self.bell.ring(outcome.orders)
        return job.id

    async def state(self, job: str) -> JobState:
        now = await self.book.see(job)
        assert now
        return now.job.state

    async def ended(self, job: str, seconds: float = 10.0) -> JobState:
        async with asyncio.timeout(seconds):
            while (state := await self.state(job)) not in TERMINAL:
                await asyncio.sleep(0.01)
        return state

    async def events(self, job: str) -> list[str]:
        query = sa.select(events.c.type).where(events.c.job == job).order_by(events.c.seq)
        return await self.book.database.transact(lambda c: [r.type for r in c.execute(query)])

    async def close(self) -> None:
        for _, stop, _ in self.running:
            stop.set()
        await asyncio.gather(*(task for _, _, task in self.running))
        for book in self.books:
            await book.close()
        await self.bell.close()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    url = f"sqlite:///{tmp_path}/ledger.db"
    await migrate(url)
    made = Stage(url, EmbeddedBell(topology(DRILL_KINDS)))
    yield made
    await made.close()


__all__ = ["Stage", "partial"]
