"""Lets a suspect step run with nothing beside it in its process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Alone:
    """Many may be ``beside`` one another, or one ``alone``; while one waits to be alone, ``wanted`` says so.

    Both say whether they let one in. Who is not let in had better be given to another process: held here, it would die
    with the suspect.
    """

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._beside = 0
        self._alone = False
        self._waiting = False

    @property
    def wanted(self) -> bool:
        """Whether nothing more should be started."""
        return self._alone or self._waiting

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[bool]:
        """Lets in unless one is alone."""
        if self._alone:
            yield False
            return
        self._beside += 1
        try:
            yield True
        finally:
            async with self._changed:
                self._beside -= 1
                self._changed.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[bool]:
        """Lets one in when nobody is beside it any more, and no second one."""
        if self.wanted:
            yield False
            return
        self._waiting = True
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._beside == 0)
                self._alone = True
        finally:
            self._waiting = False
        try:
            yield True
        finally:
            self._alone = False
