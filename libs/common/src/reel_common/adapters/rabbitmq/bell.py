"""The bell: one connection to publish, one to listen, so that a publisher whom the broker blocks still hears."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence

import aiormq
from aio_pika.abc import AbstractConnection
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from reel_common.adapters.rabbitmq.declaring import declare
from reel_common.adapters.rabbitmq.hearing import Hearing
from reel_common.adapters.rabbitmq.hints import Teller
from reel_common.adapters.rabbitmq.link import TIMEOUT_S, Link, broker_errors, open_channel
from reel_common.adapters.rabbitmq.listening import CONTENT_TYPE
from reel_common.adapters.ringing import choose
from reel_common.messages.envelope import MOST_BYTES, Envelope
from reel_common.messages.topology import DEAD_LETTERS, EVENTS, Topology
from reel_common.ports.bell import OnHint, OnRing

_PERSISTENT = 2


class RabbitBell:
    """The ``Bell`` on RabbitMQ. Make one with ``rabbitmq.connect``.

    ``counts``: rings of unknown type (``unknown``), messages put among the dead (``dead``), rings handed on
    (``refused``), hints that were not sent or not read (``hints_dropped``).
    """

    def __init__(self, url: str, topology: Topology, *, name: str, prefetch: int) -> None:
        self._topology, self._name = topology, name
        self.counts: Counter[str] = Counter()
        self._link = Link(url, f"{name} ring", self._build, self._lost)
        self._channel: aiormq.Channel | None = None
        self._teller = Teller(self.counts)
        self._hearing = Hearing(url, f"{name} listen", topology, prefetch, self._bury, self.counts)

    def start(self) -> None:
        """Begins to connect, in the background. Listening connects when somebody listens."""
        self._link.start()

    async def ring(self, orders: Sequence[Envelope]) -> None:
        """Raises: OSError when it is not known that all of them are safe, at once while the broker is away."""
        await self._link.tried()
        sends = [self._send(order) for order in choose(orders, self._topology)]
        if len(sends) == 1:
            return await sends[0]
        for result in await asyncio.gather(*sends, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        return None

    async def hint(self, facts: Sequence[Envelope]) -> None:
        """Never waits, never raises."""
        self._teller.tell(facts)

    async def listen(self, queues: Sequence[str], on_ring: OnRing) -> None:
        """Returns once listening or, while the broker is away, once that is known: it listens as soon as it can.

        ``on_ring`` is called in a task of its own, up to ``prefetch`` at once.
        """
        await self._hearing.listen(queues, on_ring)

    async def listen_hints(self, on_hint: OnHint, types: Collection[str] = ()) -> None:
        """Returns as ``listen`` does. The broker sends a process only the types that it asks for."""
        await self._hearing.listen_hints(on_hint, types)

    async def ready(self) -> None:
        """Costs nothing unless a ring was refused: call it whenever a slot becomes free."""
        await self._hearing.ready()

    async def healthy(self) -> bool:
        """Whether each connection that is wanted stands. In a process's first moments it waits for the first attempt."""
        await self._link.tried()
        return self._link.up and self._hearing.healthy

    async def close(self) -> None:
        """Stops listening, lets rings being answered end (5 s), and closes both connections."""
        await self._hearing.close()
        await self._link.close()
        self._lost()

    async def _send(self, order: Envelope) -> None:
        properties = Basic.Properties(
            content_type=CONTENT_TYPE,
            delivery_mode=_PERSISTENT,
            message_id=order.id,
            correlation_id=order.job_id,
            message_type=order.type,
            app_id=self._name,
        )
        await self._publish(EVENTS, order.type, order.to_bytes(), properties)

    async def _publish(self, exchange: str, key: str, body: bytes, properties: Basic.Properties) -> None:
        channel = self._channel
        if channel is None:
            raise ConnectionError("RabbitMQ is away")
        try:
            with broker_errors():
                await channel.basic_publish(
                    body,
                    exchange=exchange,
                    routing_key=key,
                    properties=properties,
                    mandatory=True,
                    timeout=TIMEOUT_S,
                    wait=False,
                )
        except TimeoutError:
            self._link.drop("no confirm in time")  # half-open or blocked: another connection finds out
            raise

    async def _bury(self, message: DeliveredMessage, queue: str, reason: str) -> None:
        headers: dict[str, str | int] = {
            "reel-reason": reason[:500],
            "reel-queue": queue,
            "reel-bytes": len(message.body),
        }
        properties = Basic.Properties(
            content_type=message.header.properties.content_type, delivery_mode=_PERSISTENT, headers=dict(headers)
        )
        key = (message.routing_key or "")[:255]
        await self._link.tried()
        await self._publish(DEAD_LETTERS, key, message.body[:MOST_BYTES], properties)

    async def _build(self, connection: AbstractConnection) -> None:
        await declare(connection, self._topology)
        channel = await open_channel(connection, confirms=True)
        hints = await open_channel(connection, confirms=False)
        self._link.watch(channel)
        self._link.watch(hints)
        self._teller.attach(hints)
        self._channel = channel

    def _lost(self) -> None:
        self._channel = None
        self._teller.detach()
