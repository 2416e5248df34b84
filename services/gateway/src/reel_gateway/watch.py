"""Wakes those who wait for a job: by the bell's hints, and by one look at the ledger for all of them every two seconds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from reel_common.errors import TransientError
from reel_common.messages.envelope import Envelope

POLL_S = 2.0
"""A hint may be lost: after so long the ledger is asked."""

Seqs = Callable[[Collection[str]], Awaitable[Mapping[str, int]]]


class Waker:
    """One who waits. ``moved``: the job may have changed since it was last read."""

    def __init__(self) -> None:
        self._some = asyncio.Event()
        self.moved = True

    def wake(self, *, moved: bool = True) -> None:
        """There is something new: of the job, or only a note on its progress."""
        self.moved = self.moved or moved
        self._some.set()

    async def wait(self, seconds: float | None = None) -> None:
        """Until woken, or for so long. What woke it before this call counts."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._some.wait()
        self._some.clear()


class Watch:
    """Give ``tell`` to ``Bell.listen_hints``. ``seqs`` says how many events each job has."""

    def __init__(self, seqs: Seqs, every: float = POLL_S) -> None:
        self._seqs, self._every = seqs, every
        self._wakers: dict[str, set[Waker]] = {}
        self._known: dict[str, int] = {}
        self._polling: asyncio.Task[None] | None = None
        self.closed = False

    def tell(self, fact: Envelope) -> None:
        """Something happened to a job."""
        self._wake(fact.job_id)

    @contextmanager
    def job(self, job: str) -> Iterator[Waker]:
        """Wakes the waker whenever the job may have changed."""
        waker = Waker()
        self._wakers.setdefault(job, set()).add(waker)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll(), name="watch")
        try:
            yield waker
        finally:
            self._wakers[job].discard(waker)
            if not self._wakers[job]:
                del self._wakers[job]
                self._known.pop(job, None)

    def close(self) -> None:
        """Streams and waits come to their end: the process stops."""
        self.closed = True
        for job in tuple(self._wakers):
            self._wake(job)
        if self._polling:
            self._polling.cancel()

    def _wake(self, job: str) -> None:
        for waker in self._wakers.get(job, ()):
            waker.wake()

    async def _poll(self) -> None:
        """While anybody waits."""
        while self._wakers:
            await asyncio.sleep(self._every)
            with contextlib.suppress(TransientError):
                for job, seq in (await self._seqs(tuple(self._wakers))).items():
                    if job in self._wakers and self._known.get(job) != seq:
                        self._known[job] = seq
                        self._wake(job)
