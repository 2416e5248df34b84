"""B55–B57 and B59 on real servers: a message only rings, however often, whoever sends it, whatever it claims.

What cannot be understood at all (B53, B54) is tried on the adapter, in tests/conformance/test_rabbitmq.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aio_pika
import pytest

from reel_common.adapters import rabbitmq as rabbit
from reel_common.domain.job import JobState
from reel_common.domain.outcome import Done
from reel_common.domain.step import Claimed, StepState
from reel_common.ledger import NewJob, migrate
from reel_common.messages.envelope import Envelope
from reel_common.messages.topology import DEAD, EVENTS, topology
from reel_common.ports.handler import Handler, Report
from reel_common.testing.flows import DRILL_KINDS
from reel_common.testing.invariants import violations
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
from tests.worker.conftest import Stage

pytestmark = pytest.mark.long

QUEUE = DRILL_KINDS["drill"].queue
DEAF = {"poll": 60.0, "sweep": 60.0, "quiet": 60.0}
"""Paces with which nothing but a message makes a worker look."""


@dataclass
class Crew:
    """Workers with a bell and connections of their own each, and a stranger who may publish what he likes."""

    stages: list[Stage]
    channel: aio_pika.abc.AbstractChannel
    calls: list[str] = field(default_factory=list)

    @property
    def lead(self) -> Stage:
        return self.stages[0]

    async def start(self, handler: Handler, **options: Any) -> None:
        async def counted(step: Claimed, report: Report) -> Done:
            self.calls.append(step.id)
            return await handler(step, report)

        for n, stage in enumerate(self.stages):
            await stage.start(counted, name=f"w{n}", **{**DEAF, **options})

    async def publish(self, *messages: Mapping[str, Any]) -> None:
        exchange = await self.channel.get_exchange(EVENTS)
        sends = [
            exchange.publish(aio_pika.Message(json.dumps(m).encode(), content_type="application/json"), str(m["type"]))
            for m in messages
        ]
        await asyncio.gather(*sends)

    async def waiting(self, queue: str = QUEUE) -> int:
        declared = await self.channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0

    async def heard_all(self) -> None:
        """Returns when no message waits, and none is given back either."""
        async with asyncio.timeout(30):
            for _ in range(3):
                while await self.waiting():
                    await asyncio.sleep(0.05)
                await asyncio.sleep(0.2)


@pytest.fixture
async def crew(postgres: Postgres, rabbitmq: RabbitMq) -> AsyncIterator[Crew]:
    """Four workers' stages, none of which is started."""
    vhost, url = rabbitmq.fresh_vhost(), postgres.fresh_database()
    await migrate(url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, rabbitmq.drop_vhost, vhost)
        connection = await aio_pika.connect(vhost)
        stack.push_async_callback(connection.close)
        bells = [await stack.enter_async_context(rabbit.connect(vhost, topology(DRILL_KINDS))) for _ in range(4)]
        stages = [Stage(url, bell) for bell in bells]
        for stage in stages:
            stack.push_async_callback(stage.close)
        yield Crew(stages, await connection.channel())


async def empty(_: Claimed, __: Report) -> Done:
    return Done()


def message(step: str, job: str, owner: str, **more: Any) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(
        Envelope(type="drill.requested.v1", job_id=job, owner_id=owner, body={"step": step}).to_bytes()
    )
    return said | more


async def submitted(crew: Crew, **request: Any) -> tuple[str, Envelope]:
    """A job of which nobody has heard yet, and the message that would ring for it."""
    job = NewJob("chain", "owner-a", request)
    (order,) = (await crew.lead.book.submit(job)).orders
    return job.id, order


async def tries(crew: Crew, job: str) -> list[tuple[StepState, int, int]]:
    now = await crew.lead.book.see(job)
    assert now
    return [(s.step.state, s.attempt, s.epoch) for _, s in sorted(now.steps.items())]


async def all_rows(crew: Crew) -> list[Any]:
    """Everything that a message could change, and when it last was changed."""
    read = crew.lead.book.database.read
    jobs = await read("select id, state, version, event_seq from jobs order by id")
    return [*jobs, *await read("select id, state, attempt, epoch, owner from steps order by id")]


async def test_a_hundred_copies_make_one_claim(crew: Crew) -> None:
    await crew.start(empty)
    job, order = await submitted(crew, kinds=["drill"])
    await crew.publish(*[message(order.body["step"], job, "owner-a", id=order.id)] * 100)
    assert await crew.lead.ended(job) is JobState.SUCCEEDED
    await crew.heard_all()
    assert len(crew.calls) == 1
    assert await tries(crew, job) == [(StepState.DONE, 1, 1)]
    assert await violations(crew.lead.book.database, drained=False) == []


def _forged(job: str, other: str) -> list[dict[str, Any]]:
    """The right shape, and every kind of lie in it."""
    steps = [
        f"{job}/s1/0/0",
        f"{job}/s0/0/0",
        f"{job}/s2/0/0",
        f"{other}/s0/0/0",
        "' or 1=1 --",
        "../../etc",
        "x" * 500,
    ]
    lies: list[dict[str, Any]] = [
        {"owner_id": "owner-b"}, {"attempt": -1}, {"attempt": 10**9}, {"created_at": "2199-01-01T00:00:00Z"},
        {"cause_id": job, "epoch": 99, "state": "ready"}, {"job_id": other}, {"trace": {"traceparent": "00-0-0-00"}},
    ]  # fmt: skip
    return [message(step, job, "owner-a", **lie) for step in steps for lie in lies]


async def test_thousands_of_forged_ones_only_ring(crew: Crew) -> None:
    release = asyncio.Event()

    async def held(_: Claimed, __: Report) -> Done:
        await release.wait()
        return Done()

    await crew.start(held)
    job, order = await submitted(crew, kinds=["drill"] * 3)
    await crew.publish(message(order.body["step"], job, "owner-a"))
    while not crew.calls:
        await asyncio.sleep(0.01)
    paused, _ = await submitted(crew, kinds=["drill"])
    await crew.lead.book.pause(paused)
    before = await all_rows(crew)
    for _ in range(60):
        await crew.publish(*_forged(job, paused))
    await crew.heard_all()
    assert await all_rows(crew) == before
    release.set()
    assert await crew.lead.ended(job) is JobState.SUCCEEDED
    assert await tries(crew, job) == [(StepState.DONE, 1, 1)] * 3
    assert await crew.waiting(DEAD) == 0


async def test_those_for_what_is_unknown_or_has_ended_are_dropped(crew: Crew) -> None:
    await crew.start(empty)
    job, order = await submitted(crew, kinds=["drill"])
    await crew.publish(message(order.body["step"], job, "owner-a"))
    await crew.lead.ended(job)
    before = await all_rows(crew)
    elsewhere = message(
        "01a00000-0000-7000-8000-000000000000/s0/0/0", "01a00000-0000-7000-8000-000000000000", "owner-z"
    )
    await crew.publish(*[message(order.body["step"], job, "owner-a"), elsewhere] * 100)
    await crew.heard_all()
    for stage in crew.stages:
        await stage.bell.close()
    await asyncio.sleep(0.3)
    assert (await crew.waiting(), await crew.waiting(DEAD)) == (0, 0), "they were acknowledged, not kept for later"
    assert await all_rows(crew) == before
    assert len(crew.calls) == 1


async def test_fifteen_megabytes_are_put_aside_and_work_goes_on(crew: Crew) -> None:
    """B53 at its largest: more than that, newer brokers do not take from anybody."""
    await crew.start(empty)
    job, order = await submitted(crew, kinds=["drill"])
    exchange = await crew.channel.get_exchange(EVENTS)
    await exchange.publish(aio_pika.Message(b"[" * (15 << 20), content_type="application/json"), order.type)
    async with asyncio.timeout(20):
        while not (dead := await (await crew.channel.get_queue(DEAD)).get(fail=False, no_ack=True)):
            await asyncio.sleep(0.05)
    assert "bytes are over" in str(dead.headers["reel-reason"])
    assert len(dead.body) <= 64 * 1024
    await crew.publish(message(order.body["step"], job, "owner-a"))
    assert await crew.lead.ended(job) is JobState.SUCCEEDED


async def test_a_deadline_that_has_passed_fails_the_job(crew: Crew) -> None:
    """B59, of a job that nobody has begun and of one that is at work."""
    stopped = asyncio.Event()

    async def long(_: Claimed, __: Report) -> Done:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return Done()

    for stage in crew.stages:
        stage.lease = 2.0
    past, soon = NewJob("chain", "o", {}, deadline_s=-1.0), NewJob("chain", "o", {"kinds": ["drill"]}, deadline_s=1.0)
    await crew.lead.book.submit(past)
    await crew.start(long, sweep=0.2, quiet=0.2, poll=1.0)
    await crew.lead.book.submit(soon)
    for job in (past, soon):
        assert await crew.lead.ended(job.id) is JobState.FAILED
        rows = await crew.lead.book.database.read("select error from jobs where id = :id", {"id": job.id})
        assert json.loads(rows[0].error)["code"] == "deadline"
    assert stopped.is_set()
