"""One connection to the broker, kept: made in the background, and made anew with all that hangs on it when any part breaks.

aio-pika's own "robust" objects mend a connection part by part, and parts have been left behind; here whatever breaks (a
connection, a channel, a consumer) breaks the whole link, and one function builds the whole link.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import aio_pika
import aiormq
import structlog
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

log = structlog.get_logger(__name__)

TIMEOUT_S = 5.0
"""For connecting, for one question to the broker, and for a confirm."""
HEARTBEAT_S = 5
_BUILD_TIMEOUT_S = 30.0
_CLOSE_TIMEOUT_S = 3.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_TELL_EVERY_S = 30.0
_STEADY_S = 2 * TIMEOUT_S
"""A link that stood so long was a good one; one that breaks sooner is made again more slowly each time."""


@contextmanager
def broker_errors() -> Iterator[None]:
    """Whatever the library raises when the broker is lost comes out as OSError.

    It also *cancels* whoever waits for an answer of a lost connection. Only a task that somebody asked to stop may see
    that as a cancellation.
    """
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ConnectionError("the connection to RabbitMQ was lost") from None
    except TimeoutError:
        raise TimeoutError("RabbitMQ did not answer in time") from None
    except OSError:
        raise
    except CONNECTION_EXCEPTIONS as e:
        raise ConnectionError(f"RabbitMQ: {e!r}") from e


async def open_channel(connection: AbstractConnection, *, confirms: bool) -> aiormq.Channel:
    """A channel without aio-pika's wrapper around every message, which costs a task each."""
    channel = await connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
    underlay = await channel.get_underlay_channel()
    if not isinstance(underlay, aiormq.Channel):
        raise TypeError(f"aio-pika opened a {type(underlay).__name__}")
    return underlay


class Link:
    """Keeps one connection. ``build`` is called with every new one; ``lost`` whenever one is given up."""

    def __init__(
        self, url: str, name: str, build: Callable[[AbstractConnection], Awaitable[None]], lost: Callable[[], None]
    ) -> None:
        self._url, self._name, self._build, self._lost = url, name, build, lost
        self._task: asyncio.Task[None] | None = None
        self._broken = asyncio.Event()
        self._tried = asyncio.Event()
        self._closing = False
        self.up = False

    def start(self) -> None:
        """Begins to connect, unless that was done."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name=f"rabbitmq {self._name}")

    async def tried(self) -> None:
        """Returns when the link is up or the first attempt has failed: at once in all but a process's first moments."""
        await self._tried.wait()

    def drop(self, reason: str) -> None:
        """Gives up this connection; another is made."""
        if self.up and not self._broken.is_set():
            log.warning("broker_connection_dropped", link=self._name, reason=reason)
        self._broken.set()

    def watch(self, channel: aiormq.Channel) -> None:
        """From now on the link breaks when this channel does, or when the broker takes a consumer from it."""
        channel.closing.add_done_callback(lambda _: self.drop("a channel was closed"))
        channel.on_consumer_cancel_callbacks.add(lambda _: self.drop("the broker cancelled a consumer"))

    async def close(self) -> None:
        """Stops connecting and closes."""
        self._closing = True
        self._broken.set()  # the library can swallow a cancellation that comes together with an answer (Python 3.11)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._tried.set()

    async def _keep(self) -> None:
        pause, told, loop = _FIRST_PAUSE_S, -_TELL_EVERY_S, asyncio.get_running_loop()
        while not self._closing:
            began = loop.time()
            try:
                with broker_errors():
                    await self._once()
            except Exception as e:  # noqa: BLE001  (whatever it was, a process without a bell is worse)
                if loop.time() - told >= _TELL_EVERY_S:
                    told = loop.time()
                    log.warning("broker_unreachable", link=self._name, error=repr(e))
            self._tried.set()
            if loop.time() - began > _STEADY_S:
                pause = _FIRST_PAUSE_S
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # or all processes would come at once
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _once(self) -> None:
        """One connection's life; returns when it broke."""
        self._broken.clear()
        async with asyncio.timeout(2 * TIMEOUT_S):
            connection = await aio_pika.connect(
                self._url, timeout=TIMEOUT_S, heartbeat=HEARTBEAT_S, client_properties={"connection_name": self._name}
            )
        try:
            if connection.transport is None:
                raise ConnectionError("lost at once")
            connection.transport.connection.closing.add_done_callback(lambda _: self.drop("the connection was closed"))
            async with asyncio.timeout(_BUILD_TIMEOUT_S):
                await self._build(connection)
            self.up = not self._broken.is_set()
            self._tried.set()
            await self._broken.wait()
        finally:
            self.up = False
            self._lost()
            await _close(connection)


async def _close(connection: AbstractConnection) -> None:
    """Says good-bye if the broker listens, and does not wait long for it."""
    closing = asyncio.ensure_future(connection.close())
    await asyncio.wait([closing], timeout=_CLOSE_TIMEOUT_S)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
