"""Our flow on RabbitMQ and PostgreSQL: four worker processes, each with one kind of its own or each with all four."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import aio_pika

from reel_common import lifecycle
from reel_common.adapters import rabbitmq
from reel_common.domain.kinds import KINDS, StepKind
from reel_common.ledger import Ledger, migrate
from reel_common.messages.topology import topology
from reel_common.settings import ServerSettings
from reel_common.testing.flows import DRILL_KINDS, DRILL_RULES
from reel_common.worker import Relay
from tests.bench.client import Client, figures, relaying
from tests.bench.processes import python, several
from tests.bench.usage import Usage

DRILLS = ("drill-a", "drill-b", "drill-c", "drill-d")
LAYOUTS: dict[str, list[tuple[str, ...]]] = {"apart": [(kind,) for kind in DRILLS], "together": [DRILLS] * 4}
SLOTS = KINDS[StepKind.PLAN].slots
"""Steps at a time of each kind in a process: as planner and scriptgen have."""
START_S = 30.0


async def measure(layout: str, containers: dict[str, str], warm: int, one: int, many: int) -> dict[str, Any]:
    settings = ServerSettings()
    await migrate(settings.database_url)
    commands = {
        f"{layout}-{n}": python("tests.synthetic.service", "--kinds", ",".join(kinds))
        for n, kinds in enumerate(LAYOUTS[layout])
    }
    async with AsyncExitStack() as stack:
        processes = stack.enter_context(several(commands, {"REEL_SLOTS": str(SLOTS)}))
        book = Ledger.open(settings.database_url, rules=DRILL_RULES, kinds=DRILL_KINDS)
        stack.push_async_callback(book.close)
        bell = await stack.enter_async_context(
            rabbitmq.connect(settings.amqp_url, topology(DRILL_KINDS), name="client")
        )
        relay = await stack.enter_async_context(relaying(Relay(book, bell)))
        client = Client(book, relay, DRILLS)
        await client.listen(bell)
        await listening(settings.amqp_url, LAYOUTS[layout])
        usage = Usage([process.pid for process in processes], containers)
        return await figures(client, usage, warm, one, many)


async def listening(url: str, layout: Sequence[Sequence[str]]) -> None:
    """Returns when every process listens to each of its queues."""
    wanted = {kind: sum(kind in kinds for kinds in layout) for kind in DRILLS}
    connection = await aio_pika.connect(url)
    async with connection, asyncio.timeout(START_S):
        channel = await connection.channel()
        for kind, processes in wanted.items():
            while True:
                queue = await channel.declare_queue(DRILL_KINDS[kind].queue, passive=True)
                if (queue.declaration_result.consumer_count or 0) >= processes:
                    break
                await asyncio.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layout", choices=LAYOUTS, required=True)
    parser.add_argument("--containers", type=json.loads, default={}, help="names and ids, for their CPU time")
    parser.add_argument("--warm", type=int, default=20)
    parser.add_argument("--one", type=int, default=200)
    parser.add_argument("--many", type=int, default=500)
    args = parser.parse_args()

    async def run() -> None:
        print(json.dumps(await measure(args.layout, args.containers, args.warm, args.one, args.many)))

    lifecycle.run(run())


if __name__ == "__main__":
    main()
