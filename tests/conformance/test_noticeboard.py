"""Every noticeboard, held to the same suite, and what becomes of one whose server is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from redis.asyncio import Redis

from reel_common.adapters import redis as adapter
from reel_common.adapters.embedded.noticeboard import EmbeddedNoticeboard
from reel_common.ports.noticeboard import Noticeboard
from reel_common.testing.noticeboard import Boards, NoticeboardConformance, Reader, note
from tests.servers.redis import RedisServer

Connect = Callable[[str], Noticeboard]


class TestEmbedded(NoticeboardConformance):
    @pytest.fixture
    async def boards(self) -> AsyncIterator[Boards]:
        board = EmbeddedNoticeboard()

        async def another() -> Noticeboard:
            return board  # of one process

        yield another
        await board.close()


class TestRedis(NoticeboardConformance):
    @pytest.fixture
    async def boards(self, redis_server: RedisServer) -> AsyncIterator[Boards]:
        url = redis_server.fresh_url()
        made: list[Noticeboard] = []

        async def another() -> Noticeboard:
            made.append(adapter.connect(url))
            return made[-1]

        yield another
        for board in made:
            await board.close()


# --- memory ----------------------------------------------------------------------------------------------------------


async def test_memory_forgets_after_a_day_and_is_bounded() -> None:
    now = [0.0]
    board = EmbeddedNoticeboard(lambda: now[0])
    await board.record(note("old"))
    now[0] = 23 * 3600.0
    await board.record(note("new"))
    now[0] = 25 * 3600.0
    assert (await board.read("old"), await board.read("new")) == ([], [note("new")])
    for n in range(1500):
        await board.record(note(f"j{n}"))
        await board.record(note("busy", step=f"s{n}"))
    assert await board.read("j1") == []
    assert await board.read("j1499") == [note("j1499")]
    busy = await board.read("busy")
    assert (len(busy), busy[-1].step) == (1000, "s1499")
    await board.close()


# --- Redis -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def server(redis_server: RedisServer) -> Iterator[RedisServer]:
    """A Redis that the test may kill or freeze; afterwards it runs again."""
    if not redis_server.can_be_killed:
        pytest.skip("the server is not ours to kill")
    yield redis_server
    redis_server.wait(60, "the server did not come back")


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[str], Noticeboard]]:
    """Boards that are closed afterwards."""
    made: list[Noticeboard] = []

    def another(url: str) -> Noticeboard:
        made.append(adapter.connect(url))
        return made[-1]

    yield another
    for board in made:
        await board.close()


async def took(board: Noticeboard, calls: int) -> float:
    """Seconds that so many calls took together, one after the other."""
    began = time.monotonic()
    for _ in range(calls):
        await board.record(note())
        await board.read("j1")
    return time.monotonic() - began


async def works_again(board: Noticeboard) -> None:
    for _ in range(100):
        await board.record(note(fraction=1.0))
        if note(fraction=1.0) in await board.read("j1"):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come back")


async def test_notes_are_kept_for_a_day(redis_server: RedisServer, connect: Connect) -> None:
    url = redis_server.fresh_url()
    board = connect(url)
    await board.record(note())
    client = Redis.from_url(url, decode_responses=True)
    assert await client.keys() == ["reel:progress:j1"]
    assert 24 * 3600 - 60 < await client.ttl("reel:progress:j1") <= 24 * 3600
    await client.hset("reel:progress:j1", "s2", "no note of ours")
    await client.hset("reel:progress:j1", "s3", '1 {"job": "j1"}')
    assert await board.read("j1") == [note()]
    await client.flushall()  # scripts too
    await client.script_flush()
    await board.record(note())
    assert await board.read("j1") == [note()]
    await client.set("reel:progress:j2", "no hash")
    await board.record(note("j2"))
    assert await board.read("j2") == []
    await client.aclose()


async def test_a_dead_redis_costs_nothing_and_comes_back(server: RedisServer, connect: Connect) -> None:
    board = connect(server.fresh_url())
    reader = Reader(board, "j1")
    await reader.warm(board, "j1")
    await asyncio.to_thread(server.kill)
    try:
        assert await took(board, 200) < 1.0
    finally:
        await asyncio.to_thread(server.start)
    await works_again(board)
    reader.notes.clear()
    await reader.warm(board, "j1")


async def test_a_silent_redis_costs_half_a_second_and_comes_back(server: RedisServer, connect: Connect) -> None:
    board = connect(server.fresh_url())
    await board.record(note())
    await asyncio.to_thread(server.freeze)
    try:
        assert await took(board, 200) < 1.5
        began = time.monotonic()
        await asyncio.gather(*(board.record(note()) for _ in range(50)))
        assert time.monotonic() - began < 1.5
    finally:
        await asyncio.to_thread(server.thaw)
    await works_again(board)


async def test_a_board_made_before_its_server(server: RedisServer, connect: Connect) -> None:
    url = server.fresh_url()
    await asyncio.to_thread(server.kill)
    try:
        board = connect(url)
        reader = Reader(board, "j1")
        assert await board.read("j1") == []
        await board.record(note())
    finally:
        await asyncio.to_thread(server.start)
    await works_again(board)
    await reader.warm(board, "j1")


async def test_closing_while_redis_is_away(server: RedisServer, connect: Connect) -> None:
    board = connect(server.fresh_url())
    reader = Reader(board, "j1")
    await reader.warm(board, "j1")
    await asyncio.to_thread(server.kill)
    try:
        async with asyncio.timeout(3):
            await board.close()
            await reader.task
    finally:
        await asyncio.to_thread(server.start)
