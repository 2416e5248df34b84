"""Takes the bytes of an upload into a file of our own, counted and hashed while they come."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
import secrets
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request

from reel_common.errors import Code, TransientError
from reel_gateway.problems import RefusedError

BLOCK_BYTES = 1 << 20
_ABANDONED_S = 24 * 3600
_SHA256 = re.compile(r"sha-256\s*=\s*:([A-Za-z0-9+/]{43}=):")


@dataclass(frozen=True, slots=True)
class Received:
    """An upload that has arrived whole. ``head`` is its first bytes."""

    path: Path
    sha256: str
    size: int
    head: bytes


class Receiver:
    """``folder`` holds uploads under way; ``most`` bounds each, in bytes."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._threads = ThreadPoolExecutor(4, "upload")

    def prepare(self) -> None:
        """Makes the folder, and removes what a killed process left there a day ago. Raises: OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob("*.upload"):
            with suppress(FileNotFoundError):
                if left.stat().st_mtime < time.time() - _ABANDONED_S:
                    left.unlink()

    @asynccontextmanager
    async def received(self, request: Request) -> AsyncIterator[Received]:
        """The body of this request; the file is gone when the context ends.

        Raises: RefusedError: TOO_LARGE (before or while reading), NOT_MEDIA for nothing at all, CHECKSUM;
        TransientError when there is no room.
        """
        announced = _announced_digests(request.headers)
        self._refuse_early(request.headers)
        path = self._folder / f"{secrets.token_hex(16)}.upload"
        try:
            received = await self._read(request, path)
            if not received.size:
                raise RefusedError(Code.NOT_MEDIA, "The upload is empty.", hint="Send the file as the body.")
            if any(digest != received.sha256 for digest in announced):
                raise RefusedError(Code.CHECKSUM, "The bytes that arrived do not have the digest that was announced.")
            yield received
        finally:
            await self._do(path.unlink, True)

    def _refuse_early(self, headers: Headers) -> None:
        if headers.get("content-encoding", "identity") != "identity":
            raise RefusedError(Code.UNSUPPORTED_TYPE, "Uploads are taken as they are, without a content encoding.")
        if int(headers.get("content-length", "0")) > self._most:
            raise self._too_large()

    def _too_large(self) -> RefusedError:
        return RefusedError(Code.TOO_LARGE, f"An upload has at most {self._most} bytes.")

    async def _read(self, request: Request, path: Path) -> Received:
        digest, size, head, block = hashlib.sha256(), 0, b"", bytearray()
        file = await self._do(path.open, "xb")
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > self._most:
                    raise self._too_large()
                block += chunk
                if len(block) >= BLOCK_BYTES:
                    head = head or bytes(block[:64])
                    await self._do(_write, file, digest, block)
            head = head or bytes(block[:64])
            await self._do(_write, file, digest, block)
        finally:
            await self._do(file.close)
        return Received(path, digest.hexdigest(), size, head)

    async def _do(self, work: Any, *arguments: Any) -> Any:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        except OSError as error:
            raise TransientError("There is no room for the upload at the moment.") from error


def _write(file: Any, digest: Any, block: bytearray) -> None:
    digest.update(block)
    file.write(block)
    block.clear()


def _announced_digests(headers: Headers) -> list[str]:
    """Those of ``Content-Digest`` and ``Repr-Digest`` (RFC 9530) that are ours to check."""
    found = []
    for name in ("content-digest", "repr-digest"):
        given = ",".join(headers.getlist(name))
        if "sha-256" not in given:
            continue
        match = _SHA256.search(given)
        try:
            found.append(base64.b64decode(match[1] if match else "!", validate=True).hex())
        except binascii.Error:
            detail = "A sha-256 digest is 32 bytes in base64 between colons."
            raise RefusedError(Code.INVALID, detail, fields=((name, detail),)) from None
    return found
