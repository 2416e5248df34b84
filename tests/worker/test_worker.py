"""What the worker makes of handlers that return, raise, hang, are cancelled or are asked to stop."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

from reel_common.domain.job import JobState
from reel_common.domain.outcome import Done
from reel_common.domain.step import Claimed, StepState
from reel_common.errors import Code, LimitExceededError, PermanentError, TransientError
from reel_common.ledger import NewJob
from reel_common.messages.envelope import Envelope
from reel_common.ports.handler import Report
from reel_common.testing.invariants import violations
from tests.worker.conftest import Stage


async def empty(_: Claimed, __: Report) -> Done:
    return Done({"items": 8})


async def error_of(stage: Stage, job: str) -> str:
    rows = await stage.book.database.read("select error from jobs where id = :id", {"id": job})
    return str(rows[0].error)


async def test_a_chain_is_worked_off(stage: Stage) -> None:
    await stage.start(empty)
    job = await stage.submit()
    assert await stage.ended(job) is JobState.SUCCEEDED
    assert await stage.events(job) == ["job.requested", *["step.finished"] * 4, "job.finished"]


async def test_kinds_on_desks_of_their_own_are_gone_straight_on_with(stage: Stage) -> None:
    kinds = ["drill-a", "drill-b", "drill-c", "drill-d"]
    await stage.start(dict.fromkeys(kinds, empty))
    jobs = [await stage.submit(kinds=kinds) for _ in range(5)]
    for job in jobs:
        assert await stage.ended(job) is JobState.SUCCEEDED


async def test_a_permanent_error_fails_the_job_with_its_code(stage: Stage) -> None:
    async def broken(_: Claimed, __: Report) -> Done:
        raise PermanentError(Code.NOT_MEDIA, "This is no video.", hint="Send a video.")

    await stage.start(broken)
    job = await stage.submit()
    assert await stage.ended(job) is JobState.FAILED
    assert '"code": "not_media"' in await error_of(stage, job)


async def test_a_bug_of_ours_ends_the_step_and_not_the_worker(stage: Stage) -> None:
    async def buggy(step: Claimed, _: Report) -> Done:
        if step.input.get("bad"):
            raise KeyError("secret")
        return Done()

    await stage.start(buggy)
    bad = await stage.submit(input={"bad": True})
    assert await stage.ended(bad) is JobState.FAILED
    error = await error_of(stage, bad)
    assert '"code": "bug"' in error
    assert "secret" not in error
    assert await stage.ended(await stage.submit()) is JobState.SUCCEEDED


async def test_a_limit_fails_the_job_with_its_name(stage: Stage) -> None:
    async def slow(_: Claimed, __: Report) -> Done:
        raise LimitExceededError(Code.LIMIT_MEMORY, "It wanted more than 2 GiB.")

    await stage.start(slow)
    job = await stage.submit()
    assert await stage.ended(job) is JobState.FAILED
    assert "limit_memory" in await error_of(stage, job)


async def test_a_transient_error_is_tried_again(stage: Stage) -> None:
    tries: list[int] = []

    async def shaky(step: Claimed, _: Report) -> Done:
        tries.append(step.attempt)
        if step.attempt < 3:
            raise TransientError("The store is away.", after=timedelta(seconds=0.05))
        return Done()

    await stage.start(shaky)
    job = await stage.submit(kinds=["drill"])
    assert await stage.ended(job) is JobState.SUCCEEDED
    assert tries == [1, 2, 3]


async def test_cancel_stops_running_work_within_a_second(stage: Stage) -> None:
    stopped = asyncio.Event()
    begun = asyncio.Event()

    async def long(_: Claimed, __: Report) -> Done:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return Done()

    await stage.start(long)
    job = await stage.submit()
    await begun.wait()
    at = time.monotonic()
    outcome = await stage.book.cancel(job)
    await stage.bell.hint(outcome.facts)
    assert await stage.ended(job, 2.0) is JobState.CANCELLED
    assert stopped.is_set()
    assert time.monotonic() - at < 1.0


async def test_cancel_is_heard_without_a_hint_at_the_heartbeat(stage: Stage) -> None:
    stage.lease = 1.0

    async def long(_: Claimed, __: Report) -> Done:
        await asyncio.sleep(60)
        return Done()

    await stage.start(long)
    job = await stage.submit()
    await asyncio.sleep(0.1)
    await stage.book.cancel(job)
    assert await stage.ended(job, 2.0) is JobState.CANCELLED


async def test_a_graceful_stop_costs_no_attempt(stage: Stage) -> None:
    attempts: list[tuple[int, int]] = []

    async def long(step: Claimed, _: Report) -> Done:
        attempts.append((step.attempt, step.epoch))
        await asyncio.sleep(60 if step.epoch == 1 else 0)
        return Done()

    first = await stage.start(long)
    job = await stage.submit(kinds=["drill"])
    await asyncio.sleep(0.1)
    await stage.stop(first)
    await stage.start(long)
    assert await stage.ended(job) is JobState.SUCCEEDED
    assert attempts == [(1, 1), (1, 2)]


async def test_a_blocked_loop_keeps_its_lease(stage: Stage) -> None:
    """The heartbeat has a thread and a connection of its own."""
    stage.lease = 0.6

    async def blocking(_: Claimed, __: Report) -> Done:
        time.sleep(1.5)  # what a handler must not do, and what must not lose its work
        return Done()

    await stage.start(blocking, sweep=0.05)
    other = await stage.start({"drill-a": empty}, name="sweeps", sweep=0.05)
    job = await stage.submit(kinds=["drill"])
    assert await stage.ended(job) is JobState.SUCCEEDED
    assert "step.lost" not in await stage.events(job)
    assert other


async def test_a_dead_worker_is_replaced(stage: Stage) -> None:
    stage.lease = 0.5
    job = await stage.submit(kinds=["drill"])
    assert await stage.book.claim("dead", ("drill",), 1)
    await stage.start(empty)
    assert await stage.ended(job) is JobState.SUCCEEDED
    assert "step.lost" in await stage.events(job)


async def test_slots_bound_what_is_at_work(stage: Stage) -> None:
    now = most = 0

    async def counting(_: Claimed, __: Report) -> Done:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return Done()

    await stage.start(counting, slots=3)
    jobs = [await stage.submit() for _ in range(20)]
    for job in jobs:
        await stage.ended(job)
    assert most == 3


async def test_a_suspect_runs_alone(stage: Stage) -> None:
    beside: list[int] = []
    at_work: set[str] = set()

    async def watching(step: Claimed, _: Report) -> Done:
        at_work.add(step.id)
        await asyncio.sleep(0.05)
        if step.crashes >= 2:
            beside.append(len(at_work))
        at_work.discard(step.id)
        return Done()

    suspect = await stage.submit(kinds=["drill"])
    await stage.book.database.query("update steps set crashes = 2 where job = :job", {"job": suspect})
    jobs = [await stage.submit() for _ in range(10)]
    await stage.start(watching, slots=4)
    for job in [suspect, *jobs]:
        assert await stage.ended(job) is JobState.SUCCEEDED
    assert beside == [1]


async def test_progress_is_put_up(stage: Stage) -> None:
    async def reporting(_: Claimed, report: Report) -> Done:
        await report(0.5, "rendering", "half of it")
        await asyncio.sleep(0.3)
        return Done()

    await stage.start(reporting)
    job = await stage.submit(kinds=["drill"])
    await asyncio.sleep(0.1)
    (note,) = await stage.board.read(job)
    assert (note.fraction, note.stage, note.message) == (0.5, "rendering", "half of it")


class Mute:
    """A bell that loses every ring and every hint."""

    async def ring(self, orders: object) -> None: ...

    async def hint(self, facts: object) -> None: ...

    async def listen(self, queues: object, on_ring: object) -> None: ...

    async def listen_hints(self, on_hint: object, types: object = ()) -> None: ...

    async def ready(self) -> None: ...

    async def healthy(self) -> bool:
        return False

    async def close(self) -> None: ...


async def test_a_bell_that_loses_everything_costs_time_only(stage: Stage) -> None:
    stage.bell = Mute()
    await stage.start(empty)
    job = await stage.submit()
    assert await stage.ended(job) is JobState.SUCCEEDED


async def test_a_broken_bell_leaves_orders_to_the_sweep(stage: Stage) -> None:
    bell = stage.bell
    down = True

    class Shaky(Mute):
        async def listen(self, queues: Any, on_ring: Any) -> None:
            await bell.listen(queues, on_ring)

        async def ring(self, orders: Any) -> None:
            if down:
                raise OSError("away")
            await bell.ring(orders)

    stage.bell = Shaky()
    worker = await stage.start(empty, poll=60.0)
    outcome = await worker.book.submit(new := _job())
    worker.relay.announce(outcome)
    await asyncio.sleep(0.3)
    assert await stage.state(new.id) is not JobState.SUCCEEDED
    down = False
    assert await stage.ended(new.id) is JobState.SUCCEEDED
    await asyncio.sleep(1.2)
    assert await violations(stage.book.database) == []


def _job() -> NewJob:
    return NewJob("chain", "o", {})


async def test_the_synthetic_job_of_eight(stage: Stage) -> None:
    """Expansion, join, an item that fails and is replaced, child steps, pause and resume."""
    paused_with: list[int] = []

    async def work(step: Claimed, _: Report) -> Done:
        await asyncio.sleep(0.02)
        if step.step == "make" and step.item == 3 and not step.input.get("placeholder"):
            raise PermanentError(Code.PROGRAM_FAILED, "item 3 is bad")
        return Done({"items": 8})

    await stage.start(work)
    job = await stage.submit("fan")
    while (await stage.book.see(job)).steps.keys().isdisjoint({f"{job}/make/0/0"}):  # type: ignore[union-attr]
        await asyncio.sleep(0.005)
    await stage.bell.hint((await stage.book.pause(job)).facts)
    await asyncio.sleep(0.3)
    now = await stage.book.see(job)
    assert now
    paused_with.append(len([s for s in now.steps.values() if s.step.state in (StepState.READY, StepState.RUNNING)]))
    assert paused_with == [0]
    await stage.bell.ring((await stage.book.resume(job)).orders)
    assert await stage.ended(job) is JobState.SUCCEEDED
    now = await stage.book.see(job)
    assert now
    done = [s.step for s in now.steps.values() if s.step.state is StepState.DONE]
    assert len([s for s in done if s.step == "make"]) == 8
    assert len([s for s in done if s.step == "finish"]) == 8
    assert [s.rev for s in done if s.step == "make" and s.item == 3] == [1]
    rows = await stage.book.database.read("select degraded from jobs where id = :id", {"id": job})
    assert "item 3 is bad" in rows[0].degraded
    await asyncio.sleep(1.2)
    assert await violations(stage.book.database) == []


async def test_the_synthetic_job_cancelled_in_the_middle(stage: Stage) -> None:
    async def work(_: Claimed, __: Report) -> Done:
        await asyncio.sleep(0.03)
        return Done({"items": 8})

    await stage.start(work)
    job = await stage.submit("fan")
    await asyncio.sleep(0.1)
    await stage.bell.hint((await stage.book.cancel(job)).facts)
    assert await stage.ended(job) is JobState.CANCELLED
    await asyncio.sleep(1.2)
    assert await violations(stage.book.database) == []


async def test_a_message_of_a_newer_type_only_rings(stage: Stage) -> None:
    await stage.start(empty, poll=60.0, sweep=60.0)
    job = _job()
    await stage.book.submit(job)
    forged = Envelope(type="drill.requested.v1", job_id="nobody", owner_id="else", body={"step": "x"})
    await stage.bell.ring([forged])
    assert await stage.ended(job.id) is JobState.SUCCEEDED
