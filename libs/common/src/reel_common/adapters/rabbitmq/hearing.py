"""The connection that listens: every listener of a process on it, and a watchdog that asks the broker whether it knows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Collection, Sequence

import aiormq
from aio_pika.abc import AbstractConnection

from reel_common.adapters.rabbitmq.declaring import declare
from reel_common.adapters.rabbitmq.hints import HintListener, Overhearing
from reel_common.adapters.rabbitmq.link import TIMEOUT_S, Link, broker_errors, open_channel
from reel_common.adapters.rabbitmq.listening import Bury, Ear
from reel_common.messages.topology import Topology
from reel_common.ports.bell import OnHint, OnRing

_WATCH_S = 3.0
_PATIENCE_S = 5.0


class Hearing:
    """Connects when somebody listens; each new connection takes up all listeners again."""

    def __init__(
        self, url: str, name: str, topology: Topology, prefetch: int, bury: Bury, counts: Counter[str]
    ) -> None:
        self._topology, self._prefetch, self._bury, self._counts = topology, prefetch, bury, counts
        self._link = Link(url, name, self._build, self._lost)
        self._turn = asyncio.Lock()
        self._ears: list[Ear] = []
        self._hints = Overhearing(counts)
        self._channel: aiormq.Channel | None = None
        self._hint_channel: aiormq.Channel | None = None
        self._watchdog: asyncio.Task[None] | None = None

    @property
    def healthy(self) -> bool:
        """Whether it is connected, if that is wanted."""
        return self._link.up or not (self._ears or self._hints.listeners)

    async def listen(self, queues: Sequence[str], on_ring: OnRing) -> None:
        """Adds a listener, to the connection that stands if one does."""
        ear = Ear(queues, on_ring, self._bury, self._counts)
        async with self._turn:
            self._ears.append(ear)
            if self._channel is not None:
                await self._or_drop(ear.attach(self._channel))
        await self._connected()

    async def listen_hints(self, on_hint: OnHint, types: Collection[str]) -> None:
        """Adds a listener for hints."""
        async with self._turn:
            self._hints.listeners.append(HintListener(on_hint, frozenset(types)))
            if self._hint_channel is not None:
                await self._or_drop(self._hints.attach(self._hint_channel))
        await self._connected()

    async def ready(self) -> None:
        """There is room again."""
        for ear in self._ears:
            await ear.ready()

    async def close(self) -> None:
        """No more rings; those being answered may end."""
        await asyncio.gather(*(ear.close(_PATIENCE_S) for ear in self._ears))
        await self._link.close()

    async def _connected(self) -> None:
        self._link.start()
        await self._link.tried()

    async def _or_drop(self, work: Awaitable[object]) -> None:
        try:
            with broker_errors():
                await work
        except OSError as e:
            self._link.drop(f"could not listen: {e!r}")

    async def _build(self, connection: AbstractConnection) -> None:
        await declare(connection, self._topology)
        rings, hints, probe = [await open_channel(connection, confirms=False) for _ in range(3)]
        await rings.basic_qos(prefetch_count=self._prefetch, timeout=TIMEOUT_S)
        for channel in (rings, hints, probe):
            self._link.watch(channel)
        async with self._turn:
            for ear in self._ears:
                await ear.attach(rings)
            if self._hints.listeners:
                await self._hints.attach(hints)
            self._channel, self._hint_channel = rings, hints
        self._watchdog = asyncio.create_task(self._watch(probe))

    def _lost(self) -> None:
        self._channel = self._hint_channel = None
        if self._watchdog is not None:
            self._watchdog.cancel()
        for ear in self._ears:
            ear.detach()

    async def _watch(self, probe: aiormq.Channel) -> None:
        """Drops the link when the broker twice knows no consumer of a queue that we listen to, or does not answer."""
        missed = False
        while True:
            await asyncio.sleep(_WATCH_S)
            try:
                with broker_errors():
                    missing = await self._missing(probe)
            except OSError as e:
                return self._link.drop(f"the broker does not answer: {e!r}")
            if missing and missed:
                return self._link.drop("the broker forgot a consumer")
            missed = missing

    async def _missing(self, probe: aiormq.Channel) -> bool:
        for ear in self._ears:
            for queue in ear.queues:
                listened = ear.hears
                answer = await probe.queue_declare(queue, passive=True, timeout=TIMEOUT_S)
                if listened and ear.hears and not answer.consumer_count:
                    return True
        return False
