"""A bounded pool of threads of one adapter's own: the default one has so few that one slow store would starve the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """Runs blocking calls. What is cancelled while it waits never starts; what runs is told by its ``Event``."""

    def __init__(self, count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, work: Callable[[], T]) -> T:
        """Calls ``work`` in a thread."""
        return await asyncio.wrap_future(self._pool.submit(work))

    async def run_until_stopped(self, work: Callable[[Event], T]) -> T:
        """Calls ``work`` with an event that is set when nobody waits for it any more."""
        stop = Event()
        try:
            return await asyncio.wrap_future(self._pool.submit(work, stop))
        finally:
            stop.set()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """For a caller that must know when ``work`` has really ended, cancelled or not."""
        return self._pool.submit(work)

    def close(self) -> None:
        """Nothing more starts; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
