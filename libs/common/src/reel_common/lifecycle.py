"""Starting and stopping a process: SIGTERM and SIGINT ask it to stop, the second time it goes at once; loops meanwhile."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog
import uvloop

log = structlog.get_logger(__name__)


def stop_on_signals() -> asyncio.Event:
    """Set when the process is asked to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            os._exit(1)  # asked twice: the sweeper of another process picks up what is left
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    return stop


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a service's ``serve`` to its end."""
    uvloop.run(main)


@asynccontextmanager
async def beside(loop: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """The loop runs inside of the block; a server that is away, or a mistake of ours, does not end it."""

    async def forever() -> None:
        while True:
            try:
                await loop()
            except Exception as e:  # noqa: BLE001 - see above
                log.warning("loop restarts", error=repr(e))
            await asyncio.sleep(random.uniform(0.1, 0.5))

    task = asyncio.create_task(forever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
