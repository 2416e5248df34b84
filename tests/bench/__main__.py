"""``python -m tests.bench [--only flow|memory] [--runs N] [--strict]``: every figure, in one go of at most six minutes."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence

from tests.bench import flow, rows
from tests.bench.memory import SERVICES
from tests.bench.processes import ROOT, MeasurementError, measured
from tests.bench.rows import Goal, Row
from tests.servers.missing import ServerMissing
from tests.servers.session import Servers

FILE = ROOT / "build" / "bench.json"
FLOW_S = 300.0
"""A run that would end later is not begun: on a slow machine there are fewer than were asked for."""
MOST_MB = {"gateway": 120.0}
MOST_MB_OF_OTHERS = 150.0


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def flow_rows(servers: Servers, runs: int) -> list[Row]:
    stage = flow.Stage.of(servers)
    tell("; ".join(server.against for server in (stage.rabbitmq, stage.postgres, stage.redis)))
    turns: list[flow.Turn] = []
    failures: dict[str, str] = {}
    begun, longest = time.monotonic(), 0.0
    while len(turns) < runs and time.monotonic() - begun + longest < FLOW_S:
        at = time.monotonic()
        tell(f"run {len(turns) + 1} of {runs}")
        figures, missing = flow.turn(stage, tell)
        turns.append(figures)
        failures |= missing
        longest = max(longest, time.monotonic() - at)
    return [each.row(turns, failures) for each in flow.comparisons()]


def memory_rows(servers: Servers) -> list[Row]:
    servers.expect(("rabbitmq", "postgres", "redis", "s3"))
    try:
        found = measured("tests.bench.memory", addresses(servers))
    except (MeasurementError, ServerMissing) as error:
        found = dict.fromkeys(SERVICES, str(error))
    return [memory_row(name, found[name]) for name in SERVICES]


def addresses(servers: Servers) -> dict[str, str]:
    """Settings that name the servers. Raises: ServerMissing."""
    stage, s3 = flow.Stage.of(servers), servers.get("s3")
    return {
        "REEL_AMQP_URL": stage.rabbitmq.fresh_vhost(),
        "REEL_DATABASE_URL": stage.postgres.fresh_database(),
        "REEL_REDIS_URL": stage.redis.fresh_url(),
        "REEL_S3_URL": f"{s3.url}/bench",  # type: ignore[attr-defined]
    }


def memory_row(name: str, found: float | str) -> Row:
    figures: Sequence[float] = () if isinstance(found, str) else (found,)
    goal = Goal(MOST_MB.get(name, MOST_MB_OF_OTHERS))
    return rows.row(f"memory {name}: idle", "MB", figures, goal=goal, why=found if isinstance(found, str) else "")


def main() -> int:
    """The exit code: 0, or with ``--strict`` 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=["flow", "memory"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--strict", action="store_true", help="a goal that is missed is a failure")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    servers, made = Servers(), []
    try:
        if args.only != "memory":
            made += flow_rows(servers, args.runs)
        if args.only != "flow":
            made += memory_rows(servers)
    except ServerMissing as error:
        tell(f"no figures: {error}")
        return 1
    finally:
        servers.close()
    print(rows.table(made))
    rows.write(made, FILE)
    return int(args.strict and any(each.met is False for each in made))


if __name__ == "__main__":
    sys.exit(main())
