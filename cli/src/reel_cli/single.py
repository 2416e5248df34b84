"""The second composition root: gateway and four workers in one process, over embedded adapters and a data folder.

The only module of the command that knows which products stand behind the ports. Who opens it holds the folder's lock,
so nothing else can be running a step of this ledger: what a killed process left is freed at once, and was no crash.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from pydantic import SecretStr

from reel_cli.exits import CommandFailedError, Exit
from reel_cli.home import Home, Server
from reel_cli.meanwhile import log_to, until_stopped
from reel_cli.settings import CliSettings
from reel_common import health, lifecycle, logs
from reel_common.adapters.embedded.bell import EmbeddedBell
from reel_common.adapters.embedded.noticeboard import EmbeddedNoticeboard
from reel_common.adapters.embedded.store import DirectoryStore
from reel_common.errors import ReelError
from reel_common.ledger import Ledger, migrate
from reel_common.ledger.library import LedgerLibrary
from reel_common.messages.topology import topology
from reel_common.metrics import Metrics
from reel_common.plugins import PluginUnusableError, Tools, load_tools
from reel_common.ports.handler import Handlers
from reel_common.ports.sandbox import Sandbox
from reel_common.settings import ToolSettings, WorkSettings
from reel_common.worker import Options as Pace
from reel_common.worker import Relay, Worker
from reel_common.worker.collector import collect
from reel_common.worker.sweeper import Sweeper
from reel_composer.service import Composer
from reel_executor.runner.local import open_local
from reel_executor.runner.settings import settings_from
from reel_executor.runner.spool import Keeping
from reel_executor.service import Executor
from reel_gateway.app import create_app
from reel_gateway.dependencies import Dependencies
from reel_gateway.listening import AddressTakenError, bind, is_loopback, kept_token, served, url_of
from reel_gateway.settings import GatewaySettings
from reel_planner.service import Planner
from reel_scriptgen.service import Scriptgen


@dataclass(frozen=True, slots=True)
class Options:
    """What differs between ``reel up`` and a command that brings all of it along.

    ``token``: empty for none on loopback, and one kept in the folder elsewhere. ``work``: without it jobs can be seen
    and changed, and nothing goes on. ``passing``: its words go into the folder's log, and others do not count on it.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    work: bool = True
    passing: bool = False
    grace_s: float | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """``new_token``: it was made just now, and nobody has seen it. ``sandbox`` is what it says of itself."""

    url: str
    token: str
    new_token: bool
    sandbox: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Ports:
    book: Ledger
    bell: EmbeddedBell
    board: EmbeddedNoticeboard
    store: DirectoryStore
    library: LedgerLibrary
    relay: Relay
    metrics: Metrics


@asynccontextmanager
async def opened(settings: CliSettings, options: Options) -> AsyncIterator[Running]:
    """All of it, at work inside of the block; the folder has to be locked. Raises: CommandFailedError."""
    home, pace = settings.folder, WorkSettings(spool=settings.folder.spool)
    logs.configure("reel", level=pace.log_level)
    async with AsyncExitStack() as stack:
        if options.passing:
            log_to(home.log)
        listening = stack.enter_context(contextlib.closing(_bound(options)))
        token, is_new = _token(home, options, loopback=is_loopback(listening))
        ports = await _ports(home, pace, stack)
        sandbox: Mapping[str, str] = {}
        if options.work:
            sandbox = await _work(home, pace, options, ports, stack)
            await stack.enter_async_context(lifecycle.beside(partial(collect, ports.library, pace.collect_age_s)))
        url = url_of(listening)
        await _gateway(ports, _gateway_settings(home, options, token), sandbox, listening, stack)
        if not options.passing:
            checks: dict[str, health.Check] = {"bell": ports.bell.healthy}
            own = health.serve(pace.health_port, checks, ports.metrics, pace.health_host)
            await stack.enter_async_context(own)
        home.announce(Server(url, os.getpid(), token, options.passing))
        stack.callback(home.withdraw)
        yield Running(url, token, is_new, sandbox)


# the ports


async def _ports(home: Home, pace: WorkSettings, stack: AsyncExitStack) -> _Ports:
    try:
        await migrate(home.database_url)
    except Exception as error:  # the file is damaged, or of a version to come
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CommandFailedError(Exit.FAILED, f"The ledger in {home.root} cannot be used.", detail) from error
    book = Ledger.open(home.database_url, lease=pace.lease_s)
    stack.push_async_callback(book.close)
    bell = EmbeddedBell(topology(book.kinds))
    stack.push_async_callback(bell.close)
    board = EmbeddedNoticeboard()
    stack.push_async_callback(board.close)
    store = DirectoryStore(home.store)
    stack.push_async_callback(store.close)
    relay, metrics = Relay(book, bell), Metrics()
    await stack.enter_async_context(lifecycle.beside(relay.run))
    stack.push_async_callback(relay.flush)
    for outcome in await book.free_all():
        relay.announce(outcome)
    await Sweeper(book, relay, metrics, every=pace.sweep_s, quiet=0.0).once()  # rings for all that is ready
    return _Ports(book, bell, board, store, LedgerLibrary(book.database, store), relay, metrics)


def _bound(options: Options) -> socket.socket:
    try:
        return bind(options.host, options.port)
    except AddressTakenError as error:
        hint = "--port takes another one, --port 0 a free one."
        raise CommandFailedError(Exit.FAILED, f"reel {error}.", hint=hint) from error


def _token(home: Home, options: Options, *, loopback: bool) -> tuple[str, bool]:
    """The token that requests have to carry, empty for none, and whether nobody knows it yet."""
    if options.token or loopback:
        return options.token, False
    return kept_token(home.root / "token")


# the gateway


def _gateway_settings(home: Home, options: Options, token: str) -> GatewaySettings:
    """A passing server is reached by nobody but us, whatever others are told of the one that stays."""
    settings = GatewaySettings(host=options.host, port=options.port, token=SecretStr(token), spool=home.spool)
    return settings.model_copy(update={"public_url": ""}) if options.passing else settings


async def _gateway(
    ports: _Ports,
    settings: GatewaySettings,
    sandbox: Mapping[str, str],
    listening: socket.socket,
    stack: AsyncExitStack,
) -> None:
    deps = Dependencies.of(
        ledger=ports.book,
        library=ports.library,
        store=ports.store,
        noticeboard=ports.board,
        announcer=ports.relay.announce,
        settings=settings,
        tools=_tools(),
        checks={"bell": ports.bell.healthy},
        adapters={
            "ledger": "sqlite",
            "bell": "embedded",
            "store": "directory",
            "noticeboard": "embedded",
            "sandbox": sandbox.get("adapter", "none"),
        },
    )
    await ports.bell.listen_hints(deps.wake.tell)
    await stack.enter_async_context(served(create_app(deps), listening))
    stack.callback(deps.wake.close)  # or streams of events would hold up the end


# the work


async def _work(
    home: Home, pace: WorkSettings, options: Options, ports: _Ports, stack: AsyncExitStack
) -> Mapping[str, str]:
    """Four services' handlers on one worker. Returns what the sandbox says of itself."""
    sandbox = await _sandbox(home, stack)
    handlers = _handlers(ports, sandbox, pace)
    grace = pace.grace_s if options.grace_s is None else options.grace_s
    worker = Worker(
        ports.book,
        ports.bell.beside(),
        ports.board,
        handlers,
        open_ledger=partial(Ledger.open, home.database_url, lease=pace.lease_s),
        relay=ports.relay,
        metrics=ports.metrics,
        options=Pace(slots=pace.slots, poll=pace.poll_s, sweep=pace.sweep_s, quiet=pace.sweep_s, grace=grace),
    )
    await stack.enter_async_context(until_stopped(worker))
    return await sandbox.describe()


async def _sandbox(home: Home, stack: AsyncExitStack) -> Sandbox:
    for leavings in (
        home.spool / "out",
        home.spool / "scratch" / "executor",
        home.spool / "scratch" / "composer",
    ):  # of a killed process: whoever wanted them is gone
        shutil.rmtree(leavings, ignore_errors=True)
    try:
        chosen = settings_from({**os.environ, "REEL_SPOOL": str(home.spool)})
        sandbox = await open_local(
            chosen.spool,
            sandbox=chosen.sandbox,
            image=chosen.image,
            slots=chosen.slots,
            keeping=Keeping(budget_bytes=chosen.budget_bytes),
        )
    except ReelError as error:
        raise CommandFailedError(Exit.FAILED, "Programs cannot be run here.", error.detail) from error
    stack.push_async_callback(sandbox.close)
    return sandbox


def _tools() -> Tools:
    try:
        return load_tools(ToolSettings().tools)
    except PluginUnusableError as error:
        raise CommandFailedError(Exit.FAILED, "A tool that is enabled cannot be used.", str(error)) from error


def _handlers(ports: _Ports, sandbox: Sandbox, pace: WorkSettings) -> Handlers:
    tools = _tools()
    store, library = ports.store, ports.library
    return {
        **Planner(library=library, store=store, tools=tools).handlers(),
        **Scriptgen(library=library, store=store, tools=tools).handlers(),
        **Executor(
            store=store, library=library, sandbox=sandbox, scratch=pace.scratch("executor"), tools=tools
        ).handlers(),
        **Composer(store=store, sandbox=sandbox, scratch=pace.scratch("composer")).handlers(),
    }
