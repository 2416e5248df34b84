"""Where bytes live: objects under keys that we made (S3, or a directory)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that exists. ``size`` in bytes."""

    key: str
    size: int
    media_type: str


class ObjectMissingError(LookupError):
    """There is no object under this key."""


class ObjectStore(Protocol):
    """Objects are whole or absent: a reader never sees half of a write.

    Keys are ``/``-separated segments of ``[A-Za-z0-9._-]`` that do not start with a dot: 255 characters each at most,
    512 in all; others raise ValueError. Every method raises TransientError when the store cannot be reached.
    """

    async def put(self, key: str, data: bytes, media_type: str) -> None:
        """Writes or replaces an object from memory."""

    async def put_file(self, key: str, path: Path, media_type: str) -> None:
        """Writes or replaces an object from a file of any size, in bounded memory."""

    async def get(self, key: str) -> bytes:
        """The whole object, for small ones. Raises: ObjectMissingError."""

    async def get_file(self, key: str, path: Path) -> None:
        """Writes the object to ``path`` atomically (a temporary name beside it, then a rename). Raises: ObjectMissingError."""

    def stream(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from ``start``, ``length`` of them or all, in chunks of at most 1 MiB. Raises: ObjectMissingError."""

    async def stat(self, key: str) -> Stored | None:
        """What is there, or None."""

    async def delete(self, key: str) -> None:
        """Removes the object; nothing happens when there is none."""

    def list(self, prefix: str) -> AsyncIterator[Stored]:
        """All objects whose key starts with ``prefix``, in the order of their keys."""

    async def presign(self, key: str, expires: timedelta, filename: str) -> str | None:
        """An address from which anyone can download it for a while, or None where the store has no such thing."""

    async def close(self) -> None:
        """Gives up connections and threads."""
