"""Iterators that hold something (a file, a connection, a place among followers) are closed when they are left, not later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

T = TypeVar("T")


@asynccontextmanager
async def closed_after(iterator: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """As ``contextlib.aclosing``, also for iterators that know no ``aclose``."""
    try:
        yield iterator
    finally:
        await close(iterator)


async def close(iterator: Any) -> None:
    """If it can be."""
    if aclose := getattr(iterator, "aclose", None):
        await aclose()


class Stream(StreamingResponse):
    """A body that is closed however the answer ends: a client that goes would leave it to the garbage collector."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await close(self.body_iterator)
