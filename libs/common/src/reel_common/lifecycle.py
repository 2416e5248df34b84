"""Starting and stopping a process: SIGTERM and SIGINT ask it to stop, the second time it goes at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any

import uvloop


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
