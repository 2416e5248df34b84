"""What every ``Noticeboard`` must do. Subclass ``NoticeboardConformance`` and give it the fixture ``boards``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from reel_common.ports.noticeboard import Noticeboard, Progress
from reel_common.testing.patience import QUIET_S, until

Boards = Callable[[], Awaitable[Noticeboard]]
"""Each call gives the noticeboard of another process, all of them one and the same. Who made it closes it."""


def note(
    job: str = "j1", step: str = "s1", epoch: int = 1, fraction: float | None = 0.5, stage: str = "run"
) -> Progress:
    """How far a step is."""
    return Progress(job, step, epoch, fraction, stage)


class Reader:
    """Follows a job in a task of its own."""

    def __init__(self, board: Noticeboard, job: str) -> None:
        self.notes: list[Progress] = []
        self._iterator = board.follow(job)
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for each in self._iterator:
            self.notes.append(each)

    async def warm(self, board: Noticeboard, job: str) -> None:
        """Returns once something put up arrives here: following begins about then, not before."""
        for _ in range(200):
            await board.record(note(job, step="warm"))
            if self.notes:
                break
            await asyncio.sleep(0.02)
        assert self.notes, "nothing arrived"
        await asyncio.sleep(0.05)
        self.notes.clear()


class NoticeboardConformance:
    """The suite. ``boards`` is the one thing to provide."""

    @pytest.fixture
    def boards(self) -> Boards:
        """To be overridden."""
        raise NotImplementedError

    async def test_what_is_put_up_is_read_by_all(self, boards: Boards) -> None:
        one, two = await boards(), await boards()
        whole = Progress("j1", "s1", 3, 0.25, "render", "frame 7 of 28 — größer", 12.5)
        bare = Progress("j1", "s2", 0, None, "")
        for each in (whole, bare, note("j2")):
            await one.record(each)
        assert sorted(await two.read("j1"), key=lambda n: n.step) == [whole, bare]

    async def test_nothing_is_there_of_an_unknown_job(self, boards: Boards) -> None:
        assert await (await boards()).read("nobody") == []

    async def test_the_newest_note_of_a_step_stays(self, boards: Boards) -> None:
        board = await boards()
        for fraction in (0.1, 0.9, 0.2):
            await board.record(note(fraction=fraction))
        assert await board.read("j1") == [note(fraction=0.2)]

    async def test_an_earlier_try_is_dropped(self, boards: Boards) -> None:
        board = await boards()
        await board.record(note(epoch=10, fraction=0.1))
        await board.record(note(epoch=9, fraction=0.9))
        assert await board.read("j1") == [note(epoch=10, fraction=0.1)]
        await board.record(note(epoch=11, fraction=0.0))
        assert await board.read("j1") == [note(epoch=11, fraction=0.0)]

    async def test_followers_see_notes_of_their_job_in_order(self, boards: Boards) -> None:
        writer, board = await boards(), await boards()
        mine, other = Reader(board, "j1"), Reader(board, "j2")
        await mine.warm(writer, "j1")
        for n in range(50):
            await writer.record(note(fraction=n / 50))
            await writer.record(note("j2", step="elsewhere"))
        await until(lambda: note(fraction=49 / 50) in mine.notes)
        fractions = [each.fraction or 0.0 for each in mine.notes]
        assert fractions == sorted(fractions)
        assert {each.job for each in mine.notes} == {"j1"}
        await until(lambda: bool(other.notes))
        assert {each.job for each in other.notes} == {"j2"}

    async def test_followers_do_not_see_an_earlier_try(self, boards: Boards) -> None:
        board = await boards()
        reader = Reader(board, "j1")
        await reader.warm(board, "j1")
        await board.record(note(epoch=2))
        await board.record(note(epoch=1))
        await board.record(note(step="last"))
        await until(lambda: note(step="last") in reader.notes)
        assert reader.notes == [note(epoch=2), note(step="last")]

    async def test_following_begins_now(self, boards: Boards) -> None:
        board = await boards()
        await board.record(note(step="old"))
        reader = Reader(board, "j1")
        await asyncio.sleep(QUIET_S)
        assert not reader.notes

    async def test_many_may_follow(self, boards: Boards) -> None:
        writer, board = await boards(), await boards()
        readers = [Reader(board, f"j{n % 10}") for n in range(40)]
        for n in range(10):
            await readers[n].warm(writer, f"j{n}")
        for reader in readers:
            reader.notes.clear()
        for n in range(10):
            await writer.record(note(f"j{n}", step="all"))
        await until(lambda: all(note(f"j{n % 10}", step="all") in r.notes for n, r in enumerate(readers)))

    async def test_a_follower_that_does_not_read_costs_nothing(self, boards: Boards) -> None:
        board = await boards()
        iterator = board.follow("j1")
        reader = Reader(board, "j1")
        await reader.warm(board, "j1")
        for n in range(600):
            await board.record(note(step=f"s{n}", fraction=0.0))
            await board.record(note(step="same", fraction=n / 600))
        await until(lambda: note(step="same", fraction=599 / 600) in reader.notes)
        found = [await anext(iterator) for _ in range(5)]
        assert len({each.step for each in found}) == 5

    async def test_one_follower_leaves_and_others_stay(self, boards: Boards) -> None:
        board = await boards()
        leaving, staying = Reader(board, "j1"), Reader(board, "j1")
        await staying.warm(board, "j1")
        leaving.task.cancel()
        await asyncio.gather(leaving.task, return_exceptions=True)
        again = Reader(board, "j3")
        await again.warm(board, "j3")
        await board.record(note())
        await until(lambda: note() in staying.notes)

    async def test_following_again_after_all_have_left(self, boards: Boards) -> None:
        board = await boards()
        for _ in range(3):
            reader = Reader(board, "j1")
            await reader.warm(board, "j1")
            reader.task.cancel()
            await asyncio.gather(reader.task, return_exceptions=True)

    async def test_close_ends_iterators(self, boards: Boards) -> None:
        board = await boards()
        reader = Reader(board, "j1")
        await reader.warm(board, "j1")
        await board.close()
        async with asyncio.timeout(5):
            await reader.task
            assert [each async for each in board.follow("j1")] == []

    async def test_strange_words_are_only_words(self, boards: Boards) -> None:
        board = await boards()
        strange = replace(note(job="j:1 *", step="5 {}'\"\\\r\n"), stage="\x00\u2028", message="</script>" * 100)
        await board.record(strange)
        assert await board.read("j:1 *") == [strange]
