"""Reads server-sent events, as the HTML standard says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """``id`` is that of the newest event that had one: where to go on after a lost connection."""

    type: str
    data: str
    id: str = ""

    @property
    def json(self) -> dict[str, Any]:
        """The data as an object; empty when it is none."""
        try:
            said = json.loads(self.data)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}


async def read(chunks: AsyncIterable[str]) -> AsyncIterator[ServerSentEvent]:
    """Events from text however it is cut. One that the stream's end cuts short is dropped."""
    kind, data, newest = "", [], ""  # type: tuple[str, list[str], str]
    async for line in _lines(chunks):
        if not line:
            if data:
                yield ServerSentEvent(kind or "message", "\n".join(data), newest)
            kind, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            kind = value
        elif field == "data":
            data.append(value)
        elif field == "id" and "\0" not in value:
            newest = value


async def _lines(chunks: AsyncIterable[str]) -> AsyncIterator[str]:
    """Not by ``splitlines``: characters that it takes for ends of lines occur in people's texts."""
    left = ""
    async for chunk in chunks:
        *whole, left = (left + chunk).split("\n")
        for line in whole:
            yield line.removesuffix("\r")
