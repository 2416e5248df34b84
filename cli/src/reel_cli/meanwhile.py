"""What goes on in the single process beside its answers: its work and its log."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from reel_common.worker import Worker

_LONGEST_LOG_BYTES = 4 << 20


@asynccontextmanager
async def until_stopped(worker: Worker) -> AsyncIterator[None]:
    """The worker works inside of the block; at its end it stops gracefully."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


def log_to(path: Path) -> None:
    """What a passing process has to say would spoil a command's words."""
    if path.exists() and path.stat().st_size > _LONGEST_LOG_BYTES:
        path.unlink()
    file = os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a"
    )  # for as long as the process lives
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=file))
    logging.basicConfig(level=logging.WARNING, stream=file, force=True)
