"""A backlog of one owner does not hold up another, and slots are slots: on PostgreSQL and RabbitMQ, with real processes."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from reel_common.adapters import rabbitmq
from reel_common.ledger import NewJob
from reel_common.messages.topology import topology
from reel_common.ports.bell import Bell
from tests.faults.conftest import OpenWorld
from tests.faults.drills import SLEEP_S
from tests.faults.herd import Herd
from tests.faults.roots import ALL_KINDS
from tests.faults.world import World

pytestmark = pytest.mark.long

PROCESSES, SLOTS = 2, 2
BACKLOG, SINGLES = 1000, 20
STEPS = 2
MOST_RATIO = 3.0


async def test_a_backlog_of_one_leaves_another_his_share(open_world: OpenWorld) -> None:
    async with open_world(slots=SLOTS, lease_s=15.0, poll_s=5.0, sweep_s=5.0) as world, ringing(world) as bell:
        herd = Herd([world.setup(f"sleeper-{n}", "sleeper") for n in range(PROCESSES)])
        try:
            herd.start()
            await one(world, bell)  # everybody is there
            calm = [await one(world, bell) for _ in range(SINGLES)]
            samples: list[int] = []
            sampling = asyncio.create_task(sample(world, samples))
            await backlog(world, bell)
            busy = [await one(world, bell) for _ in range(SINGLES)]
            waiting = await left(world)
            sampling.cancel()
        finally:
            await asyncio.to_thread(herd.slaughter)
        print(f"p95 {p95(calm):.3f} s in calm, {p95(busy):.3f} s beside {waiting} of {BACKLOG} waiting jobs")
        assert waiting > SINGLES, "the backlog was gone before the last was measured"
        assert p95(busy) <= MOST_RATIO * p95(calm)
        assert max(samples) == PROCESSES * SLOTS, "never more at work than slots, and all of them used"
        assert await most_at_once(world) == SLOTS


@asynccontextmanager
async def ringing(world: World) -> AsyncIterator[Bell]:
    async with rabbitmq.connect(world.vhost, topology(ALL_KINDS), name="asking") as bell:
        yield bell


async def one(world: World, bell: Bell) -> float:
    """Seconds from asking for a job to its end, by the database's clock."""
    job = NewJob("chain", "single", {"kinds": ["drill"] * STEPS})
    await bell.ring((await world.book.submit(job)).orders)
    while True:
        ((took,),) = await world.book.database.read("select ended - created from jobs where id = :id", {"id": job.id})
        if took is not None:
            return float(took)
        await asyncio.sleep(0.01)


async def backlog(world: World, bell: Bell) -> None:
    """A thousand jobs of another owner, as fast as they are taken."""
    turn = asyncio.Semaphore(8)

    async def ask() -> None:
        async with turn:
            outcome = await world.book.submit(NewJob("chain", "many", {"kinds": ["drill"]}))
            await bell.ring(outcome.orders)

    begun = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(BACKLOG):
            tasks.create_task(ask())
    print(f"{BACKLOG} jobs were asked for within {time.monotonic() - begun:.1f} s")


async def left(world: World) -> int:
    ((n,),) = await world.book.database.read("select count(*) from jobs where ended is null and owner = 'many'")
    return int(n)


async def sample(world: World, samples: list[int]) -> None:
    """How many steps are at work, again and again."""
    while True:
        ((n,),) = await world.book.database.read("select count(*) from steps where state = 'running'")
        samples.append(int(n))
        await asyncio.sleep(SLEEP_S / 5)


async def most_at_once(world: World) -> int:
    """What the handlers of a process counted themselves."""
    query = "select max(cast(cast(result as json)->>'at_once' as integer)) as n from steps where state = 'done'"
    ((n,),) = await world.book.database.read(query)
    return int(n)


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[18]
