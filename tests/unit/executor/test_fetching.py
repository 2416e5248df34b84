"""Bytes on their way into the sandbox."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reel_common.domain import keys
from reel_common.errors import TransientError
from reel_executor.fetching import Fetcher
from tests.unit.executor.ports import OWNER, MemoryStore, ProcessSandbox

DATA = b"media" * 100_000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.objects[keys.artifact(OWNER, SHA256)] = (DATA, "video/mp4")
    return store


@pytest.fixture
def sandbox(tmp_path: Path) -> ProcessSandbox:
    return ProcessSandbox(tmp_path / "spool")


async def test_bytes_arrive_whole_and_only_once(store: MemoryStore, sandbox: ProcessSandbox, tmp_path: Path) -> None:
    fetcher = Fetcher(store, sandbox, tmp_path / "scratch")
    await fetcher.bring(OWNER, SHA256)
    assert (sandbox.inputs / SHA256).read_bytes() == DATA
    (sandbox.inputs / SHA256).write_bytes(b"seen")
    await fetcher.bring(OWNER, SHA256)
    assert (sandbox.inputs / SHA256).read_bytes() == b"seen"
    assert list(fetcher.scratch.iterdir()) == []


async def test_without_space_it_is_tried_again_later(
    store: MemoryStore, sandbox: ProcessSandbox, tmp_path: Path
) -> None:
    with pytest.raises(TransientError, match="no space"):
        await Fetcher(store, sandbox, tmp_path / "scratch", reserve_bytes=1 << 62).bring(OWNER, SHA256)
    assert not await sandbox.has(SHA256)


class StuckStore(MemoryStore):
    """A store whose connection hangs after the first bytes."""

    closed = False

    async def stream(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        try:
            yield b"media"
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def test_cancelled_it_leaves_nothing(store: MemoryStore, sandbox: ProcessSandbox, tmp_path: Path) -> None:
    stuck = StuckStore()
    stuck.objects = store.objects
    fetcher = Fetcher(stuck, sandbox, tmp_path / "scratch")
    work = asyncio.create_task(fetcher.bring(OWNER, SHA256))
    while not list(tmp_path.glob("scratch/*")):
        await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert list(fetcher.scratch.iterdir()) == []
    assert stuck.closed
