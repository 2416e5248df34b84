"""Revives what was lost: the only thing that brings a job back after a crash, a lost queue or a wiped broker.

Every service runs one. In calm it finds nothing.
"""

from __future__ import annotations

import asyncio
import random
import time

import structlog

from reel_common.errors import TransientError
from reel_common.ledger import Ledger, Outcome
from reel_common.metrics import Metrics
from reel_common.worker.relay import Relay

log = structlog.get_logger(__name__)

KEYS_AGE = 24 * 3600.0
"""Seconds for which an idempotency key is remembered."""
FORGET_EVERY = 3600.0
"""Seconds between deletions of older ones, on the average."""


class Sweeper:
    """``run`` until cancelled; ``once`` for tests and for the start of a single process."""

    def __init__(self, book: Ledger, relay: Relay, metrics: Metrics, *, every: float, quiet: float) -> None:
        self._book, self._relay, self._metrics, self._every, self._quiet = book, relay, metrics, every, quiet
        self._not_before = 0.0
        self._suspects: frozenset[str] = frozenset()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * self._every)
            try:
                await self.once()
            except TransientError as e:
                # Leases could not be renewed either while the database was away: give their workers time to do so.
                self._not_before = time.monotonic() + self._book.lease
                log.warning("sweep put off", error=e.detail)

    async def once(self) -> None:
        """Looks for all that can be lost."""
        if time.monotonic() >= self._not_before:
            for job, step, epoch in await self._book.expired():
                outcome = await self._book.revive(job, step, epoch)
                self._found("expired", outcome, job=job, step=step)
        for job in await self._stalled():
            self._found("stalled", await self._book.follow_again(job), job=job)
        for outcome in await self._book.overdue():
            self._found("overdue", outcome)
        await self._ring_again()
        if random.random() < self._every / FORGET_EVERY:
            await self._book.forget_keys(KEYS_AGE)
        self._metrics.backlog(await self._book.backlog())

    async def _stalled(self) -> list[str]:
        """Jobs found so twice in a row: what they waited for may have come just now, and somebody be about to look."""
        found = await self._book.stalled(self._quiet)
        before, self._suspects = self._suspects, frozenset(found)
        return [job for job in found if job in before or not self._quiet]

    async def _ring_again(self) -> None:
        unsent = await self._book.unsent(self._quiet)
        untouched = await self._book.untouched(self._quiet)
        if unsent or untouched:
            self._metrics.rung_again.inc(len(unsent) + len(untouched))
            self._relay.ring([*unsent, *untouched])

    def _found(self, what: str, outcome: Outcome, **about: str) -> None:
        if outcome.facts:
            self._metrics.revivals.labels(what).inc()
            log.warning("revived", what=what, **about)
        self._relay.announce(outcome)
