"""Brings stored bytes into the sandbox: downloaded once, hashed on the way, never more than the disk can hold."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import re
import shutil
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from reel_common.domain import keys
from reel_common.domain.ids import new_id
from reel_common.errors import Code, PermanentError, TransientError
from reel_common.ports.sandbox import Sandbox
from reel_common.ports.store import ObjectMissingError, ObjectStore

DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Fetcher:
    """``scratch`` holds downloads under way; ``reserve_bytes`` of its disk are left to others."""

    store: ObjectStore
    sandbox: Sandbox
    scratch: Path
    reserve_bytes: int = 256 << 20

    async def bring(self, owner: str, sha256: str) -> None:
        """Makes this owner's bytes of that digest an input of the sandbox.

        Raises: PermanentError(INPUT_MISSING, INPUT_MISMATCH) for the bytes' own fault, TransientError when there is no
        space or the store is away.
        """
        if not DIGEST.fullmatch(sha256):
            raise PermanentError(Code.INPUT_MISMATCH, "An input is not named by a sha256.")
        key = keys.artifact(owner, sha256)
        stored = await self.store.stat(key)
        # asked of the store first even when the sandbox has the bytes: they may be another owner's
        if stored is None:
            raise PermanentError(Code.INPUT_MISSING, "Stored bytes that this step needs are not there.")
        if await self.sandbox.has(sha256):
            return
        path = self.scratch / f"{new_id()}.part"
        try:
            await asyncio.to_thread(self._make_room, stored.size)
            if await self._download(key, path) != sha256:
                raise PermanentError(Code.INPUT_MISMATCH, "Stored bytes are not those that the ledger describes.")
            path.chmod(0o444)  # a file that nobody may write to can be linked instead of copied
            await self.sandbox.put(path, sha256)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise TransientError("There is no space left to fetch the inputs.") from error
        finally:
            path.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        self.scratch.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.scratch).free
        if free - size < self.reserve_bytes:
            raise TransientError(f"There is no space to fetch the inputs: {size} bytes of {free} free.")

    async def _download(self, key: str, path: Path) -> str:
        digest = hashlib.sha256()
        stream = self.store.stream(key)

        def take(file: BinaryIO, chunk: bytes) -> None:
            digest.update(chunk)
            file.write(chunk)

        try:
            with _new_file(path) as file:
                async for chunk in stream:
                    await asyncio.to_thread(take, file, chunk)
        except ObjectMissingError:
            raise PermanentError(Code.INPUT_MISSING, "Stored bytes that this step needs are not there.") from None
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()
        return digest.hexdigest()


def _new_file(path: Path) -> BinaryIO:
    return path.open("xb")
