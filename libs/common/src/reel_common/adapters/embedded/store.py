"""The object store of a single process: a folder in which an object is a plain file at the path that its key says."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from reel_common.adapters.embedded.media_types import MediaTypes
from reel_common.adapters.landing import beside, fsync_folder, landing, prune_folders
from reel_common.adapters.object_keys import check_key, check_media_type, check_prefix, check_range
from reel_common.adapters.threads import Threads
from reel_common.errors import TransientError
from reel_common.ports.store import ObjectMissingError, Stored

_CHUNK_BYTES = 1024 * 1024
_PAGE = 500
_THREADS = 4
_STALE_S = 24 * 3600


class DirectoryStore:
    """The ``ObjectStore`` in a folder of its own, made if it is missing; one process writes to it.

    No key may go on where another ends (``a`` and ``a/b``): a file is not a folder.
    """

    def __init__(self, folder: Path) -> None:
        root = folder.absolute()
        self._temporary = root / "temporary"
        self._objects = root / "objects"
        for each in (self._temporary, self._objects):
            each.mkdir(parents=True, exist_ok=True)
        self._objects = self._objects.resolve()
        self._types = MediaTypes(root / "types")
        for left in self._temporary.iterdir():  # by a crash
            if left.stat().st_mtime < time.time() - _STALE_S:
                left.unlink(missing_ok=True)
        self._threads = Threads(_THREADS, "store")
        self._moving = Lock()

    async def put(self, key: str, data: bytes, media_type: str) -> None:
        """Writes or replaces an object from memory."""
        check_media_type(media_type)
        path = self._path(key)
        await self._threads.run(lambda: self._put(key, path, lambda target: target.write(data), media_type))

    async def put_file(self, key: str, path: Path, media_type: str) -> None:
        """A copy: ``path`` stays the caller's. Raises: OSError when it cannot be read."""
        check_media_type(media_type)
        target_path = self._path(key)

        def put() -> None:
            with path.open("rb") as source:
                self._put(key, target_path, lambda target: shutil.copyfileobj(source, target, _CHUNK_BYTES), media_type)

        await self._threads.run(put)

    async def get(self, key: str) -> bytes:
        """The whole object."""
        path = self._path(key)

        def get() -> bytes:
            with _open(path, key) as source:
                return source.read()

        return await self._threads.run(get)

    async def get_file(self, key: str, path: Path) -> None:
        """The same file under another name where that can be, so it is not to be written to (its mode says so), else a copy."""
        source_path = self._path(key)

        def get() -> None:
            with _open(source_path, key) as source:
                try:
                    _link(source_path, path)
                except OSError:  # another file system, or one without links
                    with landing(path) as target:
                        shutil.copyfileobj(source, target, _CHUNK_BYTES)

        await self._threads.run(get)

    async def stream(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """A chunk is read when it is asked for; what is replaced or deleted meanwhile is read to its end."""
        check_range(start, length)
        path = self._path(key)
        source = await self._threads.run(lambda: _open(path, key))
        reading: Future[bytes] | None = None
        try:
            source.seek(start)
            left = length
            while left is None or left > 0:
                size = _CHUNK_BYTES if left is None else min(left, _CHUNK_BYTES)
                reading = self._threads.submit(partial(source.read, size))
                chunk = await asyncio.wrap_future(reading)
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk
        finally:
            _after(reading, source.close)

    async def stat(self, key: str) -> Stored | None:
        """What is there, or None."""
        path = self._path(key)

        def look() -> Stored | None:
            try:
                with _open(path, key) as source:
                    found = os.fstat(source.fileno())
            except ObjectMissingError:
                return None
            return Stored(key, found.st_size, self._types.read(key, found.st_ino))

        return await self._threads.run(look)

    async def delete(self, key: str) -> None:
        """Removes the object, and folders that are empty then; nothing happens when there is none."""
        path = self._path(key)

        def delete() -> None:
            with self._moving, _store_errors():
                try:
                    _open(path, key).close()
                except ObjectMissingError:
                    return  # also for what is no object of ours: a folder, or behind a link
                path.unlink(missing_ok=True)
                self._types.forget(key)
                prune_folders(path, self._objects)

        await self._threads.run(delete)

    async def list(self, prefix: str) -> AsyncIterator[Stored]:
        """All objects whose key starts with ``prefix``, in the order of their keys. Media types are not looked up."""
        check_prefix(prefix)
        start, _, rest = prefix.rpartition("/")
        found = _walk(self._objects / start, f"{start}/" if start else "", rest)
        while page := await self._threads.run(lambda: list(islice(found, _PAGE))):
            for each in page:
                yield each

    async def presign(self, key: str, expires: timedelta, filename: str) -> str | None:  # noqa: ARG002  (the port's)
        """None: there is no server to download from."""
        check_key(key)
        return None

    async def close(self) -> None:
        """Gives up threads."""
        self._threads.close()

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._objects / key

    def _put(self, key: str, path: Path, fill: Callable[[BinaryIO], object], media_type: str) -> None:
        temporary = self._temporary / secrets.token_hex(16)
        try:
            with _store_errors():
                with temporary.open("xb") as target:
                    fill(target)
                    target.flush()
                    os.fchmod(target.fileno(), 0o444)
                    os.fsync(target.fileno())
                    number = os.fstat(target.fileno()).st_ino
                with self._moving:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    _refuse_links(path.parent)
                    self._types.write(key, number, media_type)
                    temporary.replace(path)
                    fsync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def _open(path: Path, key: str) -> BinaryIO:
    """Opens a plain file, and nothing that a link leads to. Raises: ObjectMissingError."""
    try:
        _refuse_links(path.parent)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise ObjectMissingError(key) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ObjectMissingError(key)
    return os.fdopen(descriptor, "rb")


def _refuse_links(folder: Path) -> None:
    if folder.resolve() != folder:
        raise NotADirectoryError(f"a link leads out of the store: {folder}")


def _link(source: Path, path: Path) -> None:
    temporary = beside(path)
    try:
        os.link(source, temporary, follow_symlinks=False)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # is still there when ``path`` was this very file before


def _walk(folder: Path, above: str, starts: str) -> Iterator[Stored]:
    """In the order of whole keys: a folder's name counts with the slash after it."""
    try:
        entries = [entry for entry in os.scandir(folder) if entry.name.startswith(starts)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in sorted(entries, key=lambda e: f"{e.name}/" if e.is_dir(follow_symlinks=False) else e.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name, f"{above}{entry.name}/", "")
        elif entry.is_file(follow_symlinks=False):
            try:
                yield Stored(above + entry.name, entry.stat(follow_symlinks=False).st_size, "")
            except FileNotFoundError:
                continue  # deleted meanwhile


def _after(reading: Future[bytes] | None, close: Callable[[], None]) -> None:
    """Closes, once a thread that may be reading still has ended."""
    if reading is None:
        close()
    else:
        reading.add_done_callback(lambda _: close())


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise TransientError(f"the object store cannot be written to ({e.strerror})") from e
