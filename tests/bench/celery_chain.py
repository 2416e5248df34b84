"""The same with Celery: a chain of four empty tasks, four worker processes, a classic queue, results in Redis.

It is faster and does less: a worker that is killed makes it do work twice, and a chain whose message is lost stops.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from celery import chain
from celery.exceptions import TimeoutError as CeleryTimeout

from tests.bench.celery_app import app, empty
from tests.bench.client import percentiles
from tests.bench.processes import python, several
from tests.bench.usage import Usage, a_job

PROCESSES = 4
HEARING_S = 0.05
LONGEST_S = 40.0


def submit() -> Any:
    return chain(*(empty.s() for _ in range(4))).apply_async()


def ended(result: Any) -> datetime:
    """Waits for the end of the chain; when that was, by the worker's clock. What Celery does not hear of is asked for."""
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        with suppress(CeleryTimeout):
            result.get(timeout=HEARING_S)
        if result.ready():
            at: datetime = result.date_done
            return at if at.tzinfo else at.replace(tzinfo=UTC)
    raise TimeoutError("a chain did not end")


def one_by_one(n: int) -> list[float]:
    """Milliseconds of each, from before it is sent to when its last result is made; sorted."""
    took = []
    for _ in range(n):
        begun = datetime.now(UTC)
        took.append((ended(submit()) - begun).total_seconds() * 1e3)
    return sorted(took)


def at_once(n: int) -> float:
    """Chains per second, from before the first is sent to when the last result is made."""
    begun = datetime.now(UTC)
    results = [submit() for _ in range(n)]
    return n / (max(map(ended, results)) - begun).total_seconds()


def measure(containers: dict[str, str], warm: int, one: int, many: int) -> dict[str, Any]:
    options = ["--concurrency", str(PROCESSES), "--pool", "prefork", "--loglevel", "ERROR"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = python("celery", "--app", "tests.bench.celery_app", "worker", *options, *quiet)
    with several({"celery": worker}, {}) as processes, app:
        one_by_one(warm)
        at_once(2 * warm)
        single = one_by_one(one)
        usage = Usage([process.pid for process in processes], containers)
        before = usage.now()
        rate = at_once(many)
        return {**percentiles(single), "per_second": rate, "cpu_ms": a_job(before, usage.now(), many)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--containers", type=json.loads, default={}, help="names and ids, for their CPU time")
    parser.add_argument("--warm", type=int, default=20)
    parser.add_argument("--one", type=int, default=200)
    parser.add_argument("--many", type=int, default=500)
    args = parser.parse_args()
    print(json.dumps(measure(args.containers, args.warm, args.one, args.many)))


if __name__ == "__main__":
    main()
