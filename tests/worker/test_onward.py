"""Going straight on at another desk: whose slot it takes, and that no desk ever has more at work than slots."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from reel_common.domain.job import JobState
from reel_common.domain.outcome import Done
from reel_common.domain.step import Claimed
from reel_common.ports.handler import Report
from reel_common.worker.desk import Desk, Onward
from tests.worker.conftest import Stage
from tests.worker.test_worker import empty

KINDS = ["drill-a", "drill-b", "drill-c", "drill-d"]


def a_step(n: int = 0) -> Claimed:
    return Claimed(f"j/s/{n}/0", "j", "o", "s", n, 0, "b", 0, 1, 0, 1, {})


class Room:
    """Desks ``a`` and ``b``, whose claims wait until they are told what to find."""

    def __init__(self, slots: int) -> None:
        self.found: asyncio.Queue[list[Claimed]] = asyncio.Queue()
        self.ends = asyncio.Event()
        self.a, self.b = (Desk(f"q.{k}", (k,), slots, self._claim, self._work, lambda: True, 60.0) for k in "ab")

    async def _claim(self, _: Sequence[str], __: int) -> list[Claimed]:
        return await self.found.get()

    async def _work(self, _: Desk, __: Claimed) -> None:
        await self.ends.wait()

    def onward(self) -> Onward:
        return Onward(self.a, [self.a, self.b])

    async def look(self, *found: Claimed) -> None:
        """Lets ``b`` claim once."""
        task = asyncio.create_task(self.b.run(self._ready))
        self.b.look()
        await self.found.put(list(found))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _ready(self) -> None: ...


async def test_the_own_slot_needs_no_other() -> None:
    room = Room(1)
    assert room.onward().room("a")
    assert not room.onward().room("c")


async def test_one_slot_is_left_to_who_may_wait() -> None:
    room = Room(2)
    first, second = room.onward(), room.onward()
    assert first.room("b")
    assert not second.room("b")  # nobody has looked whether somebody waits
    first.give_back()
    assert second.room("b")


async def test_where_nobody_waits_every_slot_can_be_had() -> None:
    room = Room(2)
    await room.look()
    first, second, third = room.onward(), room.onward(), room.onward()
    assert first.room("b")
    assert second.room("b")
    assert not third.room("b")


async def test_a_decision_made_anew_keeps_one_slot_at_most() -> None:
    room = Room(2)
    await room.look()
    onward = room.onward()
    assert all(onward.room("b") for _ in range(5))
    assert room.b.free == 1
    onward.start(a_step())
    assert room.b.free == 1
    onward.give_back()
    assert room.b.free == 1
    room.ends.set()


async def test_what_a_claim_may_fill_is_not_spared() -> None:
    room = Room(2)
    await room.look()
    looking = asyncio.create_task(room.b.run(room._ready))
    room.b.look()
    await asyncio.sleep(0.01)  # it has asked, and has no answer yet
    assert not room.onward().room("b")
    await room.found.put([a_step(1), a_step(2)])
    await asyncio.sleep(0.01)
    assert (room.b.free, len(room.b.busy)) == (0, 2)
    room.ends.set()
    looking.cancel()


async def test_a_short_chain_over_four_desks_is_claimed_once(stage: Stage) -> None:
    worker = await stage.start(dict.fromkeys(KINDS, empty))
    async with asyncio.timeout(5):
        while not all(desk.spare == desk.slots for desk in worker.desks):
            await asyncio.sleep(0.01)  # until each desk has looked, and knows that nobody waits
    job = await stage.submit(kinds=KINDS)
    assert await stage.ended(job) is JobState.SUCCEEDED
    rows = await stage.book.database.read(
        "select step from steps where job = :job and ready_at is not null", {"job": job}
    )
    assert [row.step for row in rows] == ["s0"]


async def test_no_desk_has_more_at_work_than_slots(stage: Stage) -> None:
    at_work = dict.fromkeys(KINDS, 0)
    most = dict(at_work)

    async def slow(step: Claimed, _: Report) -> Done:
        at_work[step.kind] += 1
        most[step.kind] = max(most[step.kind], at_work[step.kind])
        await asyncio.sleep(0.03 if step.kind in ("drill-b", "drill-d") else 0)
        at_work[step.kind] -= 1
        return Done()

    await stage.start(dict.fromkeys(KINDS, slow), slots=2)
    for job in [await stage.submit(kinds=KINDS) for _ in range(16)]:
        assert await stage.ended(job) is JobState.SUCCEEDED
    assert max(most.values()) == 2
