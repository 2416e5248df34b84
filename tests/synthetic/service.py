"""``python -m tests.synthetic.service --kinds drill``: a worker process whose steps are empty. Servers by environment."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

from reel_common import lifecycle, logs
from reel_common.adapters import rabbitmq
from reel_common.domain.outcome import Done
from reel_common.domain.step import Claimed
from reel_common.ledger import Ledger
from reel_common.messages.topology import topology
from reel_common.ports.handler import Handler, Report
from reel_common.ports.noticeboard import Progress
from reel_common.settings import ServerSettings, WorkSettings
from reel_common.testing.flows import DRILL_KINDS, DRILL_RULES
from reel_common.worker import Options, Worker


class Silent:
    """A noticeboard that nobody reads."""

    async def record(self, note: Progress) -> None: ...

    async def read(self, job: str) -> list[Progress]:
        return []

    async def follow(self, job: str) -> AsyncIterator[Progress]:
        return
        yield

    async def close(self) -> None: ...


async def empty(_: Claimed, __: Report) -> Done:
    return Done()


def open_ledger(url: str, lease: float, pool: int) -> Ledger:
    return Ledger.open(url, pool=pool, lease=lease, rules=DRILL_RULES, kinds=DRILL_KINDS)


async def serve(kinds: list[str], handler: Handler, pool: int = 4) -> None:
    servers, work = ServerSettings(), WorkSettings()
    async with AsyncExitStack() as stack:
        open_ = partial(open_ledger, servers.database_url, work.lease_s)
        book = open_(pool)
        stack.push_async_callback(book.close)
        bell = await stack.enter_async_context(rabbitmq.connect(servers.amqp_url, topology(DRILL_KINDS), name="drill"))
        options = Options(
            slots=work.slots, poll=work.poll_s, sweep=work.sweep_s, quiet=work.sweep_s, grace=work.grace_s
        )
        handlers = dict.fromkeys(kinds, handler)
        worker = Worker(book, bell, Silent(), handlers, open_ledger=partial(open_, 1), options=options)
        await worker.run(lifecycle.stop_on_signals())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", default="drill")
    args = parser.parse_args()
    logs.configure("drill", json=True, level="warning")
    lifecycle.run(serve(args.kinds.split(","), empty))


if __name__ == "__main__":
    main()
