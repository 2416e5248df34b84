"""Declares exchanges, queues and bindings from the topology. The same arguments on RabbitMQ 3.10 and 4.x."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiormq
import structlog
from aio_pika.abc import AbstractConnection
from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed

from reel_common.adapters.rabbitmq.link import TIMEOUT_S, open_channel
from reel_common.messages.topology import DEAD, DEAD_LETTERS, EVENTS, HINTS, UNROUTED, Topology

log = structlog.get_logger(__name__)

_WORK: dict[str, Any] = {
    "x-queue-type": "quorum",
    "x-dead-letter-exchange": DEAD_LETTERS,
    "x-dead-letter-strategy": "at-least-once",  # falls back to at-most-once, silently, without the next line
    "x-overflow": "reject-publish",
    "x-max-length": 10_000,
    "x-delivery-limit": 1000,  # a ring that a full listener hands on counts as a failed delivery on some versions
}
_DEAD: dict[str, Any] = {
    "x-queue-type": "quorum",
    "x-max-length": 10_000,  # the oldest goes: dead letters are for people, and nobody reads ten thousand
    "x-message-ttl": 14 * 24 * 3600 * 1000,
}
_UNROUTED: dict[str, Any] = {"x-queue-type": "quorum", "x-max-length": 1000}

_Declaration = Callable[[aiormq.Channel], Awaitable[object]]


async def declare(connection: AbstractConnection, topology: Topology) -> None:
    """Makes what is missing. What exists with other arguments, or may not be declared by us, is used as it is."""
    channel = await open_channel(connection, confirms=False)
    for what, declaration in _declarations(topology):
        try:
            await declaration(channel)
        except (ChannelPreconditionFailed, ChannelAccessRefused) as e:
            log.warning("broker_declaration_refused", what=what, error=str(e))
            channel = await open_channel(connection, confirms=False)  # a refusal closes the channel
    await channel.close()


def _declarations(topology: Topology) -> list[tuple[str, _Declaration]]:
    work = [_queue(name, _WORK) for name in topology.queues]
    bindings = [_binding(queue, EVENTS, key) for key, queues in topology.bindings.items() for queue in queues]
    return [
        _exchange(UNROUTED, "fanout"),
        _exchange(DEAD_LETTERS, "topic"),
        _exchange(HINTS, "topic"),
        _exchange(EVENTS, "topic", {"alternate-exchange": UNROUTED}),
        _queue(UNROUTED, _UNROUTED),
        _queue(DEAD, _DEAD),
        _binding(UNROUTED, UNROUTED, ""),
        _binding(DEAD, DEAD_LETTERS, "#"),
        *work,
        *bindings,
    ]


def _exchange(name: str, kind: str, arguments: dict[str, Any] | None = None) -> tuple[str, _Declaration]:
    return name, lambda channel: channel.exchange_declare(
        name, exchange_type=kind, durable=True, arguments=arguments, timeout=TIMEOUT_S
    )


def _queue(name: str, arguments: dict[str, Any]) -> tuple[str, _Declaration]:
    return name, lambda channel: channel.queue_declare(name, durable=True, arguments=arguments, timeout=TIMEOUT_S)


def _binding(queue: str, exchange: str, key: str) -> tuple[str, _Declaration]:
    return f"{exchange} → {queue}", lambda channel: channel.queue_bind(queue, exchange, key, timeout=TIMEOUT_S)
