"""The named interleavings, held still between read and write, and the proof that each guard is needed for them."""

from __future__ import annotations

import asyncio

import pytest

from reel_common.domain.job import Ending, JobState
from reel_common.domain.outcome import Done
from reel_common.domain.step import StepState
from reel_common.errors import Code, Failure
from reel_common.ledger import Ledger, NewJob
from reel_common.testing.invariants import violations
from tests.ledger.conftest import OpenLedger
from tests.ledger.held import Held, NoFence, NoGuard, both
from tests.ledger.test_changes import DRILL, begin, one, states


async def check(book: Ledger, said: list[object]) -> None:
    assert not [s for s in said if isinstance(s, BaseException)], said
    assert await violations(book.database, drained=False) == []


async def cancel_against_complete(book: Ledger, a: Held, b: Held, order: str) -> None:
    job = await begin(book)
    step = await one(book)
    await check(book, await both(a, a.complete(step, Done()), b, b.cancel(job), order))
    assert set((await states(book, job)).values()) == {StepState.DONE, StepState.CANCELLED}
    now = await book.see(job)
    assert now
    assert now.job.state is JobState.CANCELLED


async def siblings(book: Ledger, a: Held, b: Held) -> None:
    job = NewJob("fan", "o", {})
    await book.submit(job)
    await book.complete(await one(book), Done({"items": 2}))
    makes = await book.claim("w", DRILL, 2)
    for make in makes:
        await book.complete(make, Done())
    left, right = await book.claim("w", DRILL, 2)
    await check(book, await both(a, a.complete(left, Done()), b, b.complete(right, Done())))
    assert (await states(book, job.id))["join/0/0"] is StepState.READY


async def nothing_after_a_cancel(book: Ledger, a: Held, b: Held) -> None:
    job = await begin(book)
    step = await one(book)
    await check(book, await both(a, a.complete(step, Done()), b, b.cancel(job), "ba"))
    assert StepState.READY not in (await states(book, job)).values()
    assert await book.claim("w", DRILL, 4) == []


async def zombie(book: Ledger, a: Held) -> None:
    """It has read its step as its own; before it writes, the lease ends and another claims and completes."""
    await begin(book, kinds=["drill"])
    old = await one(book)
    writing = asyncio.create_task(a.complete(old, Done({"who": "old"})))
    await asyncio.wait_for(a.reached.wait(), 5)
    await asyncio.sleep(0.06)
    await book.revive(old.job, old.id, old.epoch)
    await asyncio.sleep(0.06)
    new = await one(book)
    await book.complete(new, Done({"who": "new"}))
    a.go.set()
    assert (await writing).fenced
    now = await book.see(old.job)
    assert now
    assert now.steps[old.id].step.result == {"who": "new"}
    assert await violations(book.database, drained=False) == []


async def late_zombie(book: Ledger, a: Held) -> None:
    """It only begins to write when another has the step."""
    job = await begin(book)
    old = await one(book)
    await asyncio.sleep(0.06)
    await book.revive(old.job, old.id, old.epoch)
    await asyncio.sleep(0.06)
    new = await one(book)
    a.go.set()
    await a.complete(old, Done({"who": "old"}))
    assert (await book.heartbeat([(new.id, new.epoch)]))[new.id, new.epoch] == "ok", "the new claim was taken away"
    await book.complete(new, Done({"who": "new"}))
    now = await book.see(job)
    assert now
    assert now.steps[old.id].step.result == {"who": "new"}
    assert await violations(book.database, drained=False) == []


@pytest.mark.parametrize("order", ["ab", "ba"])
async def test_cancel_against_complete(open_ledger: OpenLedger, order: str) -> None:
    await cancel_against_complete(open_ledger(), open_ledger(Held), open_ledger(Held), order)


async def test_two_siblings_complete_at_once(open_ledger: OpenLedger) -> None:
    await siblings(open_ledger(), open_ledger(Held), open_ledger(Held))


async def test_no_step_is_released_after_a_cancel(open_ledger: OpenLedger) -> None:
    await nothing_after_a_cancel(open_ledger(), open_ledger(Held), open_ledger(Held))


async def test_the_fence(open_ledger: OpenLedger) -> None:
    await zombie(open_ledger(lease=0.05), open_ledger(Held, lease=0.05))


async def test_the_fence_for_one_that_comes_late(open_ledger: OpenLedger) -> None:
    await late_zombie(open_ledger(lease=0.05), open_ledger(Held, lease=0.05))


async def test_the_fence_for_one_that_remembers_its_job(open_ledger: OpenLedger) -> None:
    """A process completes from the view that it got with the claim: the guard must find out that it is an old one."""
    book, zombie_ = open_ledger(lease=0.05), open_ledger(lease=0.05)
    await begin(book, kinds=["drill"])
    old = await one(zombie_)
    await asyncio.sleep(0.06)
    await book.revive(old.job, old.id, old.epoch)
    assert (await zombie_.complete(old, Done({"who": "old"}))).fenced
    assert await violations(book.database, drained=False) == []


async def test_a_step_claimed_while_its_job_is_cancelled_is_stopped_not_lost(open_ledger: OpenLedger) -> None:
    book, a = open_ledger(), open_ledger(Held)
    job = await begin(book)
    cancel = asyncio.create_task(a.cancel(job))
    await asyncio.wait_for(a.reached.wait(), 5)
    step = await one(book)  # after the cancel has read it as ready
    a.go.set()
    await cancel
    now = await book.see(job)
    assert now
    assert (now.job.state, now.job.ending) == (JobState.RUNNING, Ending.CANCELLED)
    assert now.steps[step.id].step.state is StepState.RUNNING
    assert await book.heartbeat([(step.id, step.epoch)]) == {(step.id, step.epoch): "stop"}
    assert (await book.stopped(step)).ended is JobState.CANCELLED


async def test_a_step_claimed_while_its_job_is_paused_runs_on_and_nothing_else_does(open_ledger: OpenLedger) -> None:
    book, a = open_ledger(), open_ledger(Held)
    job = await begin(book)
    pause = asyncio.create_task(a.pause(job))
    await asyncio.wait_for(a.reached.wait(), 5)
    step = await one(book)
    a.go.set()
    await pause
    await book.complete(step, Done())
    assert StepState.READY not in (await states(book, job)).values()


async def test_revival_against_completion_has_one_winner(open_ledger: OpenLedger) -> None:
    book, a, b = open_ledger(lease=0.05), open_ledger(Held, lease=0.05), open_ledger(Held, lease=0.05)
    await begin(book)
    step = await one(book)
    await asyncio.sleep(0.06)
    said = await both(a, a.complete(step, Done()), b, b.revive(step.job, step.id, step.epoch))
    await check(book, said)
    assert [s.fenced for s in said] == [False, True]


async def test_a_failure_against_a_completion_of_a_sibling(open_ledger: OpenLedger) -> None:
    book, a, b = open_ledger(), open_ledger(Held), open_ledger(Held)
    job = NewJob("fan", "o", {})
    await book.submit(job)
    await book.complete(await one(book), Done({"items": 2}))
    left, right = await book.claim("w", DRILL, 2)
    said = await both(a, a.fail(left, Failure(Code.BUG, "x")), b, b.complete(right, Done()))
    await check(book, said)
    now = await states(book, job.id)
    assert (now["make/0/0"], now["make/0/1"], now["finish/1/0"]) == (StepState.FAILED, StepState.READY, StepState.READY)


# Each mechanism taken out once: the scene that it is for must then break.


async def test_without_the_fence_a_zombie_writes(open_ledger: OpenLedger) -> None:
    with pytest.raises(AssertionError):
        await late_zombie(open_ledger(lease=0.05), open_ledger(NoFence, lease=0.05))


async def test_without_the_fence_a_zombie_that_has_read_writes(open_ledger: OpenLedger) -> None:
    with pytest.raises(AssertionError):
        await zombie(open_ledger(lease=0.05), open_ledger(NoFence, lease=0.05))


# On SQLite one writer at a time is the lock; the guard's mutants are about PostgreSQL.
ON_POSTGRESQL = pytest.mark.parametrize(
    "ledger_url", [pytest.param("postgresql", marks=pytest.mark.server)], indirect=True
)


@ON_POSTGRESQL
async def test_without_the_guard_a_join_is_blocked_for_ever(open_ledger: OpenLedger) -> None:
    with pytest.raises(AssertionError):
        await siblings(open_ledger(), open_ledger(NoGuard), open_ledger(NoGuard))


@ON_POSTGRESQL
async def test_without_the_guard_a_step_is_released_after_a_cancel(open_ledger: OpenLedger) -> None:
    with pytest.raises(AssertionError):
        await nothing_after_a_cancel(open_ledger(), open_ledger(NoGuard), open_ledger(NoGuard))
