"""What the full deployment's services have in common: the servers, opened together, and a worker run on them.

For ``__main__`` modules only; the services themselves know ports.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote, urlsplit

from reel_common import health, lifecycle, logs
from reel_common.adapters import rabbitmq, redis, s3
from reel_common.ledger import Ledger
from reel_common.ledger.library import LedgerLibrary
from reel_common.messages.topology import topology
from reel_common.metrics import Metrics
from reel_common.ports.bell import Bell
from reel_common.ports.handler import Handlers
from reel_common.ports.noticeboard import Noticeboard
from reel_common.ports.store import ObjectStore
from reel_common.settings import ServerSettings, WorkSettings
from reel_common.worker import Options, Worker
from reel_common.worker.collector import collect


@dataclass(frozen=True, slots=True)
class Servers:
    """The ports over the servers of this deployment."""

    book: Ledger
    bell: Bell
    store: ObjectStore
    board: Noticeboard
    library: LedgerLibrary
    open_ledger: Callable[[], Ledger]


def open_store(settings: ServerSettings) -> ObjectStore:
    """The object store that ``s3_url`` names: ``http(s)://access:secret@host:port/bucket``."""
    parts = urlsplit(settings.s3_url)
    return s3.connect(
        f"{parts.scheme}://{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}",
        parts.path.strip("/") or "reel",
        access_key=unquote(parts.username or ""),
        secret_key=unquote(parts.password or ""),
        public_url=settings.s3_public_url,
    )


@asynccontextmanager
async def connected(name: str, settings: ServerSettings, lease: float) -> AsyncIterator[Servers]:
    """Opens every server's adapter; none of them has to be up yet."""
    async with AsyncExitStack() as stack:
        open_ledger = partial(Ledger.open, settings.database_url, lease=lease)
        book = open_ledger()
        stack.push_async_callback(book.close)
        bell = await stack.enter_async_context(rabbitmq.connect(settings.amqp_url, topology(book.kinds), name=name))
        store = open_store(settings)
        stack.push_async_callback(store.close)
        board = redis.connect(settings.redis_url)
        stack.push_async_callback(board.close)
        yield Servers(book, bell, store, board, LedgerLibrary(book.database, store), partial(open_ledger, pool=1))


MakeHandlers = Callable[[Servers, WorkSettings, AsyncExitStack], Handlers]


async def work(name: str, make_handlers: MakeHandlers) -> None:
    """Runs a worker service until it is asked to stop."""
    settings = WorkSettings()
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(connected(name, ServerSettings(), settings.lease_s))
        handlers = make_handlers(servers, settings, stack)
        options = Options(
            slots=settings.slots,
            poll=settings.poll_s,
            sweep=settings.sweep_s,
            quiet=settings.sweep_s,
            grace=settings.grace_s,
        )
        worker = Worker(
            servers.book,
            servers.bell,
            servers.board,
            handlers,
            open_ledger=servers.open_ledger,
            metrics=metrics,
            options=options,
        )
        checks: dict[str, health.Check] = {
            "ledger": partial(ledger_answers, servers.book),
            "bell": servers.bell.healthy,
        }
        await stack.enter_async_context(health.serve(settings.health_port, checks, metrics, settings.health_host))
        collecting = partial(collect, servers.library, settings.collect_age_s)
        await stack.enter_async_context(lifecycle.beside(collecting))
        await worker.run(lifecycle.stop_on_signals())


async def ledger_answers(book: Ledger) -> bool:
    """Whether the database can be asked now, and has a schema."""
    async with asyncio.timeout(2):
        await book.backlog()
    return True


def run(name: str, make_handlers: MakeHandlers) -> None:
    """The whole of a worker service's ``main``."""
    logs.configure(name, level=WorkSettings().log_level)
    lifecycle.run(work(name, make_handlers))
