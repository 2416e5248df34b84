"""The object store on anything that speaks S3, over ``minio``: plain calls only, so that the server can be exchanged."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from threading import Event
from typing import BinaryIO, TypeVar
from urllib.parse import quote, urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3.response import BaseHTTPResponse

from reel_common.adapters.landing import landing
from reel_common.adapters.object_keys import check_key, check_media_type, check_prefix, check_range
from reel_common.adapters.threads import Threads
from reel_common.errors import TransientError
from reel_common.ports.store import ObjectMissingError, Stored

T = TypeVar("T")

_CHUNK_BYTES = 1024 * 1024
_PART_BYTES = 8 * 1024 * 1024  # sent in one go, within the timeout: half a megabyte per second is enough
_MOST_PARTS = 9000
_PAGE = 500
_LONGEST_PRESIGNED = timedelta(days=7)


def connect(
    url: str,
    bucket: str,
    *,
    access_key: str,
    secret_key: str,
    region: str = "us-east-1",
    public_url: str = "",
    threads: int = 16,
    timeout_s: float = 15.0,
) -> S3Store:
    """A store that touches the network with its first call; the bucket is made then if it is missing.

    ``url``: scheme, host and port. ``public_url``: the same as browsers see it, if that differs (the host is part of a
    signature). ``timeout_s``: how long the server may be silent, not how long a transfer may take.
    """
    http = urllib3.PoolManager(
        maxsize=threads,
        timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
        retries=urllib3.Retry(total=2, connect=1, read=1, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
    )

    def client(address: str) -> Minio:
        parts = urlsplit(address)
        return Minio(
            parts.netloc,
            access_key=access_key,
            secret_key=secret_key,
            secure=parts.scheme == "https",
            region=region,  # known, so that signing an address asks nobody
            http_client=http,
        )

    return S3Store(client(url), client(public_url or url), bucket, http, threads)


class S3Store:
    """The ``ObjectStore`` on S3. Make one with ``s3.connect``. Objects that it lists have no media type: S3 does not tell."""

    def __init__(self, client: Minio, public: Minio, bucket: str, http: urllib3.PoolManager, threads: int) -> None:
        self._client, self._public, self._bucket, self._http = client, public, bucket, http
        self._threads = Threads(threads, "s3")
        self._bucket_there = False

    async def put(self, key: str, data: bytes, media_type: str) -> None:
        """Writes or replaces an object from memory."""
        check_key(key)
        check_media_type(media_type)
        await self._call(lambda: self._put(key, io.BytesIO(data), len(data), media_type))

    async def put_file(self, key: str, path: Path, media_type: str) -> None:
        """Holds a part of 8 MiB in memory, more where there would be too many. Raises: OSError when ``path`` cannot be read."""
        check_key(key)
        check_media_type(media_type)

        def put() -> None:
            with path.open("rb") as source:
                self._put(key, source, os.fstat(source.fileno()).st_size, media_type)

        await self._call(put)

    async def get(self, key: str) -> bytes:
        """The whole object."""
        return b"".join([chunk async for chunk in self.stream(key)])

    async def get_file(self, key: str, path: Path) -> None:
        """Writes the object to ``path``; when it is cancelled or fails, nothing is left there."""
        check_key(key)

        def get(stop: Event) -> None:
            with self._errors(key):
                self._make_bucket()
                response = self._client.get_object(self._bucket, key)
            try:
                with landing(path) as target:
                    while chunk := self._read(response, key):
                        if stop.is_set():
                            raise InterruptedError("nobody waits for it")
                        target.write(chunk)
            finally:
                _release(response)

        await self._threads.run_until_stopped(get)

    async def stream(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """A chunk is read when it is asked for, and no thread is held in between."""
        check_key(key)
        check_range(start, length)
        response = await self._call(lambda: self._open(key, start, length), key)
        if response is None:
            return
        reading: Future[bytes] | None = None
        try:
            while True:
                reading = self._threads.submit(lambda: self._read(response, key))
                chunk = await asyncio.wrap_future(reading)
                if not chunk:
                    return
                yield chunk
        finally:
            if reading is not None:  # when this was cancelled, a thread may be reading still
                reading.add_done_callback(lambda _: _release(response))

    async def stat(self, key: str) -> Stored | None:
        """What is there, or None."""
        check_key(key)
        try:
            found = await self._call(lambda: self._client.stat_object(self._bucket, key), key)
        except ObjectMissingError:
            return None
        return Stored(key, int(found.size or 0), found.content_type or "")

    async def delete(self, key: str) -> None:
        """Removes the object; nothing happens when there is none."""
        check_key(key)
        await self._call(lambda: self._client.remove_object(self._bucket, key))

    async def list(self, prefix: str) -> AsyncIterator[Stored]:
        """All objects whose key starts with ``prefix``, in the order of their keys."""
        check_prefix(prefix)
        found = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
        while page := await self._call(lambda: list(islice(found, _PAGE))):
            for each in page:
                yield Stored(each.object_name or "", int(each.size or 0), "")

    async def presign(self, key: str, expires: timedelta, filename: str) -> str | None:
        """A download of that name, for at most seven days. Nobody is asked whether there is such an object."""
        check_key(key)
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in filename)
        disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
        return self._public.presigned_get_object(
            self._bucket,
            key,
            expires=min(expires, _LONGEST_PRESIGNED),
            response_headers={"response-content-disposition": disposition},
        )

    async def close(self) -> None:
        """Gives up connections and threads; what a thread is doing ends by itself, within its timeout."""
        self._threads.close()
        self._http.clear()

    async def _call(self, work: Callable[[], T], key: str = "") -> T:
        def attempt() -> T:
            with self._errors(key):
                self._make_bucket()
                return work()

        return await self._threads.run(attempt)

    def _put(self, key: str, source: BinaryIO, size: int, media_type: str) -> None:
        part = max(_PART_BYTES, -(-size // _MOST_PARTS))
        self._client.put_object(
            self._bucket, key, source, size, content_type=media_type, part_size=part, num_parallel_uploads=1
        )

    def _open(self, key: str, start: int, length: int | None) -> BaseHTTPResponse | None:
        """None when the range holds nothing."""
        if length == 0:  # which S3 cannot say, and ``minio`` takes for everything
            self._client.stat_object(self._bucket, key)
            return None
        try:
            return self._client.get_object(self._bucket, key, offset=start, length=length or 0)
        except S3Error as e:
            if e.code == "InvalidRange":
                return None
            raise

    def _read(self, response: BaseHTTPResponse, key: str) -> bytes:
        with self._errors(key):
            return response.read(_CHUNK_BYTES)

    def _make_bucket(self) -> None:
        if self._bucket_there:
            return
        try:
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)
        except S3Error as e:
            # made by another process meanwhile, or not for us to look at or make: the call itself will tell
            if e.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists", "AccessDenied"}:
                raise
        self._bucket_there = True

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except S3Error as e:
            if e.code == "NoSuchKey":
                raise ObjectMissingError(key) from None
            if e.code == "NoSuchBucket":
                self._bucket_there = False  # it is made with the next try
            raise TransientError(f"the object store answered {e.code}") from e
        except (MinioException, urllib3.exceptions.HTTPError) as e:
            raise TransientError(f"the object store cannot be reached ({type(e).__name__})") from e


def _release(response: BaseHTTPResponse) -> None:
    response.close()
    response.release_conn()
