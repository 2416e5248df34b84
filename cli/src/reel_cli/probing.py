"""Whether the servers that settings name are there, in words that say what to do when one is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from reel_common.adapters import rabbitmq, serving
from reel_common.errors import TransientError
from reel_common.ledger.database import connect
from reel_common.messages.topology import Topology
from reel_common.settings import ServerSettings

PATIENCE_S = 5.0

Question = Callable[[ServerSettings], Awaitable[None]]
"""Raises OSError with the reason when the server does not do what we need of it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A server that a deployment needs; ``setting`` is the field of ``ServerSettings`` that says where it is."""

    name: str
    setting: str
    port: int
    question: Question


async def missing(settings: ServerSettings) -> list[str]:
    """A sentence for each server that is not there."""
    said = await asyncio.gather(*(_missing(kind, settings) for kind in KINDS))
    return [sentence for sentence in said if sentence]


async def _missing(kind: Kind, settings: ServerSettings) -> str:
    parts = urlsplit(str(getattr(settings, kind.setting)))
    setting = f"REEL_{kind.setting.upper()}"
    where = f"{parts.hostname}:{parts.port or kind.port}"
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or kind.port)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return f"{kind.name}: nothing answers at {where}. Start one there, or say in {setting} where it is."
    try:
        async with asyncio.timeout(2 * PATIENCE_S):
            await kind.question(settings)
    except (OSError, TimeoutError) as error:
        return f"{kind.name}: {where} answers, but not as it has to ({error or 'too slow'}). Look at {setting}."
    return ""


async def _postgres(settings: ServerSettings) -> None:
    database = connect(settings.database_url, pool=1)
    try:
        await database.read("select 1")
    except TransientError as error:
        raise OSError(error.detail) from error
    except Exception as error:  # a driver's own: no such user, password, database
        raise OSError(str(error).splitlines()[0][:200]) from error
    finally:
        await database.close()


async def _rabbitmq(settings: ServerSettings) -> None:
    async with rabbitmq.connect(settings.amqp_url, Topology({}), name="probe") as bell:
        await bell.ring([])  # returns after the first attempt
        if not await bell.healthy():
            raise OSError("user, password or virtual host")


async def _redis(settings: ServerSettings) -> None:
    parts: SplitResult = urlsplit(settings.redis_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 6379)
    try:
        if parts.password:
            user = f" {unquote(parts.username)}" if parts.username else ""
            writer.write(f"AUTH{user} {unquote(parts.password)}\r\n".encode())
            await reader.readline()
        writer.write(b"PING\r\n")
        if not (answer := await reader.readline()).startswith(b"+PONG"):
            raise OSError(answer.decode(errors="replace").strip()[:100])
    finally:
        writer.close()


async def _s3(settings: ServerSettings) -> None:
    store = serving.open_store(settings)
    try:
        await store.stat("probe")
    except TransientError as error:
        raise OSError(error.detail) from error
    finally:
        await store.close()


KINDS = (
    Kind("PostgreSQL", "database_url", 5432, _postgres),
    Kind("RabbitMQ", "amqp_url", 5672, _rabbitmq),
    Kind("Redis", "redis_url", 6379, _redis),
    Kind("S3", "s3_url", 9000, _s3),
)
"""All that the five services need."""
