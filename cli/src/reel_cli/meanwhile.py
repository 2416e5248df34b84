"""What goes on in the single process beside its answers: work, the collection of garbage, its log."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from reel_common.errors import TransientError
from reel_common.ledger.library import LedgerLibrary
from reel_common.worker import Worker

log = structlog.get_logger(__name__)

_COLLECT_EVERY_S = 3600.0
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


async def collect(library: LedgerLibrary, age: float) -> None:
    """Deletes bytes that nothing refers to, now and again and again."""
    while True:
        try:
            while collected := await library.collect(age):
                log.info("collected", objects=collected)
        except TransientError as error:
            log.warning("collection put off", error=error.detail)
        await asyncio.sleep(min(age, _COLLECT_EVERY_S) * random.uniform(0.5, 1.0))


def log_to(path: Path) -> None:
    """What a passing process has to say would spoil a command's words."""
    if path.exists() and path.stat().st_size > _LONGEST_LOG_BYTES:
        path.unlink()
    file = os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a"
    )  # for as long as the process lives
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=file))
    logging.basicConfig(level=logging.WARNING, stream=file, force=True)
