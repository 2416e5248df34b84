"""Renews leases on a thread and a connection of its own, so that a busy loop or pool loses no work."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import structlog

from reel_common.errors import TransientError
from reel_common.ledger import Ledger

log = structlog.get_logger(__name__)

Key = tuple[str, int]
"""(step id, epoch)."""


class Heartbeat:
    """Calls ``cut(key, why)`` on the loop that entered it: ``stop`` (the job is ending) or ``fenced``.

    A lease that could not be renewed for five sixths of its time counts as lost: the work stops before another worker
    can have it.
    """

    def __init__(self, open_ledger: Callable[[], Ledger], cut: Callable[[Key, str], None]) -> None:
        self._open, self._cut = open_ledger, cut
        self._lock = threading.Lock()
        self._held: dict[Key, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beat_loop: asyncio.AbstractEventLoop | None = None
        self._poke: asyncio.Event | None = None
        self._stopping = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="heartbeat", daemon=True)

    async def __aenter__(self) -> Heartbeat:
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        self.now()
        await asyncio.to_thread(self._thread.join, 10)

    def hold(self, key: Key) -> None:
        """The lease began now."""
        with self._lock:
            self._held[key] = time.monotonic()

    def release(self, key: Key) -> None:
        with self._lock:
            self._held.pop(key, None)

    def now(self) -> None:
        """Asks at once: a hint said that something was cancelled."""
        if self._beat_loop and self._poke:
            self._beat_loop.call_soon_threadsafe(self._poke.set)

    async def _run(self) -> None:
        self._beat_loop, self._poke = asyncio.get_running_loop(), asyncio.Event()
        book = self._open()
        try:
            while not self._stopping:
                await self._pause(book.lease / 4)
                await self._beat(book)
        finally:
            await book.close()

    async def _pause(self, seconds: float) -> None:
        assert self._poke is not None
        try:
            async with asyncio.timeout(seconds):
                await self._poke.wait()
        except TimeoutError:
            pass
        self._poke.clear()

    async def _beat(self, book: Ledger) -> None:
        with self._lock:
            held = list(self._held)
        begun = time.monotonic()
        try:
            async with asyncio.timeout(book.lease / 2):
                said = await book.heartbeat(held)
        except (TransientError, TimeoutError):
            self._give_up(begun - book.lease * 5 / 6)
            return
        except Exception:
            log.exception("heartbeat failed")
            self._give_up(begun - book.lease * 5 / 6)
            return
        for key, answer in said.items():
            if answer == "ok":
                self._renewed(key, begun)
            else:
                self._tell(key, answer)

    def _renewed(self, key: Key, at: float) -> None:
        with self._lock:
            if key in self._held:
                self._held[key] = at

    def _give_up(self, before: float) -> None:
        with self._lock:
            late = [key for key, at in self._held.items() if at < before]
        for key in late:
            self._tell(key, "fenced")

    def _tell(self, key: Key, why: str) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._cut, key, why)
        except RuntimeError:  # the loop has ended; so has the work
            self._stopping = True
