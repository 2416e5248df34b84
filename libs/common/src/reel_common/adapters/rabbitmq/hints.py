"""Hints: a few words to every process, worth nothing a second later. Whatever goes wrong, they are dropped."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence

import aiormq
import structlog
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from reel_common.adapters.rabbitmq.link import TIMEOUT_S, broker_errors
from reel_common.adapters.rabbitmq.listening import CONTENT_TYPE, understand
from reel_common.messages.envelope import Envelope, NotUnderstoodError
from reel_common.messages.topology import HINTS
from reel_common.ports.bell import OnHint

log = structlog.get_logger(__name__)

_BACKLOG = 1000


class Teller:
    """Sends hints from a bounded backlog in a task of its own, so that no caller ever waits for the broker."""

    def __init__(self, counts: Counter[str]) -> None:
        self._backlog: deque[Envelope] = deque(maxlen=_BACKLOG)
        self._counts = counts
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def tell(self, facts: Sequence[Envelope]) -> None:
        """Puts them into the backlog, or nowhere while there is no broker."""
        if self._task is None or self._task.done() or len(self._backlog) + len(facts) > _BACKLOG:
            self._counts["hints_dropped"] += len(facts)
            return
        self._backlog.extend(facts)
        self._some.set()

    def attach(self, channel: aiormq.Channel) -> None:
        """Sends on this channel from now on."""
        self.detach()
        self._task = asyncio.create_task(self._send(channel))

    def detach(self) -> None:
        """Forgets channel and backlog."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._backlog.clear()

    async def _send(self, channel: aiormq.Channel) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._backlog:
                fact = self._backlog.popleft()
                try:
                    with broker_errors():
                        await _publish(channel, fact)
                except OSError:
                    return  # the link breaks for the same reason
                except ValueError:
                    self._counts["hints_dropped"] += 1  # over 64 KiB


async def _publish(channel: aiormq.Channel, fact: Envelope) -> None:
    properties = Basic.Properties(content_type=CONTENT_TYPE, message_type=fact.type, message_id=fact.id)
    # waiting until it is written keeps the backlog here, where it is bounded, and not in the socket's buffer
    await channel.basic_publish(fact.to_bytes(), exchange=HINTS, properties=properties)


async def overhear(channel: aiormq.Channel, listeners: Sequence[OnHint], counts: Counter[str]) -> str:
    """Calls ``listeners`` for every hint, from a queue that lives as long as the connection. Returns its name."""

    async def heard(message: DeliveredMessage) -> None:
        try:
            envelope = understand(message, counts)
        except NotUnderstoodError:
            counts["hints_dropped"] += 1
            return
        for listener in tuple(listeners):
            try:
                listener(envelope)
            except Exception:
                log.exception("on_hint_failed", type=envelope.type)

    queue = str((await channel.queue_declare(exclusive=True, timeout=TIMEOUT_S)).queue)
    await channel.queue_bind(queue, HINTS, timeout=TIMEOUT_S)
    await channel.basic_consume(queue, heard, no_ack=True, timeout=TIMEOUT_S)
    return queue
