"""One run in which everything breaks, one in which nothing does, and one in which the sweeper is missing."""

from __future__ import annotations

import asyncio
import random
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reel_common.ledger.library import LedgerLibrary
from reel_common.testing.invariants import violations
from tests.faults import verdict
from tests.faults.acts import Asked, Asking
from tests.faults.conftest import OpenWorld
from tests.faults.herd import Herd
from tests.faults.leftovers import left_behind, queued
from tests.faults.setup import Setup
from tests.faults.storm import Storm
from tests.faults.world import LEASE_S, World
from tests.servers.engine import free_ports

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

DRILLERS = 4
ROLLING_S = 20.0
STORM_S = 80.0
MUTANT_S = 30.0
DRAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A run under way."""

    world: World
    herd: Herd
    asked: Asked
    ports: dict[str, int]
    """Where each worker shows what it counts."""

    async def drained(self, seconds: float) -> float:
        """Returns when everything was asked for and has ended, or after so long; says how long it took."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            asked = self.world.journal.read_text().split() if self.world.journal.exists() else []
            ((live,),) = await self.world.ask("select count(*) from jobs where ended is null")
            if len(set(asked)) == len(self.asked.acts) and not live:
                break
            await asyncio.sleep(0.2)
        return time.monotonic() - begun


def workers(world: World) -> Iterator[Setup]:
    """Four that drill, and one of each service."""
    roles = [(f"drill-{n}", "drill") for n in range(DRILLERS)]
    roles += [(name, name) for name in ("planner", "scriptgen", "executor", "composer")]
    for (name, role), port in zip(roles, free_ports(), strict=False):
        yield world.setup(name, role, health_port=port)


@asynccontextmanager
async def staged(world: World, asked: Asked, *, sweeps: bool = True, twice: bool = True) -> AsyncIterator[Stage]:
    """Ends with all processes stopped by SIGTERM or, if anything went wrong before, killed."""
    made = [*workers(world), world.gateway(asked, begun=time.time() + 1.0)]
    ports = {s.name: int(s.settings["REEL_HEALTH_PORT"]) for s in made[:-1]}
    herd = Herd(replace(s, sweeps=sweeps, twice=twice) for s in made)
    herd.with_runner(world.spool, {"REEL_RUNNER_SLOTS": "2"}, world.papers / "runner.log")
    try:
        herd.start()
        yield Stage(world, herd, asked, ports)
        await herd.end()
    finally:
        await asyncio.to_thread(herd.slaughter)


def ask(rng: random.Random, jobs: int, seconds: float, clips: Sequence[Path], broken: Path) -> Asked:
    """A quarter of the jobs are edits."""
    asking = Asking(rng, seconds)
    asking.drills(jobs - jobs // 4)
    asking.edits(jobs // 4, clips, broken)
    return asking.asked


async def judged(stage: Stage) -> list[str]:
    """All that is wrong, after the processes have ended."""
    world = stage.world
    library = LedgerLibrary(world.book.database, world.store)
    while await library.collect(0):
        pass
    wrong = await violations(world.book.database, drained=True, store=world.store)
    wrong += await verdict.faults(world.book.database, stage.asked.ends)
    wrong += stage.herd.own_deaths
    wrong += await left_behind(world)
    if wrong:
        (world.papers / "rows.jsonl").write_text(await verdict.dump(world.book.database))
    return wrong


async def revivals(stage: Stage) -> list[str]:
    """What a sweeper had to do, by the ledger and by what each process counts."""
    told = await verdict.types_of_events(stage.world.book.database)
    found = [f"{told[kind]} {kind}" for kind in ("step.lost", "job.revived") if told[kind]]
    for name, port in stage.ports.items():
        counted = await asyncio.to_thread(scrape, port)
        found += [f"{name}: {line}" for line in counted if not line.endswith(" 0.0")]
    return found


def scrape(port: int) -> list[str]:
    """The process's count of revivals, a line for each reason."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    assert any(line.startswith("reel_steps_total{") for line in lines), "no step ended in there"
    return [line for line in lines if line.startswith("reel_revivals_total{")]


async def test_in_calm_the_sweeper_finds_nothing(
    open_world: OpenWorld, seed: int, clips: list[Path], broken: Path
) -> None:
    asked = ask(random.Random(seed), 60, 20.0, clips, broken)
    async with open_world(lease_s=15.0) as world:
        async with staged(world, asked, twice=False) as stage:
            took = await stage.drained(90.0)
            world.say(f"W0: {took:.1f} s")
            assert await queued(world) == []
            assert await revivals(stage) == []
        assert await judged(stage) == []


@pytest.mark.timeout(300)
async def test_everything_breaks_and_each_job_ends_once(
    open_world: OpenWorld, seed: int, clips: list[Path], broken: Path
) -> None:
    rng = random.Random(seed)
    asked = ask(rng, 60, ROLLING_S + STORM_S, clips, broken)
    async with open_world() as world:
        async with staged(world, asked) as stage:
            storm = Storm(world, stage.herd, rng, STORM_S)
            await storm.roll()
            assert await lost_by_stopping(world) == []
            await storm.blow()
            world.say("the storm is over:", dict(storm.counts))
            took = await stage.drained(DRAIN_S)
            world.say(f"drained after {took:.1f} s")
            wrong = await queued(world)
        wrong += await judged(stage)
        world.say(await verdict.summary(world.book.database))
        world.say("seed", seed, "red:" if wrong else "green", *wrong)
    assert wrong == [], f"seed {seed}, papers in {world.papers}"
    assert storm.counts["kill RabbitMQ"] == storm.counts["purge"] == 3
    assert storm.counts["kill PostgreSQL"] == 2
    assert storm.counts["freeze"] >= 6
    assert storm.counts["kill -9"] >= STORM_S / 3


async def lost_by_stopping(world: World) -> list[str]:
    """After nothing worse than SIGTERM: steps may have been given back, and some were, but none was lost."""
    await asyncio.sleep(LEASE_S + 2)  # so long it takes to be found out
    told = await verdict.types_of_events(world.book.database)
    world.say("rolled:", dict(told))
    assert told["step.returned"], "nobody was at work when he was stopped"
    return [f"{told['step.lost']} steps were lost"] if told["step.lost"] else []


@pytest.mark.timeout(180)
async def test_without_a_sweeper_jobs_are_lost(
    open_world: OpenWorld, seed: int, clips: list[Path], broken: Path
) -> None:
    """The mutant: if this were green, the storm would show nothing."""
    rng = random.Random(seed)
    asked = ask(rng, 20, 0.75 * MUTANT_S, clips, broken)
    async with open_world(poll_s=600.0) as world:
        async with staged(world, asked, sweeps=False) as stage:
            await Storm(world, stage.herd, rng, MUTANT_S).blow()
            await stage.drained(15.0)
        wrong = await judged(stage)
    world.say(f"{len(wrong)} faults: {wrong[:3]}")
    assert [w for w in wrong if w.startswith(("I2", "I10"))], wrong
