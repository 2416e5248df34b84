"""The bell on RabbitMQ (3.10 and 4.x), over aio-pika."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reel_common.adapters.rabbitmq.bell import RabbitBell
from reel_common.messages.topology import Topology

__all__ = ["RabbitBell", "connect"]


@asynccontextmanager
async def connect(url: str, topology: Topology, *, name: str = "reel", prefetch: int = 16) -> AsyncIterator[RabbitBell]:
    """A bell that connects in the background, now and after every outage; entering never fails, nor waits.

    ``prefetch`` is how many rings a process may hold unanswered: a little above its slots. ``name`` is shown by the
    broker beside the connections.
    """
    for chatty in ("aio_pika", "aiormq"):  # tracebacks for each attempt of an outage, of which we tell once
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    bell = RabbitBell(url, topology, name=name, prefetch=prefetch)
    bell.start()
    try:
        yield bell
    finally:
        await bell.close()
