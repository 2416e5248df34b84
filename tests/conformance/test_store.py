"""Every object store, held to the same suite, and what only one of them can do."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3
from minio import Minio

from reel_common.adapters import s3
from reel_common.adapters.embedded.store import DirectoryStore
from reel_common.errors import TransientError
from reel_common.ports.store import ObjectMissingError, ObjectStore, Stored
from reel_common.testing.store import StoreConformance, content, keys
from tests.servers.s3 import S3Server


class TestDirectory(StoreConformance):
    @pytest.fixture
    async def store(self, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ObjectStore]:
        store = DirectoryStore(tmp_path_factory.mktemp("store"))
        yield store
        await store.close()

    @pytest.mark.xfail(strict=True, raises=TransientError, reason="a file is not a folder")
    async def test_a_key_may_go_on_where_another_ends(self, store: ObjectStore) -> None:
        await super().test_a_key_may_go_on_where_another_ends(store)


def made(server: S3Server, bucket: str, **more: object) -> s3.S3Store:
    address = f"{'https' if server.secure else 'http'}://{server.endpoint}"
    return s3.connect(address, bucket, access_key=server.access_key, secret_key=server.secret_key, **more)  # type: ignore[arg-type]


class TestS3(StoreConformance):
    @pytest.fixture
    async def store(self, s3_server: S3Server) -> AsyncIterator[ObjectStore]:
        store = made(s3_server, s3_server.fresh_bucket())
        yield store
        await store.close()


# --- the folder ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[DirectoryStore]:
    store = DirectoryStore(tmp_path / "store")
    yield store
    await store.close()


async def test_what_was_put_survives_the_process_and_a_copy(folder: DirectoryStore, tmp_path: Path) -> None:
    await folder.put("u/o/a", b"x", "text/plain")
    again = DirectoryStore(tmp_path / "store")
    assert await again.stat("u/o/a") == Stored("u/o/a", 1, "text/plain")
    await again.close()
    await asyncio.to_thread(os.system, f"cp -r {tmp_path}/store {tmp_path}/copy")
    copied = DirectoryStore(tmp_path / "copy")
    assert await copied.stat("u/o/a") == Stored("u/o/a", 1, "text/plain")
    await copied.close()


async def test_an_object_is_a_plain_file_that_nobody_writes_to(folder: DirectoryStore, tmp_path: Path) -> None:
    await folder.put("u/o/a.txt", b"x", "text/plain")
    path = tmp_path / "store" / "objects" / "u" / "o" / "a.txt"
    assert path.read_bytes() == b"x"
    assert path.stat().st_mode & 0o777 == 0o444
    assert os.listdir(tmp_path / "store" / "temporary") == []


async def test_links_lead_nowhere(folder: DirectoryStore, tmp_path: Path) -> None:
    secret, objects = tmp_path / "secret", tmp_path / "store" / "objects"
    secret.mkdir()
    (secret / "a").write_bytes(b"not yours")
    (objects / "link").symlink_to(secret)
    (objects / "file").symlink_to(secret / "a")
    os.mkfifo(objects / "pipe")
    for key in ("link/a", "file", "pipe", "link"):
        with pytest.raises(ObjectMissingError):
            await folder.get(key)
        with pytest.raises(ObjectMissingError):
            await folder.get_file(key, tmp_path / "target")
        assert await folder.stat(key) is None
        await folder.delete(key)
    with pytest.raises(TransientError):
        await folder.put("link/b", b"x", "text/plain")
    await folder.put("file", b"mine", "text/plain")  # takes the link's place
    assert (secret / "a").read_bytes() == b"not yours"
    assert os.listdir(secret) == ["a"]
    assert await keys(folder, "") == ["file"]


async def test_what_a_crash_left_goes_after_a_day(tmp_path: Path) -> None:
    temporary = tmp_path / "store" / "temporary"
    temporary.mkdir(parents=True)
    for name, age in (("old", 25 * 3600), ("new", 60)):
        (temporary / name).write_bytes(b"x")
        os.utime(temporary / name, (time.time() - age,) * 2)
    store = DirectoryStore(tmp_path / "store")
    assert os.listdir(temporary) == ["new"]
    assert await store.presign("a", timedelta(minutes=1), "a") is None
    await store.close()


# --- S3 --------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def bucket(s3_server: S3Server) -> AsyncIterator[s3.S3Store]:
    store = made(s3_server, s3_server.fresh_bucket(), public_url="http://media.example.org:8080", timeout_s=2.0)
    yield store
    await store.close()


async def test_an_address_is_signed_without_the_network(bucket: s3.S3Store) -> None:
    address = await bucket.presign("u/o/a", timedelta(days=30), 'my "süß".mp4')
    assert address is not None
    assert address.startswith("http://media.example.org:8080/test-")
    assert "X-Amz-Expires=604800" in address  # seven days are the most


async def test_an_address_downloads_under_its_name(s3_server: S3Server) -> None:
    store = made(s3_server, s3_server.fresh_bucket())
    await store.put("u/o/a", b"hello", "video/mp4")
    address = await store.presign("u/o/a", timedelta(minutes=1), 'my\r\n "süß".mp4')
    assert address is not None
    http = urllib3.PoolManager()
    answer = await asyncio.to_thread(http.request, "GET", address)
    tampered = await asyncio.to_thread(http.request, "GET", address.replace("u/o/a", "u/o/b"))
    http.clear()
    await store.close()
    assert answer.data == b"hello"
    assert answer.headers["content-disposition"].startswith('attachment; filename="my__ _s___.mp4"; ')
    assert tampered.status == 403


async def test_the_bucket_is_made_by_whoever_comes_first(s3_server: S3Server) -> None:
    name = s3_server.fresh_bucket()
    client: Minio = s3_server.client()
    await asyncio.to_thread(client.remove_bucket, name)
    stores = [made(s3_server, name) for _ in range(3)]
    await asyncio.gather(*(store.put(f"a{n}", b"x", "text/plain") for n, store in enumerate(stores)))
    assert await keys(stores[0], "") == ["a0", "a1", "a2"]
    for store in stores:
        await store.close()


async def test_a_bucket_that_vanished_is_made_again(s3_server: S3Server) -> None:
    name = s3_server.fresh_bucket()
    store = made(s3_server, name)
    assert await store.stat("a") is None
    await asyncio.to_thread(s3_server.client().remove_bucket, name)
    with pytest.raises(TransientError, match="NoSuchBucket"):
        await store.put("a", b"x", "text/plain")
    await store.put("a", b"x", "text/plain")
    await store.close()


async def test_a_wrong_key_is_not_ours_to_mend(s3_server: S3Server) -> None:
    address = f"http://{s3_server.endpoint}"
    store = s3.connect(address, s3_server.fresh_bucket(), access_key="nobody", secret_key="x" * 20)
    with pytest.raises(TransientError, match=r"InvalidAccessKeyId|AccessDenied|Forbidden"):
        await store.put("a", b"x", "text/plain")
    await store.close()


@pytest.fixture
def server(s3_server: S3Server) -> Iterator[S3Server]:
    """A server that the test may kill or freeze; afterwards it runs again."""
    if not s3_server.can_be_killed:
        pytest.skip("the server is not ours to kill")
    yield s3_server
    s3_server.wait(60, "the server did not come back")


async def every_call_is_transient(store: s3.S3Store, tmp_path: Path, seconds: float) -> None:
    source = tmp_path / "source"
    source.write_bytes(content(20 * 1024 * 1024))

    async def listed() -> object:
        return await keys(store, "")

    began = time.monotonic()
    results = await asyncio.gather(
        store.put("a", b"x", "text/plain"),
        store.put_file("a", source, "text/plain"),
        store.get("a"),
        store.get_file("a", tmp_path / "target"),
        store.stat("a"),
        store.delete("a"),
        listed(),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [TransientError] * 7
    assert time.monotonic() - began < seconds
    assert not (tmp_path / "target").exists()


async def test_a_dead_server_is_transient_and_quick(bucket: s3.S3Store, server: S3Server, tmp_path: Path) -> None:
    await bucket.put("a", b"here", "text/plain")
    await asyncio.to_thread(server.kill)
    try:
        await every_call_is_transient(bucket, tmp_path, seconds=5)
        assert await bucket.presign("a", timedelta(minutes=1), "a")
    finally:
        await asyncio.to_thread(server.start)
    assert await bucket.get("a") == b"here"


async def test_a_silent_server_is_transient_within_its_timeout(
    bucket: s3.S3Store, server: S3Server, tmp_path: Path
) -> None:
    await bucket.put("a", b"here", "text/plain")
    await asyncio.to_thread(server.freeze)
    try:
        await every_call_is_transient(bucket, tmp_path, seconds=10)  # twice two seconds, and pauses
    finally:
        await asyncio.to_thread(server.thaw)
    assert await bucket.get("a") == b"here"


async def test_a_server_that_dies_in_the_middle(bucket: s3.S3Store, server: S3Server, tmp_path: Path) -> None:
    await bucket.put("a", content(64 * 1024 * 1024), "video/mp4")
    stream = bucket.stream("a")
    await anext(stream)
    await asyncio.to_thread(server.kill)
    try:
        with pytest.raises(TransientError):
            async for _ in stream:
                pass
    finally:
        await asyncio.to_thread(server.start)


def test_the_address_may_be_secure() -> None:
    store = s3.connect("https://s3.example.org", "reel", access_key="a", secret_key="b")
    assert urlsplit(store._client._base_url._url.geturl()).scheme == "https"
    asyncio.run(store.close())
