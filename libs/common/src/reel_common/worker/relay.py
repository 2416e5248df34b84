"""Publishes straight after the commit, from the process that committed; what fails stays in the outbox for the sweep."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from reel_common.errors import TransientError
from reel_common.ledger import Ledger, Outcome
from reel_common.messages.envelope import Envelope
from reel_common.ports.bell import Bell

log = structlog.get_logger(__name__)

TIDY = 1.0
"""Seconds between deletions of sent rows: many at a time, off the path of a job."""


class Relay:
    """Give it every outcome of the ledger. ``run`` must be running."""

    def __init__(self, book: Ledger, bell: Bell) -> None:
        self._book, self._bell = book, bell
        self._orders: list[Envelope] = []
        self._facts: list[Envelope] = []
        self._needs: list[str] = []
        self._sent: list[str] = []
        self._some = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def announce(self, outcome: Outcome) -> None:
        """Its orders are rung, its facts told, and the jobs that waited for it are looked at. Returns at once."""
        self._orders += outcome.orders
        self._facts += outcome.facts
        self._needs += outcome.needs
        if outcome.orders or outcome.facts or outcome.needs:
            self._idle.clear()
            self._some.set()

    def ring(self, orders: Sequence[Envelope]) -> None:
        """Rings without an outcome: what the sweep found."""
        self.announce(Outcome(orders=list(orders)))

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish())
            tasks.create_task(self._tidy())

    async def flush(self, seconds: float = 2.0) -> None:
        """Waits until all is out, or gives up: the sweep has the rest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        await self._forget_sent()

    async def _publish(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            orders, self._orders = self._orders, []
            facts, self._facts = self._facts, []
            needs, self._needs = self._needs, []
            if facts:
                await self._bell.hint(facts)
            if orders:
                await self._send(orders)
            if needs:
                await self._revisit(needs)
            if not self._some.is_set():
                self._idle.set()

    async def _send(self, orders: list[Envelope]) -> None:
        try:
            await self._bell.ring(orders)
        except OSError as e:
            log.warning("orders left to the sweep", orders=len(orders), error=str(e))
        else:
            self._sent += [o.id for o in orders]

    async def _revisit(self, needs: list[str]) -> None:
        try:
            for outcome in await self._book.revisit(needs):
                self.announce(outcome)
        except TransientError as e:
            log.warning("waiting jobs left to the sweep", needs=len(needs), error=e.detail)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY)
            await self._forget_sent()

    async def _forget_sent(self) -> None:
        ids, self._sent = self._sent, []
        if not ids:
            return
        try:
            await self._book.sent(ids)
        except TransientError:
            self._sent = ids + self._sent
