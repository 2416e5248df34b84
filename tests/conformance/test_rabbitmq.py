"""What only a real broker can do to the bell: bytes of others, full and missing queues, crashes, silence."""

from __future__ import annotations

import asyncio
import gzip
import json
import pickle
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from pamqp.common import FieldTable

from reel_common.adapters.rabbitmq import RabbitBell, connect
from reel_common.messages.envelope import Envelope
from reel_common.messages.topology import DEAD, EVENTS, UNROUTED
from reel_common.testing.bell import LEFT, RIGHT, TOPOLOGY, Listener, fact, order
from reel_common.testing.patience import until
from tests.servers.rabbitmq import RabbitMq, vhost_of

Another = Callable[[], Awaitable[RabbitBell]]


@pytest.fixture
def vhost(rabbitmq: RabbitMq) -> Iterator[str]:
    url = rabbitmq.fresh_vhost()
    yield url
    rabbitmq.drop_vhost(url)


@pytest.fixture
async def another(vhost: str) -> AsyncIterator[Another]:
    async with AsyncExitStack() as stack:
        yield lambda: stack.enter_async_context(connect(vhost, TOPOLOGY))


@pytest.fixture
async def raw(vhost: str) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    """A stranger's channel on the same vhost."""
    connection = await aio_pika.connect(vhost)
    yield await connection.channel()
    await connection.close()


@pytest.fixture
def broker(rabbitmq: RabbitMq) -> Iterator[RabbitMq]:
    """A broker that the test may kill or freeze; afterwards it runs again."""
    if not rabbitmq.can_be_killed:
        pytest.skip("the broker is not ours to kill")
    yield rabbitmq
    rabbitmq.wait(60, "the broker did not come back")


async def put(channel: aio_pika.abc.AbstractChannel, body: bytes, **properties: Any) -> None:
    """Publishes whatever a stranger likes into the left queue."""
    message = aio_pika.Message(body, **{"content_type": "application/json"} | properties)
    await channel.default_exchange.publish(message, LEFT)


async def take(channel: aio_pika.abc.AbstractChannel, queue: str) -> AbstractIncomingMessage:
    for _ in range(500):
        found = await (await channel.get_queue(queue)).get(fail=False)
        if found is not None:
            await found.ack()
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"nothing in {queue}")


# --- what cannot be understood (B53, B54) ----------------------------------------------------------------------------

BAD: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "not JSON": (b"look!", {}, "json_invalid"),
    "empty": (b"", {}, "json_invalid"),
    "too large": (b"[" + b"1," * 500_000 + b"1]", {}, "bytes are over"),
    "gzip": (gzip.compress(order().to_bytes()), {"content_encoding": "gzip"}, "encoding"),
    "gzip that does not say so": (gzip.compress(order().to_bytes()), {}, "json_invalid"),
    "wrong content type": (order().to_bytes(), {"content_type": "text/plain"}, "content type"),
    "no content type": (order().to_bytes(), {"content_type": None}, "content type"),
    "pickle": (pickle.dumps({"job_id": "j"}), {"content_type": "application/x-python-serialize"}, "content type"),
    "no type": (json.dumps({"job_id": "j", "owner_id": "o"}).encode(), {}, "type: missing"),
    "null job": (json.dumps({"type": "step.requested.v1", "job_id": None, "owner_id": "o"}).encode(), {}, "job_id"),
    "body without its field": (order().model_copy(update={"body": {}}).to_bytes(), {}, "step: missing"),
    "a list": (b"[]", {}, "model_type"),
    "deep": (b'{"body":' * 5000, {}, "json_invalid"),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_is_not_understood_goes_to_the_dead_with_a_reason(
    case: str, another: Another, raw: aio_pika.abc.AbstractChannel
) -> None:
    body, properties, reason = BAD[case]
    bell, listener = await another(), Listener()
    await bell.listen([LEFT], listener.on_ring)
    await put(raw, body, **properties)
    dead = await take(raw, DEAD)
    assert reason in str(dead.headers["reel-reason"])
    assert (dead.headers["reel-queue"], dead.headers["reel-bytes"]) == (LEFT, len(body))
    assert body.startswith(dead.body)
    assert len(dead.body) <= 64 * 1024
    await bell.ring([order()])  # the consumer lives
    await until(lambda: bool(listener.heard))
    assert bell.counts["dead"] == 1


async def test_unknown_fields_are_accepted_and_newer_types_counted(
    another: Another, raw: aio_pika.abc.AbstractChannel
) -> None:
    bell, listener = await another(), Listener()
    await bell.listen([LEFT], listener.on_ring)
    extra = json.loads(order().to_bytes()) | {"new": 1, "body": {"step": "s", "newer": 2}}
    await put(raw, json.dumps(extra).encode())
    await bell.ring([order("step.requested.v9")])
    await until(lambda: len(listener.heard) == 2)
    assert bell.counts["unknown"] == 1


# --- routing ---------------------------------------------------------------------------------------------------------


async def test_the_unroutable_is_kept_where_somebody_can_see_it(
    another: Another, raw: aio_pika.abc.AbstractChannel
) -> None:
    lost = order("nobody.requested.v1")
    await (await another()).ring([lost])
    assert (await take(raw, UNROUTED)).message_id == lost.id


async def test_what_the_broker_cannot_keep_anywhere_is_an_error(
    another: Another, raw: aio_pika.abc.AbstractChannel
) -> None:
    bell = await another()
    await bell.ring([order()])
    await raw.queue_delete(UNROUTED)
    with pytest.raises(OSError, match="RabbitMQ"):
        await bell.ring([order(), order("nobody.requested.v1")])


async def test_a_full_queue_is_an_error_and_one_with_other_arguments_is_used(
    another: Another, raw: aio_pika.abc.AbstractChannel
) -> None:
    small: FieldTable = {"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"}
    await raw.declare_queue(LEFT, durable=True, arguments=small)
    bell, listener = await another(), Listener()
    with pytest.raises(OSError, match="RabbitMQ"):
        await ring_often(bell)
    await bell.listen([LEFT], listener.on_ring)
    await until(lambda: bool(listener.heard))


async def ring_often(bell: RabbitBell) -> None:
    for _ in range(50):
        await bell.ring([order()])


async def test_what_is_declared(another: Another, rabbitmq: RabbitMq, vhost: str) -> None:
    bell = await another()
    await bell.ring([order()])
    declared = await asyncio.to_thread(rabbitmq.manage, "GET", f"/api/definitions/{quote(vhost_of(vhost), safe='')}")
    queues = {queue["name"]: queue for queue in declared["queues"]}
    assert set(queues) == {LEFT, RIGHT, DEAD, UNROUTED}
    assert all(queue["durable"] and queue["arguments"]["x-queue-type"] == "quorum" for queue in queues.values())
    assert queues[LEFT]["arguments"] == {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": "reel.dlx",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-max-length": 10_000,
        "x-delivery-limit": 1000,
    }
    exchanges = {exchange["name"]: exchange for exchange in declared["exchanges"]}
    assert exchanges[EVENTS]["type"] == "topic"
    assert exchanges[EVENTS]["arguments"] == {"alternate-exchange": UNROUTED}
    assert {(b["routing_key"], b["destination"]) for b in declared["bindings"] if b["source"] == EVENTS} == {
        (key, queue) for key, queues in TOPOLOGY.bindings.items() for queue in queues
    }


# --- parts that break ------------------------------------------------------------------------------------------------


async def test_a_deleted_queue_comes_back_with_its_consumer(
    another: Another, raw: aio_pika.abc.AbstractChannel
) -> None:
    sender, bell, listener = await another(), await another(), Listener()
    await bell.listen([LEFT], listener.on_ring)
    await raw.queue_delete(LEFT)
    await rings_through(sender, listener, seconds=10)


async def test_a_consumer_that_the_broker_forgot_comes_back(another: Another) -> None:
    sender, bell, listener = await another(), await another(), Listener()
    await bell.listen([LEFT], listener.on_ring)
    ear = bell._hearing._ears[0]
    assert ear._channel is not None
    for tag in ear._tags:  # as if the broker had dropped it and the word of it been lost
        await ear._channel.basic_cancel(tag)
    await rings_through(sender, listener, seconds=15)


class Cable:
    """A connection to the broker that can be cut."""

    def __init__(self, url: str) -> None:
        self._far = urlsplit(url)
        self._ends: set[asyncio.StreamWriter] = set()
        self.cuts = 0

    async def plug(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        login = self._far.netloc.rpartition("@")[0]
        return urlunsplit(self._far._replace(netloc=f"{login}@127.0.0.1:{port}"))

    def cut(self) -> None:
        for end in self._ends:
            self.cuts += 1
            end.transport.abort()

    async def unplug(self) -> None:
        self.cut()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._far.hostname, self._far.port)
        self._ends |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        self._ends -= {writer, far_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()


async def test_cut_connections_are_made_again(vhost: str) -> None:
    cable, listener = Cable(vhost), Listener()
    url = await cable.plug()
    async with connect(url, TOPOLOGY) as sender, connect(url, TOPOLOGY) as bell:
        await bell.listen([LEFT], listener.on_ring)
        await bell.listen_hints(listener.on_hint)
        for _ in range(3):
            listener.heard.clear()
            listener.hints.clear()
            await rings_through(sender, listener, seconds=15)
            await hints_through(sender, listener)
            cable.cut()
    assert cable.cuts >= 6
    await cable.unplug()


async def rings_through(sender: RabbitBell, listener: Listener, seconds: float) -> None:
    """Rings until one is heard: in between they may fail, or be lost with their queue."""
    end = time.monotonic() + seconds
    while not listener.heard:
        assert time.monotonic() < end, f"no ring was heard within {seconds} s"
        with suppress(OSError):
            await sender.ring([order()])
        await asyncio.sleep(0.1)


async def healthy_again(bell: RabbitBell) -> None:
    end = time.monotonic() + 15
    while not await bell.healthy():
        assert time.monotonic() < end, "it did not become healthy"
        await asyncio.sleep(0.05)


async def hints_through(sender: RabbitBell, listener: Listener) -> None:
    end = time.monotonic() + 10
    while not listener.hints:
        assert time.monotonic() < end, "no hint was heard"
        await sender.hint([fact()])
        await asyncio.sleep(0.05)


# --- outages ---------------------------------------------------------------------------------------------------------


async def test_an_outage_loses_no_confirmed_ring_and_cancels_nobody(another: Another, broker: RabbitMq) -> None:
    sender, bell, listener, slow = await another(), await another(), Listener(), asyncio.Event()
    ended: list[str] = []

    async def answers_through_the_outage(envelope: Envelope) -> bool:
        await slow.wait()
        ended.append(envelope.id)
        return True

    await bell.listen([RIGHT], answers_through_the_outage)
    await bell.listen_hints(listener.on_hint)
    await sender.ring([order("composition.requested.v1")])
    confirmed = [order() for _ in range(100)]
    for each in confirmed:
        await sender.ring([each])
    await asyncio.sleep(4)  # RabbitMQ 3.10 loses a queue that is younger than its registry's last write (every 3 s)
    await asyncio.to_thread(broker.kill)
    await asyncio.sleep(0.2)
    assert not await sender.healthy()
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(OSError, match=r"\w"):
            await sender.ring([order(), order()])
        await sender.hint([fact()])  # lost without a word
    assert time.monotonic() - began < 5
    late = await another()
    await late.listen([LEFT], listener.on_ring)  # returns although there is no broker
    slow.set()
    await until(lambda: bool(ended))
    await asyncio.to_thread(broker.start)
    began = time.monotonic()
    wanted = {each.id for each in confirmed}
    await until(lambda: wanted <= set(listener.ids), seconds=15)
    for each_bell in (sender, bell, late):
        await healthy_again(each_bell)
    await hints_through(sender, listener)
    print(f"all back after {time.monotonic() - began:.1f} s")


async def test_a_silent_broker_is_an_error_within_seconds(another: Another, broker: RabbitMq) -> None:
    sender, bell, listener = await another(), await another(), Listener()
    await bell.listen([LEFT], listener.on_ring)
    await sender.ring([order()])
    await asyncio.to_thread(broker.freeze)
    try:
        began = time.monotonic()
        with pytest.raises(OSError, match=r"\w"):
            await sender.ring([order()])
        assert time.monotonic() - began < 6
        for _ in range(2000):
            await sender.hint([fact()])
        assert time.monotonic() - began < 7
    finally:
        await asyncio.to_thread(broker.thaw)
    listener.heard.clear()
    await rings_through(sender, listener, seconds=20)


async def test_a_bell_made_before_the_broker_is_there(vhost: str, broker: RabbitMq) -> None:
    await asyncio.to_thread(broker.kill)
    listener = Listener()
    async with connect(vhost, TOPOLOGY) as bell:
        async with asyncio.timeout(5):
            await bell.listen([LEFT], listener.on_ring)
            await bell.listen_hints(listener.on_hint)
            with pytest.raises(OSError, match=r"\w"):
                await bell.ring([order()])
            await bell.ready()
        assert not await bell.healthy()
        await asyncio.to_thread(broker.start)
        await rings_through(bell, listener, seconds=15)


async def test_cancelling_a_ring_is_a_cancellation(another: Another) -> None:
    bell = await another()
    await bell.ring([order()])
    task = asyncio.create_task(bell.ring([order()]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bell.ring([order()])
