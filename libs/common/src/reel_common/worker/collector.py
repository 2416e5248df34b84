"""Deletes stored bytes that nothing refers to, now and then. Any number of them may be at work on one ledger."""

from __future__ import annotations

import asyncio
import random

import structlog

from reel_common.errors import TransientError
from reel_common.ledger.library import LedgerLibrary

log = structlog.get_logger(__name__)

EVERY = 3600.0
"""Seconds between looks, or the age if that is less."""


async def collect(library: LedgerLibrary, age: float) -> None:
    """Until cancelled. ``age``: seconds for which bytes are left alone after they were last stored or used again."""
    while True:
        try:
            while collected := await library.collect(age):
                log.info("collected", objects=collected)
        except TransientError as error:
            log.warning("collection put off", error=error.detail)
        await asyncio.sleep(min(age, EVERY) * random.uniform(0.5, 1.0))
