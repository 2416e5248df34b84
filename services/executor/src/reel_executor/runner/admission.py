"""How many programs run at once: as many as there are places, over all clients, in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class Admission:
    """``slots`` places. Waiting for one is not a failure and has no end of its own: who waits may go away at any time."""

    def __init__(self, slots: int) -> None:
        self.slots = max(1, slots)
        self.running = 0
        self.waiting = 0
        self._free = asyncio.Semaphore(self.slots)  # wakes whoever came first, and nobody overtakes

    @asynccontextmanager
    async def place(self, on_wait: Callable[[], Awaitable[None]] | None = None) -> AsyncIterator[None]:
        """Holds a place; ``on_wait`` is called once when there is none yet."""
        self.waiting += 1
        try:
            if self._free.locked() and on_wait is not None:
                await on_wait()
            await self._free.acquire()
        finally:
            self.waiting -= 1
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._free.release()
