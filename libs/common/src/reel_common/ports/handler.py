"""What a service gives to the worker: one coroutine per step kind. It returns or raises; it never acknowledges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from reel_common.domain.outcome import Done
from reel_common.domain.step import Claimed


class Report(Protocol):
    """Tells how far the step is; never raises, may be called as often as one likes."""

    async def __call__(self, fraction: float | None, stage: str, message: str = "") -> None: ...


Handler = Callable[[Claimed, Report], Awaitable[Done]]
"""Returned → done. PermanentError, LimitExceededError → failed with its code. TransientError → again later.

Cancelled → the work is to stop at once; nothing that it wrote counts.
"""

Handlers = Mapping[str, Handler]
