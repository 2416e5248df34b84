"""A process that works on a DBOS queue: a workflow of four empty steps."""

from __future__ import annotations

import os
import signal
import threading

from dbos import DBOS, DBOSConfig

NAME, QUEUE = "bench", "drills"
SLOTS = 16
"""Workflows at a time in a process."""


@DBOS.step()
def empty() -> None: ...


@DBOS.workflow(name="four")
def four() -> None:
    for _ in range(4):
        empty()


def config() -> DBOSConfig:
    return {
        "name": NAME,
        "system_database_url": os.environ["BENCH_DBOS_URL"],
        "application_version": "1",
        "executor_id": str(os.getpid()),
        "log_level": "ERROR",
        "enable_otlp": False,
    }


def main() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    DBOS(config=config())
    DBOS.launch()
    print("ready", flush=True)
    stop.wait()
    DBOS.destroy()


if __name__ == "__main__":
    main()
