"""Runs a command's coroutine: the first Ctrl-C asks it to come to an end, the second ends it at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from reel_cli.exits import Exit, InterruptedByUserError

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Its result. It is cancelled when somebody interrupts. Raises: InterruptedByUserError then, unless it raised."""
    return uvloop.run(_guarded(main))


async def _guarded(main: Coroutine[Any, Any, T]) -> T:
    task, loop = asyncio.ensure_future(main), asyncio.get_running_loop()
    asked = False

    def interrupt() -> None:
        nonlocal asked
        if asked:
            os._exit(Exit.INTERRUPTED)
        asked = True
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        return await task
    except asyncio.CancelledError:
        raise InterruptedByUserError from None
