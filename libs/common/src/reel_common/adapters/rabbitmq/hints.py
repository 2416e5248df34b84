"""Hints: a few words to every process, worth nothing a second later. Whatever goes wrong, they are dropped."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

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
    await channel.basic_publish(fact.to_bytes(), exchange=HINTS, routing_key=fact.type, properties=properties)


@dataclass(frozen=True, slots=True)
class HintListener:
    """Whom to call, for hints of which types; none means all."""

    on_hint: OnHint
    types: frozenset[str]

    def hear(self, fact: Envelope) -> None:
        """Whatever goes wrong with one listener hinders no other."""
        if self.types and fact.type not in self.types:
            return
        try:
            self.on_hint(fact)
        except Exception:
            log.exception("on_hint_failed", type=fact.type)


class Overhearing:
    """The listeners of a process share one queue, which lives as long as the connection, bound to what any of them wants."""

    def __init__(self, counts: Counter[str]) -> None:
        self.listeners: list[HintListener] = []
        self._counts = counts
        self._channel: aiormq.Channel | None = None
        self._queue = ""
        self._bound: set[str] = set()

    async def attach(self, channel: aiormq.Channel) -> None:
        """Listens on this channel from now on. Call it again after a listener was added."""
        if channel is not self._channel:
            self._queue = str((await channel.queue_declare(exclusive=True, timeout=TIMEOUT_S)).queue)
            self._channel, self._bound = channel, set()
            await channel.basic_consume(self._queue, self._heard, no_ack=True, timeout=TIMEOUT_S)
        for key in self._keys() - self._bound:
            await channel.queue_bind(self._queue, HINTS, routing_key=key, timeout=TIMEOUT_S)
            self._bound.add(key)

    def _keys(self) -> set[str]:
        wanted = [listener.types for listener in self.listeners]
        return set[str]().union(*wanted) if all(wanted) else {"#"}

    async def _heard(self, message: DeliveredMessage) -> None:
        try:
            envelope = understand(message, self._counts)
        except NotUnderstoodError:
            self._counts["hints_dropped"] += 1
            return
        for listener in tuple(self.listeners):
            listener.hear(envelope)
