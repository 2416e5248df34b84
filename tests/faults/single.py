"""The composition root of a single process: everything on a SQLite file and the embedded bell, asking included."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from reel_common import lifecycle
from reel_common.adapters.embedded.bell import EmbeddedBell
from reel_common.adapters.embedded.noticeboard import EmbeddedNoticeboard
from reel_common.ledger import Ledger
from reel_common.messages.topology import topology
from reel_common.metrics import Metrics
from reel_common.settings import ServerSettings, WorkSettings
from reel_common.testing.flows import DRILL_KINDS, DRILL_RULES
from reel_common.worker import Options, Relay, Worker
from reel_common.worker.sweeper import Sweeper
from tests.faults import acts
from tests.faults.drills import drill
from tests.faults.gateway import Gateway, Journal
from tests.faults.setup import Setup


async def serve_alone(setup: Setup) -> None:
    work = WorkSettings()
    open_ledger = partial(
        Ledger.open, ServerSettings().database_url, lease=work.lease_s, rules=DRILL_RULES, kinds=DRILL_KINDS
    )
    async with AsyncExitStack() as stack:
        book = open_ledger()
        stack.push_async_callback(book.close)
        bell = EmbeddedBell(topology(DRILL_KINDS))
        stack.push_async_callback(bell.close)
        relay, metrics = Relay(book, bell), Metrics()
        running = asyncio.create_task(relay.run())
        stack.callback(running.cancel)
        for outcome in await book.free_all():
            relay.announce(outcome)
        await Sweeper(book, relay, metrics, every=work.sweep_s, quiet=0.0).once()
        worker = Worker(
            book, bell.beside(), EmbeddedNoticeboard(), {"drill": drill(book.database)}, open_ledger=open_ledger,
            relay=relay, metrics=metrics, options=Options(slots=8, sweep=work.sweep_s, quiet=work.sweep_s, grace=work.grace_s),
        )  # fmt: skip
        given = setup.options
        gateway = Gateway(book, None, relay, acts.read(Path(given["acts"])), Journal(Path(given["journal"])))
        asking = asyncio.create_task(gateway.run(float(given["begun"])))
        stack.callback(asking.cancel)
        await worker.run(lifecycle.stop_on_signals())
