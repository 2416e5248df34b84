"""A suspect step takes nothing with it that its process only holds."""

from __future__ import annotations

import asyncio

from reel_common.domain.job import JobState
from reel_common.domain.outcome import Done
from reel_common.domain.step import Claimed, StepState
from reel_common.ledger import NewJob
from reel_common.ports.handler import Handler, Report
from reel_common.testing.invariants import violations
from tests.worker.conftest import Stage


async def unrung(stage: Stage, *, crashes: int) -> str:
    job = NewJob("chain", "o", {"kinds": ["drill"]})
    await stage.book.submit(job)
    await stage.book.database.query("update steps set crashes = :n where job = :job", {"n": crashes, "job": job.id})
    return job.id


async def state(stage: Stage, job: str) -> tuple[StepState, int]:
    now = await stage.book.see(job)
    assert now
    (step,) = now.steps.values()
    return step.step.state, step.attempt


def until_released(begun: asyncio.Event, release: asyncio.Event) -> Handler:
    async def work(step: Claimed, _: Report) -> Done:
        if step.crashes >= 2:
            begun.set()
            await release.wait()
        return Done()

    return work


async def test_those_claimed_together_with_it_are_given_back(stage: Stage) -> None:
    begun, release = asyncio.Event(), asyncio.Event()
    suspect = await unrung(stage, crashes=2)
    others = [await unrung(stage, crashes=0) for _ in range(3)]
    second = await unrung(stage, crashes=5)
    await stage.start(until_released(begun, release), slots=5)
    await begun.wait()
    await asyncio.sleep(0.3)
    assert await state(stage, suspect) == (StepState.RUNNING, 1)
    for job in (*others, second):
        assert await state(stage, job) == (StepState.READY, 0)
    release.set()
    for job in (suspect, *others, second):
        assert await stage.ended(job) is JobState.SUCCEEDED
        assert await state(stage, job) == (StepState.DONE, 1)
    await asyncio.sleep(1.2)
    assert await violations(stage.book.database) == []


async def test_another_process_takes_them(stage: Stage) -> None:
    begun, release = asyncio.Event(), asyncio.Event()
    suspect = await unrung(stage, crashes=2)
    others = [await unrung(stage, crashes=0) for _ in range(3)]
    await stage.start(until_released(begun, release), slots=4)
    await begun.wait()
    await stage.start(until_released(begun, release), name="v", slots=4)
    for job in others:
        assert await stage.ended(job) is JobState.SUCCEEDED
    assert await state(stage, suspect) == (StepState.RUNNING, 1)
    release.set()
    assert await stage.ended(suspect) is JobState.SUCCEEDED
