"""Test-only composition roots: the processes of a run, of the product's own parts, on servers named by environment.

Two things can be made worse than in the product: everything can be rung twice, and the sweeper can be taken out.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import reel_composer.__main__
import reel_executor.__main__
import reel_planner.__main__
import reel_scriptgen.__main__
from reel_common import health, lifecycle, logs
from reel_common.adapters import rabbitmq, redis, serving
from reel_common.domain.flow import RULES
from reel_common.domain.kinds import KINDS
from reel_common.ledger import Ledger
from reel_common.ledger.library import LedgerLibrary
from reel_common.messages.envelope import Envelope
from reel_common.messages.topology import topology
from reel_common.metrics import Metrics
from reel_common.ports.bell import Bell, OnHint, OnRing
from reel_common.ports.handler import Handlers
from reel_common.settings import ServerSettings, WorkSettings
from reel_common.testing.flows import DRILL_KINDS, DRILL_RULES
from reel_common.worker import Options, Relay, Worker
from tests.faults import acts
from tests.faults.drills import SLEEP_S, deadly, drill, sleeper
from tests.faults.gateway import Gateway, Journal
from tests.faults.setup import Setup
from tests.faults.single import serve_alone

LONGEST_S = 2.0
"""Of a drill: long enough for a few to be at work whenever a process dies."""
ALL_RULES, ALL_KINDS = {**RULES, **DRILL_RULES}, {**KINDS, **DRILL_KINDS}


def begin(setup: Setup) -> None:
    """The whole life of a process."""
    os.environ.update(setup.settings)
    said = os.open(setup.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(said, descriptor)
    logs.configure(setup.name, json=True, level="warning")
    faulthandler.register(signal.SIGUSR2)
    lifecycle.run(serve_alone(setup) if setup.role == "single" else serve(setup))


def tell_where_you_are() -> None:
    """For a process that hangs: SIGUSR1 makes it write down where its tasks are, SIGUSR2 where its threads are."""
    for task in asyncio.all_tasks():
        task.print_stack(file=sys.stderr)


async def serve(setup: Setup) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell_where_you_are)
    settings, work = ServerSettings(), WorkSettings()
    async with AsyncExitStack() as stack:
        open_ledger = partial(Ledger.open, settings.database_url, lease=work.lease_s, rules=ALL_RULES, kinds=ALL_KINDS)
        book = open_ledger()
        stack.push_async_callback(book.close)
        bell: Bell = await stack.enter_async_context(
            rabbitmq.connect(settings.amqp_url, topology(ALL_KINDS), name=setup.name)
        )
        store, board = serving.open_store(settings), redis.connect(settings.redis_url)
        stack.push_async_callback(store.close)
        stack.push_async_callback(board.close)
        servers = serving.Servers(
            book, Twice(bell) if setup.twice else bell, store, board, LedgerLibrary(book.database, store),
            partial(open_ledger, pool=1),
        )  # fmt: skip
        if setup.role == "gateway":
            await ask(setup, servers)
        else:
            await work_on(setup, servers, work, HANDLERS[setup.role](servers, work, stack), stack)


async def work_on(
    setup: Setup, servers: serving.Servers, work: WorkSettings, handlers: Handlers, stack: AsyncExitStack
) -> None:
    options = Options(slots=work.slots, poll=work.poll_s, sweep=work.sweep_s, quiet=work.sweep_s, grace=work.grace_s)
    metrics = Metrics()
    worker = Worker(
        servers.book, servers.bell, servers.board, handlers, open_ledger=servers.open_ledger, metrics=metrics,
        options=options,
    )  # fmt: skip
    if not setup.sweeps:
        worker.sweeper.once = nothing  # type: ignore[method-assign]
    await stack.enter_async_context(health.serve(work.health_port, {}, metrics))
    await worker.run(lifecycle.stop_on_signals())


async def ask(setup: Setup, servers: serving.Servers) -> None:
    """Asks for all, and then stays until it is stopped."""
    relay = Relay(servers.book, servers.bell)
    given = setup.options
    gateway = Gateway(
        servers.book, servers.library, relay, acts.read(Path(given["acts"])), Journal(Path(given["journal"]))
    )
    stop = lifecycle.stop_on_signals()
    async with asyncio.TaskGroup() as group:  # a mistake in here ends the process, and the run calls that a fault
        tasks = [group.create_task(relay.run()), group.create_task(gateway.run(float(given["begun"])))]
        await stop.wait()
        await relay.flush()
        for task in tasks:
            task.cancel()


async def nothing() -> None:
    """What a sweeper does that was taken out."""


def _drills(servers: serving.Servers, _: WorkSettings, __: AsyncExitStack) -> Handlers:
    return {"drill": drill(servers.book.database, longest=LONGEST_S)}


HANDLERS: Mapping[str, Callable[[serving.Servers, WorkSettings, AsyncExitStack], Handlers]] = {
    "drill": _drills,
    "sleeper": lambda _, __, ___: {"drill": sleeper(SLEEP_S)},
    "deadly": lambda servers, _, __: {"drill": deadly(servers.book.database)},
    "planner": reel_planner.__main__.handlers,
    "scriptgen": reel_scriptgen.__main__.handlers,
    "executor": reel_executor.__main__.handlers,
    "composer": reel_composer.__main__.handlers,
}


class Twice:
    """A bell that sends every message twice."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell

    async def ring(self, orders: Sequence[Envelope]) -> None:
        await self._bell.ring(orders)
        await self._bell.ring(orders)

    async def hint(self, facts: Sequence[Envelope]) -> None:
        await self._bell.hint([*facts, *facts])

    async def listen(self, queues: Sequence[str], on_ring: OnRing) -> None:
        await self._bell.listen(queues, on_ring)

    async def listen_hints(self, on_hint: OnHint, types: Collection[str] = ()) -> None:
        await self._bell.listen_hints(on_hint, types)

    async def ready(self) -> None:
        await self._bell.ready()

    async def healthy(self) -> bool:
        return await self._bell.healthy()

    async def close(self) -> None:
        await self._bell.close()
