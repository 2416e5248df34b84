"""The same with DBOS Transact: a queued workflow of four empty steps on PostgreSQL, four worker processes.

Its queue is looked at every second unless one says otherwise; that is what a job waits for. The second figure is with
the queue looked at twenty times a second, by each process, whether there is work or not.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from dbos import DBOS, DBOSClient, WorkflowHandle

from tests.bench.client import percentiles
from tests.bench.dbos_worker import NAME, QUEUE, SLOTS
from tests.bench.processes import python, said, several

PROCESSES = 4
DEFAULT_POLL_S, EAGER_POLL_S = 1.0, 0.05
SENDERS = 8
LONGEST_S = 40.0


class Client:
    """Enqueues and waits; times are those that the database holds."""

    def __init__(self, dbos: DBOSClient) -> None:
        self._dbos = dbos

    def submit(self, _: int = 0) -> str:
        handle: WorkflowHandle[None] = self._dbos.enqueue(
            {"queue_name": QUEUE, "workflow_name": "four", "app_version": "1"}
        )
        return handle.get_workflow_id()

    def one_by_one(self, n: int) -> list[float]:
        """Milliseconds of each, sorted."""
        rows = [self._ended([self.submit()])[0] for _ in range(n)]
        return sorted(float(row.completed_at - row.created_at) for row in rows)

    def at_once(self, n: int) -> float:
        """Workflows per second."""
        with ThreadPoolExecutor(SENDERS) as senders:
            rows = self._ended(list(senders.map(self.submit, range(n))))
        took: int = max(row.completed_at for row in rows) - min(row.created_at for row in rows)
        return n * 1e3 / took

    def _ended(self, ids: Sequence[str]) -> list[Any]:
        left, rows, end = list(ids), [], time.monotonic() + LONGEST_S
        while left and time.monotonic() < end:
            # the newest of those left is asked for until it has ended, then all: a wait costs the database little
            done = self._dbos.list_workflows(workflow_ids=left[-1:], status="SUCCESS", load_input=False)
            if done:
                rows += self._dbos.list_workflows(workflow_ids=left, status="SUCCESS", load_input=False)
                ended = {row.workflow_id for row in rows}
                left = [i for i in left if i not in ended]
            time.sleep(0.005 if len(ids) == 1 else 0.05)
        if left:
            raise TimeoutError(f"{len(left)} workflows did not end")
        return rows

    def look_every(self, seconds: float) -> None:
        """From now on each worker looks at the queue so often."""
        self._dbos.register_queue(QUEUE, worker_concurrency=SLOTS, polling_interval_sec=seconds)
        time.sleep(1.5 * DEFAULT_POLL_S)  # until every worker has read it


def measure(url: str, one: int, many: int) -> dict[str, Any]:
    DBOS.migrate(url)
    names = [f"dbos-{n}" for n in range(PROCESSES)]
    with ExitStack() as stack:
        dbos = DBOSClient(system_database_url=url, application_name=NAME)
        stack.callback(dbos.destroy)
        client = Client(dbos)
        client.look_every(DEFAULT_POLL_S)
        stack.enter_context(
            several({name: python("tests.bench.dbos_worker") for name in names}, {"BENCH_DBOS_URL": url})
        )
        for name in names:
            said(name, "ready")
        client.at_once(PROCESSES * SLOTS)
        slow = client.one_by_one(max(1, one // 20))
        client.look_every(EAGER_POLL_S)
        client.at_once(PROCESSES * SLOTS)
        eager = client.one_by_one(max(1, one // 4))
        return {**percentiles(slow), "eager": percentiles(eager), "per_second": client.at_once(many)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=int, default=200)
    parser.add_argument("--many", type=int, default=500)
    args = parser.parse_args()
    print(json.dumps(measure(os.environ["BENCH_DBOS_URL"], args.one, args.many)))


if __name__ == "__main__":
    main()
