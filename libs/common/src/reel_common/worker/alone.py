"""Lets a suspect step run with nothing beside it in its process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Alone:
    """Many may be ``beside`` one another, or one ``alone``; while one waits to be alone, ``wanted`` says so."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._beside = 0
        self._alone = False
        self._waiting = 0

    @property
    def wanted(self) -> bool:
        """Whether nothing more should be started."""
        return self._alone or self._waiting > 0

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone)
            self._beside += 1
        try:
            yield
        finally:
            async with self._changed:
                self._beside -= 1
                self._changed.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        self._waiting += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._alone and self._beside == 0)
                self._alone = True
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            async with self._changed:
                self._alone = False
                self._changed.notify_all()
