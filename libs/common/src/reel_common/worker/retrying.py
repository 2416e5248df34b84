"""How often and how soon: the retry classes as data."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from reel_common.errors import TransientError
from reel_common.ledger import Outcome

MOST_TRIES = 8
FIRST, MOST = 2.0, 300.0
"""Seconds: pauses double from the first to the most, each drawn evenly from zero up to that (full jitter)."""
PATIENCE = 20.0
"""Seconds for which a finished step's result is offered to a ledger that is away; then its lease runs out."""


def backoff(attempt: int, error: TransientError) -> float | None:
    """Seconds until the next try after this one, or None when there is to be none."""
    if error.after is not None:
        return error.after.total_seconds()
    if attempt >= MOST_TRIES:
        return None
    return random.uniform(0, min(MOST, FIRST * 2**attempt))


async def persistently(write: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """Writes to the ledger again and again with growing random pauses. Raises: TransientError when patience ends."""
    end, pause = time.monotonic() + PATIENCE, 0.02
    while True:
        try:
            return await write()
        except TransientError:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(random.uniform(0, pause))
        pause = min(pause * 2, 1.0)
