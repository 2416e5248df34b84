"""What every ``ObjectStore`` must do. Subclass ``StoreConformance`` and give it the fixture ``store``."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from reel_common.errors import TransientError
from reel_common.ports.store import ObjectMissingError, ObjectStore, Stored
from reel_common.testing.patience import QUIET_S, until

MIB = 1024 * 1024
LARGE = 20 * MIB + 17  # several parts, and no round number
BAD_KEYS = [
    "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.hidden", ".a", "a b", "a\\b", "a\x00b", "a\nb", "ä", "a%2fb",
    "~a", "a:b", "a?b", "x" * 256, "a/" * 256 + "b",
]  # fmt: skip
GOOD_KEYS = ["a", "A-1_.b", "_", "-", "a..b", "u/o/jobs/j/steps/s.0.1/2/log.txt", "a/" * 255 + "b"]
BAD_MEDIA_TYPES = ["", "text/plain\r\nx: y", "ä/ö", "x" * 201]


def content(size: int) -> bytes:
    """Bytes that show when a piece is missing or out of place."""
    block = b"".join(i.to_bytes(4, "big") for i in range(16384))
    return (block * (size // len(block) + 1))[:size]


async def collect(chunks: AsyncIterator[bytes]) -> bytes:
    """All of it, checking that no chunk is large."""
    found = [chunk async for chunk in chunks]
    assert all(0 < len(chunk) <= MIB for chunk in found)
    return b"".join(found)


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def keys(store: ObjectStore, prefix: str) -> list[str]:
    """Keys that ``list`` gives."""
    return [found.key async for found in store.list(prefix)]


class StoreConformance:
    """The suite. ``store`` gives an empty store; who made it closes it."""

    @pytest.fixture
    def store(self) -> ObjectStore:
        """To be overridden."""
        raise NotImplementedError

    async def test_what_was_put_is_got(self, store: ObjectStore) -> None:
        await store.put("u/o/a.txt", b"hello", "text/plain")
        assert await store.get("u/o/a.txt") == b"hello"
        assert await store.stat("u/o/a.txt") == Stored("u/o/a.txt", 5, "text/plain")

    async def test_nothing_is_something(self, store: ObjectStore) -> None:
        await store.put("empty", b"", "video/mp4")
        assert await store.get("empty") == b""
        assert await store.stat("empty") == Stored("empty", 0, "video/mp4")

    async def test_put_replaces_bytes_and_type(self, store: ObjectStore) -> None:
        await store.put("a", b"old and longer", "text/plain")
        await store.put("a", b"new", "application/json")
        assert await store.get("a") == b"new"
        assert await store.stat("a") == Stored("a", 3, "application/json")

    async def test_a_missing_object(self, store: ObjectStore, tmp_path: Path) -> None:
        assert await store.stat("nobody") is None
        with pytest.raises(ObjectMissingError):
            await store.get("nobody")
        with pytest.raises(ObjectMissingError):
            await store.get_file("nobody", tmp_path / "a")
        for start, length in ((0, None), (5, 2), (0, 0)):
            with pytest.raises(ObjectMissingError):
                await collect(store.stream("nobody", start, length))
        assert names(tmp_path) == []
        await store.delete("nobody")

    async def test_a_part_of_a_key_is_no_object(self, store: ObjectStore) -> None:
        await store.put("u/o/a", b"x", "text/plain")
        assert await store.stat("u/o") is None
        with pytest.raises(ObjectMissingError):
            await store.get("u")
        await store.delete("u/o")
        assert await store.get("u/o/a") == b"x"

    async def test_delete(self, store: ObjectStore) -> None:
        await store.put("u/o/a", b"x", "text/plain")
        await store.put("u/o/b", b"y", "text/plain")
        await store.delete("u/o/a")
        assert await store.stat("u/o/a") is None
        assert await keys(store, "") == ["u/o/b"]
        await store.delete("u/o/b")
        await store.put("u", b"z", "text/plain")  # nothing of the old keys is in its way
        assert await keys(store, "") == ["u"]

    @pytest.mark.parametrize("key", BAD_KEYS)
    async def test_bad_keys(self, store: ObjectStore, tmp_path: Path, key: str) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"x")
        for call in (
            store.put(key, b"x", "text/plain"),
            store.put_file(key, source, "text/plain"),
            store.get(key),
            store.get_file(key, tmp_path / "target"),
            collect(store.stream(key)),
            store.stat(key),
            store.delete(key),
            store.presign(key, timedelta(minutes=1), "a.txt"),
        ):
            with pytest.raises(ValueError, match="key"):
                await call
        assert await keys(store, "") == []

    @pytest.mark.parametrize("key", GOOD_KEYS)
    async def test_good_keys(self, store: ObjectStore, key: str) -> None:
        await store.put(key, b"x", "text/plain")
        assert await store.get(key) == b"x"
        assert await keys(store, "") == [key]

    async def test_a_key_may_go_on_where_another_ends(self, store: ObjectStore) -> None:
        await store.put("a", b"x", "text/plain")
        await store.put("a/b", b"y", "text/plain")
        assert (await store.get("a"), await store.get("a/b")) == (b"x", b"y")

    async def test_a_long_name_in_a_key(self, store: ObjectStore) -> None:
        await store.put("a" * 255, b"x", "text/plain")
        assert await store.get("a" * 255) == b"x"

    @pytest.mark.parametrize("media_type", BAD_MEDIA_TYPES)
    async def test_bad_media_types(self, store: ObjectStore, media_type: str) -> None:
        with pytest.raises(ValueError, match="media type"):
            await store.put("a", b"x", media_type)
        assert await store.stat("a") is None

    async def test_files(self, store: ObjectStore, tmp_path: Path) -> None:
        data, source, target = content(LARGE), tmp_path / "source", tmp_path / "target"
        source.write_bytes(data)
        await store.put_file("u/o/video", source, "video/mp4")
        assert source.read_bytes() == data
        source.write_bytes(b"the caller's again")
        assert await store.stat("u/o/video") == Stored("u/o/video", LARGE, "video/mp4")
        await store.get_file("u/o/video", target)
        assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(data).digest()
        assert names(tmp_path) == ["source", "target"]

    async def test_files_that_cannot_be_read_are_the_callers_fault(self, store: ObjectStore, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            await store.put_file("a", tmp_path / "nobody", "video/mp4")
        assert await store.stat("a") is None

    async def test_a_file_is_replaced(self, store: ObjectStore, tmp_path: Path) -> None:
        target = tmp_path / "target"
        target.write_bytes(b"something else")
        await store.put("a", b"one", "text/plain")
        for _ in range(2):  # the second time it is there already
            await store.get_file("a", target)
            assert target.read_bytes() == b"one"
        await store.put("a", b"two", "text/plain")
        assert target.read_bytes() == b"one"
        await store.get_file("a", target)
        assert target.read_bytes() == b"two"
        target.unlink()
        assert await store.get("a") == b"two"
        assert names(tmp_path) == []

    async def test_a_cancelled_file_leaves_nothing(self, store: ObjectStore, tmp_path: Path) -> None:
        await store.put("a", content(LARGE), "video/mp4")
        target = tmp_path / "target"
        task = asyncio.create_task(store.get_file("a", target))
        await asyncio.sleep(0.002)
        task.cancel()
        await asyncio.wait([task])
        await until(lambda: names(tmp_path) in ([], ["target"]))
        await asyncio.sleep(QUIET_S)
        assert names(tmp_path) == [] or target.stat().st_size == LARGE

    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, None), (0, 10), (5, 5), (5, None), (LARGE - 3, None), (LARGE - 3, 10), (3 * MIB - 1, 2 * MIB + 2), (LARGE, None),
         (LARGE + 5, 3), (7, 0)],
    )  # fmt: skip
    async def test_ranges(self, store: ObjectStore, start: int, length: int | None) -> None:
        data = content(LARGE)
        await store.put("a", data, "video/mp4")
        end = LARGE if length is None else start + length
        assert await collect(store.stream("a", start, length)) == data[start:end]

    async def test_negative_ranges(self, store: ObjectStore) -> None:
        await store.put("a", b"x", "text/plain")
        for start, length in ((-1, None), (0, -1)):
            with pytest.raises(ValueError, match="negative"):
                await collect(store.stream("a", start, length))

    async def test_a_stream_may_be_left(self, store: ObjectStore) -> None:
        await store.put("a", content(LARGE), "video/mp4")
        for _ in range(40):  # more than there are threads or connections
            async with aclosing(cast("AsyncGenerator[bytes, None]", store.stream("a"))) as chunks:
                async for chunk in chunks:
                    assert chunk
                    break
        assert await store.stat("a")

    async def test_many_streams_at_once_starve_nobody(self, store: ObjectStore) -> None:
        await store.put("a", content(2 * MIB), "video/mp4")
        streams = [store.stream("a") for _ in range(24)]
        for stream in streams:
            await anext(stream)  # all are open now, and nobody reads on
        async with asyncio.timeout(10):
            assert await store.stat("a")
        for stream in streams:
            assert await collect(stream)

    async def test_a_reader_sees_one_write_or_another(self, store: ObjectStore) -> None:
        size = 3 * MIB
        writes = [bytes([n]) * size for n in range(4)]
        await store.put("a", writes[0], "n/0")

        async def write() -> None:
            for n in range(1, 12):
                await store.put("a", writes[n % 4], f"n/{n % 4}")

        writing = asyncio.create_task(write())
        while not writing.done():
            found = await store.get("a")
            assert found == bytes([found[0]]) * size
        await writing
        assert await store.get("a") == writes[3]
        assert await store.stat("a") == Stored("a", size, "n/3")

    async def test_writers_of_one_key_at_once(self, store: ObjectStore) -> None:
        await asyncio.gather(*(store.put("u/a", bytes([n]) * 1000, f"n/{n}") for n in range(20)))
        found = await store.get("u/a")
        assert found == bytes([found[0]]) * 1000
        assert await store.stat("u/a") == Stored("u/a", 1000, f"n/{found[0]}")

    async def test_put_and_delete_of_neighbours_at_once(self, store: ObjectStore) -> None:
        async def come_and_go(n: int) -> None:
            for _ in range(10):
                with suppress(TransientError):  # MinIO refuses, seldom, a key whose folder it is removing just now
                    await store.put(f"u/deep/er/{n}", b"x", "text/plain")
                await store.delete(f"u/deep/er/{n}")

        await asyncio.gather(*(come_and_go(n) for n in range(8)))
        assert await keys(store, "") == []

    async def test_list_is_in_the_order_of_keys(self, store: ObjectStore) -> None:
        names = ["a-b", "a.b", "a/b", "a/b-c", "a/bc", "a0", "a_b", "b/1/x", "b/10", "b/2", "B"]
        for n, name in enumerate(names):
            await store.put(name, b"x" * n, "text/plain")
        found = [(each.key, each.size) async for each in store.list("")]
        assert found == sorted((name, n) for n, name in enumerate(names))
        assert await keys(store, "a/") == ["a/b", "a/b-c", "a/bc"]
        assert await keys(store, "a/b") == ["a/b", "a/b-c", "a/bc"]
        assert await keys(store, "a") == ["a-b", "a.b", "a/b", "a/b-c", "a/bc", "a0", "a_b"]
        assert await keys(store, "b/1") == ["b/1/x", "b/10"]
        assert await keys(store, "nobody/") == []
        assert await keys(store, "a/b/c/d") == []

    async def test_list_goes_on_over_pages(self, store: ObjectStore) -> None:
        wanted = [f"p/{n:04}" for n in range(1100)]
        for n in range(0, len(wanted), 50):
            await asyncio.gather(*(store.put(key, b"", "text/plain") for key in wanted[n : n + 50]))
        assert await keys(store, "p/") == wanted

    @pytest.mark.parametrize("prefix", ["/", "../", "a/../", ".", "a//", "ä"])
    async def test_bad_prefixes(self, store: ObjectStore, prefix: str) -> None:
        with pytest.raises(ValueError, match="prefix"):
            await keys(store, prefix)
