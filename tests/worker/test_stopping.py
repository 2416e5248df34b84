"""A graceful stop at the worst moments: whatever was claimed is worked off or given back, and costs no attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from reel_common.domain.outcome import Done
from reel_common.domain.step import Claimed, StepState
from reel_common.ledger import NewJob
from reel_common.ports.handler import Report
from reel_common.testing.patience import until
from reel_common.worker import Worker
from tests.worker.conftest import Stage


async def long(_: Claimed, __: Report) -> Done:
    await asyncio.sleep(60)
    return Done()


def answers_late(worker: Worker, method: str) -> asyncio.Event:
    """The ledger's method commits and answers only 0.4 s later; the event is set in between."""
    written = asyncio.Event()
    act: Callable[..., Awaitable[Any]] = getattr(worker.book, method)

    async def late(*args: Any, **options: Any) -> Any:
        answer = await act(*args, **options)
        if answer:  # not an empty claim
            written.set()
            await asyncio.sleep(0.4)
        return answer

    setattr(worker.book, method, late)
    return written


async def steps(stage: Stage, job: str) -> list[tuple[StepState, int]]:
    now = await stage.book.see(job)
    assert now
    return [(s.step.state, s.attempt) for s in now.steps.values()]


async def test_while_a_claim_is_under_way(stage: Stage) -> None:
    worker = await stage.start(long)
    written = answers_late(worker, "claim")
    job = await stage.submit(kinds=["drill"])
    await written.wait()
    await stage.stop(worker)
    assert await steps(stage, job) == [(StepState.READY, 0)]


async def test_while_it_goes_straight_on(stage: Stage) -> None:
    async def first_only(step: Claimed, report: Report) -> Done:
        return Done() if step.step == "s0" else await long(step, report)

    worker = await stage.start(first_only, grace=0.1)
    written = answers_late(worker, "complete")
    job = await stage.submit(kinds=["drill", "drill"])
    await written.wait()
    await stage.stop(worker)
    assert await steps(stage, job) == [(StepState.DONE, 1), (StepState.READY, 0)]


async def test_while_a_suspect_waits_to_be_alone(stage: Stage) -> None:
    worker = await stage.start(long, slots=2)
    neighbour = await stage.submit(kinds=["drill"])
    await asyncio.sleep(0.1)
    suspect = NewJob("chain", "o", {"kinds": ["drill"]})
    await stage.book.submit(suspect)  # and nobody is rung
    await stage.book.database.query("update steps set crashes = 2 where job = :job", {"job": suspect.id})
    await until(lambda: worker._alone.wanted)
    await stage.stop(worker)
    assert await steps(stage, neighbour) == [(StepState.READY, 0)]
    assert await steps(stage, suspect.id) == [(StepState.READY, 0)]
