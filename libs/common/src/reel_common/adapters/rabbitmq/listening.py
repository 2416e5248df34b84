"""The listening side: deliveries become calls of ``on_ring``, answers become acknowledgements."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import aiormq
import structlog
from aiormq.abc import DeliveredMessage

from reel_common.adapters.rabbitmq.link import TIMEOUT_S, broker_errors
from reel_common.messages.envelope import Envelope, NotUnderstoodError, read_envelope
from reel_common.messages.registry import read_body
from reel_common.ports.bell import OnRing

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/json"
_AFTER_ERROR_S = 1.0

Bury = Callable[[DeliveredMessage, str, str], Awaitable[None]]
"""Message, queue it came from, reason. Returns when it is safe among the dead. Raises: OSError."""


def understand(message: DeliveredMessage, counts: Counter[str]) -> Envelope:
    """Raises: NotUnderstoodError. A type newer than this code is understood: it rings, and is counted."""
    properties = message.header.properties
    if properties.content_type != CONTENT_TYPE:
        raise NotUnderstoodError("content type is not application/json")
    if properties.content_encoding:
        raise NotUnderstoodError("content encoding is not supported")
    envelope = read_envelope(message.body)
    if read_body(envelope) is None:
        counts["unknown"] += 1
    return envelope


class Ear:
    """One listener: some queues and whom to call. It outlives connections; ``attach`` gives it the next channel.

    ``on_ring`` runs in tasks of our own: those of the library are cancelled when the connection is lost.
    """

    def __init__(self, queues: Sequence[str], on_ring: OnRing, bury: Bury, counts: Counter[str]) -> None:
        self.queues, self._on_ring, self._bury, self._counts = tuple(queues), on_ring, bury, counts
        self._channel: aiormq.Channel | None = None
        self._tags: list[str] = []
        self._turn = asyncio.Lock()
        self._deaf = False
        self._closed = False
        self._calls_of_ready = 0
        self._again: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def hears(self) -> bool:
        """Whether the broker should know a consumer of ours for every queue."""
        return self._channel is not None and not self._deaf and len(self._tags) == len(self.queues)

    async def attach(self, channel: aiormq.Channel) -> None:
        """Listens on this channel from now on, unless a ring was refused and there is still no room."""
        async with self._turn:
            self._channel, self._tags = channel, []
            if not self._deaf:
                await self._consume()

    def detach(self) -> None:
        """The channel is gone, and with it all that was not acknowledged: it will be delivered again."""
        self._channel, self._tags = None, []

    async def ready(self) -> None:
        """There is room again. Costs nothing unless a ring was refused."""
        self._calls_of_ready += 1
        if not self._deaf or self._closed:
            return
        async with self._turn:
            self._deaf = False
            if self._channel is not None and not self._tags:
                try:
                    with broker_errors():
                        await self._consume()
                except OSError:
                    self.detach()  # the link notices the same; its next channel starts anew

    async def close(self, patience_s: float) -> None:
        """No more rings; those being answered may end."""
        self._closed = True
        if self._again is not None:
            self._again.cancel()
        async with self._turn:
            await self._hush()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _consume(self) -> None:
        channel = self._channel
        if channel is None:
            return
        for queue in self.queues:
            answer = await channel.basic_consume(queue, self._heard(queue), timeout=TIMEOUT_S)
            self._tags.append(str(answer.consumer_tag))

    async def _hush(self) -> None:
        self._deaf = True
        tags, self._tags = self._tags, []
        for tag in tags:
            try:
                with broker_errors():
                    if self._channel is not None:
                        await self._channel.basic_cancel(tag, timeout=TIMEOUT_S)
            except OSError:
                self.detach()

    def _heard(self, queue: str) -> Callable[[DeliveredMessage], Coroutine[Any, Any, None]]:
        async def heard(message: DeliveredMessage) -> None:
            self._spawn(self._answer(queue, message))

        return heard

    async def _answer(self, queue: str, message: DeliveredMessage) -> None:
        try:
            envelope = understand(message, self._counts)
        except NotUnderstoodError as e:
            return await self._bury_and_ack(queue, message, str(e))
        before = self._calls_of_ready
        if not self._deaf and await self._ask(envelope):
            return await _settle(message, taken=True)
        return await self._refuse(message, before)

    async def _ask(self, envelope: Envelope) -> bool:
        try:
            return await self._on_ring(envelope)
        except Exception:
            log.exception("on_ring_failed", type=envelope.type)
            self._again = asyncio.get_running_loop().call_later(_AFTER_ERROR_S, self._ready_again)
            return False

    def _ready_again(self) -> None:
        self._spawn(self.ready())  # whoever failed will not say so

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _refuse(self, message: DeliveredMessage, before: int) -> None:
        """Stops consuming *before* it gives the ring back, or the broker would give it to us again."""
        self._counts["refused"] += 1
        async with self._turn:
            if not self._deaf:
                await self._hush()
        await _settle(message, taken=False)
        if self._calls_of_ready != before:  # room came up while we were refusing: nobody will call ready again
            await self.ready()

    async def _bury_and_ack(self, queue: str, message: DeliveredMessage, reason: str) -> None:
        try:
            await self._bury(message, queue, reason)
        except OSError:
            await asyncio.sleep(_AFTER_ERROR_S)  # bounds the loop: it is delivered again
            return await _settle(message, taken=False)
        self._counts["dead"] += 1
        log.warning("message_not_understood", queue=queue, reason=reason)
        return await _settle(message, taken=True)


async def _settle(message: DeliveredMessage, *, taken: bool) -> None:
    """Acknowledges or gives back. On a channel that is gone there is nothing to settle: it is delivered again."""
    channel, tag = message.channel, message.delivery_tag
    if not isinstance(channel, aiormq.Channel) or tag is None:
        return
    try:
        with broker_errors():
            if taken:
                await channel.basic_ack(tag, wait=False)
            else:
                await channel.basic_nack(tag, requeue=True, wait=False)
    except OSError:
        return
