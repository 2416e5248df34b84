"""A single process on SQLite, killed ten times in mid-work: it continues, and each job ends once."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from reel_common.ledger import Ledger, migrate
from reel_common.testing.flows import DRILL_KINDS, DRILL_RULES
from reel_common.testing.invariants import violations
from tests.faults import acts, verdict
from tests.faults.acts import Asking
from tests.faults.drills import make_effects
from tests.faults.herd import Herd
from tests.faults.setup import Setup
from tests.faults.world import environment

pytestmark = pytest.mark.long

KILLS = 10
EVERY_S = (1.0, 2.5)
JOBS = 24


async def test_killed_ten_times_it_continues_and_finishes(seed: int, papers: Path, tmp_path: Path) -> None:
    rng = random.Random(seed)
    asking = Asking(rng, KILLS * sum(EVERY_S) / 2)
    asking.drills(JOBS)
    asked = asking.asked
    url = f"sqlite:///{tmp_path}/ledger.db"
    await migrate(url)
    book = Ledger.open(url, rules=DRILL_RULES, kinds=DRILL_KINDS)
    await make_effects(book.database)
    herd = Herd([setup(url, asked, papers)])
    try:
        herd.start()
        for _ in range(KILLS):
            await asyncio.sleep(rng.uniform(*EVERY_S))
            await asyncio.to_thread(herd.kill, "single")
        took = await drained(book, asked, papers, 60.0)
        print(f"drained after {took:.1f} s")
        await herd.end()
        print(await verdict.summary(book.database))
        wrong = await violations(book.database) + await verdict.faults(book.database, asked.ends) + herd.own_deaths
        assert wrong == []
        told = await verdict.types_of_events(book.database)
        assert told["step.returned"], "nothing was under way when it was killed"
        assert not told["step.lost"], "at its start nothing has crashed"
    finally:
        await asyncio.to_thread(herd.slaughter)
        await book.close()


def setup(url: str, asked: acts.Asked, papers: Path) -> Setup:
    acts.write(asked.acts, papers / "acts.json")
    settings = environment({"database_url": url, "sweep_s": 1.0, "grace_s": 0.5})
    options = {"acts": str(papers / "acts.json"), "journal": str(papers / "journal"), "begun": str(time.time() + 1)}
    return Setup("single", "single", settings, papers / "single.log", options=options)


async def drained(book: Ledger, asked: acts.Asked, papers: Path, seconds: float) -> float:
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        now = (await book.database.read("select count(*) - count(ended) as live, count(*) as asked from jobs"))[0]
        noted = set((papers / "journal").read_text().split()) if (papers / "journal").exists() else set()
        if not now.live and now.asked == JOBS and len(noted) == len(asked.acts):
            break
        await asyncio.sleep(0.2)
    return time.monotonic() - begun
