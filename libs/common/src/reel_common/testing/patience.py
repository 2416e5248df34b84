"""Waiting in tests: as short as the thing takes, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

QUIET_S = 0.25
"""So long nothing may happen before a test believes that nothing will."""


async def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Returns as soon as it is true. Raises: AssertionError when it does not become so."""
    try:
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110  (what is watched has no event to wait for)
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s") from None
