"""B60: a step that takes its worker down, every time."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from reel_common.domain.job import JobState
from reel_common.ledger import NewJob
from reel_common.ledger.ledger import MOST_CRASHES
from reel_common.testing.invariants import violations
from tests.faults import verdict
from tests.faults.conftest import OpenWorld
from tests.faults.drills import KILLED
from tests.faults.herd import Herd
from tests.faults.world import World

pytestmark = pytest.mark.long

WITHIN_S = 75.0


async def test_it_runs_alone_after_two_crashes_and_is_given_up_at_the_tenth(open_world: OpenWorld) -> None:
    async with open_world(lease_s=1.0, sweep_s=0.3) as world:
        herd = Herd([world.setup(f"deadly-{n}", "deadly") for n in range(2)])
        poison = NewJob("chain", "poisoner", {"kinds": ["drill"] * 2, "input": {"kills": True}})
        neighbours: list[str] = []
        try:
            herd.start()
            await world.book.submit(poison)
            begun = time.monotonic()
            while not await ended(world, poison.id):
                assert time.monotonic() - begun < WITHIN_S
                neighbours.append(await submitted(world))
                await asyncio.sleep(0.25)
                await asyncio.to_thread(herd.look_after_all)
            print(f"given up after {time.monotonic() - begun:.1f} s beside {len(neighbours)} others")
            await all_ended(world, neighbours, herd)
        finally:
            await asyncio.to_thread(herd.slaughter)
        assert len(herd.own_deaths) == MOST_CRASHES, herd.own_deaths
        assert all(death.endswith(str(KILLED)) for death in herd.own_deaths)
        await check(world, poison.id, neighbours)


async def submitted(world: World) -> str:
    job = NewJob("chain", "neighbour", {"kinds": ["drill"] * 3})
    await world.book.submit(job)
    return job.id


async def ended(world: World, job: str) -> bool:
    rows = await world.book.database.read("select ended from jobs where id = :id", {"id": job})
    return rows[0].ended is not None


async def all_ended(world: World, jobs: list[str], herd: Herd) -> None:
    async with asyncio.timeout(20):
        for job in jobs:
            while not await ended(world, job):
                await asyncio.to_thread(herd.look_after_all)
                await asyncio.sleep(0.1)


async def check(world: World, poison: str, neighbours: list[str]) -> None:
    wrong = [v for v in await violations(world.book.database) if not v.startswith("I10")]  # nobody announced the jobs
    ends = {job: frozenset({JobState.SUCCEEDED}) for job in neighbours} | {poison: frozenset({JobState.FAILED})}
    wrong += await verdict.faults(world.book.database, ends)
    assert wrong == []
    rows = await world.book.database.read("select * from steps where job = :job order by step", {"job": poison})
    assert [(s.state, s.crashes) for s in rows] == [("failed", MOST_CRASHES), ("cancelled", 0)]
    assert json.loads(rows[0].error)["code"] == "poison"
    assert json.loads(rows[0].input) == {"kills": True}, "what it was given is kept, for whoever looks into it"
    await nobody_beside(world, poison)


async def nobody_beside(world: World, poison: str) -> None:
    """After two crashes it takes nobody with it; the third one's victims, if there were any, are found with it."""
    rows: list[Any] = list(
        await world.book.database.read("select job, at from events where type = 'step.lost' order by at")
    )
    crashes = [r.at for r in rows if r.job == poison]
    victims = [r.at for r in rows if r.job != poison]
    print(
        f"{len(victims)} neighbours' steps were lost: {[round(at - crashes[0], 1) for at in victims]} s after the first"
    )
    assert [at for at in victims if at > crashes[2] - 0.4] == []
