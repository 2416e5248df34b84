"""Our flow in a single process: one worker, SQLite, the embedded bell."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from reel_common import lifecycle
from reel_common.adapters.embedded.bell import EmbeddedBell
from reel_common.ledger import Ledger, migrate
from reel_common.messages.topology import topology
from reel_common.testing.flows import DRILL_KINDS, DRILL_RULES
from reel_common.worker import Options, Worker
from tests.bench.client import Client, figures
from tests.bench.ours import DRILLS, SLOTS
from tests.bench.processes import LOGS
from tests.bench.usage import Usage
from tests.synthetic.service import Silent, empty


async def measure(folder: Path, warm: int, one: int, many: int) -> dict[str, Any]:
    url = f"sqlite:///{folder / 'ledger.db'}"
    await migrate(url)

    def open_ledger() -> Ledger:
        return Ledger.open(url, rules=DRILL_RULES, kinds=DRILL_KINDS)

    book, bell, stop = open_ledger(), EmbeddedBell(topology(DRILL_KINDS)), asyncio.Event()
    worker = Worker(
        book, bell, Silent(), dict.fromkeys(DRILLS, empty), open_ledger=open_ledger, options=Options(slots=SLOTS)
    )
    working = asyncio.create_task(worker.run(stop))
    try:
        client = Client(book, worker.relay, DRILLS)
        await client.listen(bell)
        return await figures(client, Usage([], {}), warm, one, many)
    finally:
        stop.set()
        await working
        await bell.close()
        await book.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=LOGS, help="where the database is made: on a disk")
    parser.add_argument("--warm", type=int, default=20)
    parser.add_argument("--one", type=int, default=200)
    parser.add_argument("--many", type=int, default=500)
    args = parser.parse_args()

    async def run() -> None:
        args.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            print(json.dumps(await measure(Path(folder), args.warm, args.one, args.many)))

    lifecycle.run(run())


if __name__ == "__main__":
    main()
