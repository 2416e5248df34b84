"""What only shows on a real connection: clients that go, that stall, and that read a stream as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from reel_gateway.listening import bind, served, url_of
from tests.gateway.conftest import OpenHouse
from tests.gateway.house import CLIP, House


@pytest.fixture
async def served_house(open_house: OpenHouse) -> AsyncIterator[House]:
    """The house at an address of its own; ``http`` goes there."""
    house = await open_house()
    listening = bind("127.0.0.1", 0)
    async with served(house.app, listening), httpx.AsyncClient(base_url=url_of(listening), trust_env=False) as http:
        house.http = http
        yield house
        house.deps.wake.close()


def opened(house: House) -> asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    url = house.http.base_url
    return asyncio.ensure_future(asyncio.open_connection(url.host, url.port))


async def test_an_upload_that_is_cut_off_leaves_nothing(served_house: House, tmp_path: Path) -> None:
    folder = tmp_path / "spool" / "scratch" / "gateway"
    for length in ("Content-Length: 5000000", "Transfer-Encoding: chunked"):
        _, writer = await opened(served_house)
        body = b"x" * 2_000_000 if "Length" in length else b"1e8480\r\n" + b"x" * 2_000_000 + b"\r\n"
        writer.write(f"PUT /v1/assets HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n".encode() + body)
        await writer.drain()
        async with asyncio.timeout(5):
            while not [f for f in folder.iterdir() if f.stat().st_size]:
                await asyncio.sleep(0.01)
            writer.close()
            while list(folder.iterdir()):
                await asyncio.sleep(0.01)
    assert (await served_house.ok("GET", "/v1/assets"))["items"] == []


async def test_a_refused_upload_is_not_even_sent(served_house: House) -> None:
    reader, writer = await opened(served_house)
    size = served_house.deps.settings.max_upload_bytes + 1
    writer.write(
        f"PUT /v1/assets HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\nExpect: 100-continue\r\n\r\n".encode()
    )
    line = await asyncio.wait_for(reader.readline(), 5)
    assert line.startswith(b"HTTP/1.1 413")
    writer.close()


async def test_events_arrive_when_they_happen(served_house: House) -> None:
    job = await served_house.edit(await served_house.session())
    async with asyncio.timeout(10), served_house.http.stream("GET", job["urls"]["events"]) as answer:
        assert "server" not in answer.headers
        lines = answer.aiter_lines()
        kinds = [line async for line in _until(lines, "event: progress")]
        assert kinds == ["event: job.requested", "event: progress"]
        working = asyncio.create_task(served_house.work())
        assert "event: plan.made" in [line async for line in _until(lines, "event: plan.made")]
        assert "event: job.finished" in [line async for line in _until(lines, "event: job.finished")]
        await working


async def _until(lines: AsyncIterator[str], last: str) -> AsyncIterator[str]:
    async for line in lines:
        if line.startswith("event:"):
            yield line
        if line == last:
            return


async def test_a_client_that_does_not_read_is_let_go(served_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reel_gateway.front.STALLED_S", 0.3)
    content = CLIP * 20_000
    asset = await served_house.upload(content=content)
    reader, writer = await opened(served_house)
    writer.write(f"GET /v1/assets/{asset['id']}/content HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(1.5)
    got = 0
    async with asyncio.timeout(10):
        while chunk := await reader.read(1 << 20):
            got += len(chunk)
    assert 0 < got < len(content)
    writer.close()
    assert (await served_house.http.get(asset["url"])).content == content
