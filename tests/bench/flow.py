"""The flow's rows: ours in three layouts and two peers, taking turns on the same servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tests.bench.processes import MeasurementError, measured
from tests.bench.rows import Goal, Row, row
from tests.servers.postgres import Postgres, dsn_of
from tests.servers.rabbitmq import RabbitMq
from tests.servers.redis import RedisServer
from tests.servers.server import Server
from tests.servers.session import Servers

NEEDS = ("rabbitmq", "postgres", "redis")
CELERY, DBOS = "Celery chain", "DBOS queued workflow"

Figures = Mapping[str, Any]
Turn = Mapping[str, Figures]
"""What one run gave, by measurement; one that failed is not in it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers, and what there is to be new for each measurement."""

    rabbitmq: RabbitMq
    postgres: Postgres
    redis: RedisServer

    @classmethod
    def of(cls, servers: Servers) -> Stage:
        """Raises: ServerMissing."""
        servers.expect(NEEDS)
        return cls(*(cast("Any", servers.get(name)) for name in NEEDS))

    def ours(self, layout: str) -> Figures:
        vhost, database = self.rabbitmq.fresh_vhost(), self.postgres.fresh_database()
        settings = {"REEL_AMQP_URL": vhost, "REEL_DATABASE_URL": database}
        containers = _containers(rabbitmq=self.rabbitmq, postgres=self.postgres)
        try:
            return measured("tests.bench.ours", settings, "--layout", layout, "--containers", containers)
        finally:
            self.rabbitmq.drop_vhost(vhost)
            self.postgres.drop_database(database)

    def celery(self) -> Figures:
        vhost = self.rabbitmq.fresh_vhost()
        settings = {"BENCH_AMQP_URL": vhost, "BENCH_REDIS_URL": self.redis.fresh_url()}
        containers = _containers(rabbitmq=self.rabbitmq, redis=self.redis)
        try:
            return measured("tests.bench.celery_chain", settings, "--containers", containers)
        finally:
            self.rabbitmq.drop_vhost(vhost)

    def dbos(self) -> Figures:
        database = self.postgres.fresh_database()
        try:
            return measured("tests.bench.dbos_queue", {"BENCH_DBOS_URL": dsn_of(database)})
        finally:
            self.postgres.drop_database(database)

    def turns(self) -> dict[str, Callable[[], Figures]]:
        """In the order in which they are measured: what is compared lies side by side."""
        return {
            "apart": lambda: self.ours("apart"),
            "celery": self.celery,
            "together": lambda: self.ours("together"),
            "alone": lambda: measured("tests.bench.alone"),
            "dbos": self.dbos,
        }


def _containers(**servers: Server) -> str:
    return json.dumps({name: str(s.contained.container.id) for name, s in servers.items() if s.contained})


def turn(stage: Stage, tell: Callable[[str], None]) -> tuple[Turn, dict[str, str]]:
    """One run of everything: the figures, and why some are missing."""
    figures: dict[str, Figures] = {}
    failures: dict[str, str] = {}
    for name, measure in stage.turns().items():
        try:
            figures[name] = measure()
        except MeasurementError as error:
            failures[name] = str(error)
        tell(f"{name}: {failures.get(name) or _in_short(figures[name])}")
    return figures, failures


def _in_short(figures: Figures) -> str:
    cpu = figures.get("cpu_ms", {})
    spent = (
        f", CPU {cpu['all']:.1f} ms a job ({', '.join(f'{k} {v:.1f}' for k, v in cpu.items() if k != 'all')})"
        if cpu
        else ""
    )
    return f"p50 {figures['p50']:.1f} ms, p95 {figures['p95']:.1f} ms, {figures['per_second']:.0f}/s{spent}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row to be: a figure of ours beside a peer's."""

    name: str
    unit: str
    ours: str
    figure: Callable[[Figures], float]
    peer: str = ""
    peer_name: str | None = None
    peer_figure: Callable[[Figures], float] | None = None
    goal: Goal | None = None

    def row(self, turns: Sequence[Turn], failures: Mapping[str, str]) -> Row:
        both = [t for t in turns if self.ours in t and (not self.peer or self.peer in t)]
        having = both or [t for t in turns if self.ours in t]
        theirs = self.peer_figure or self.figure
        return row(
            self.name,
            self.unit,
            [self.figure(t[self.ours]) for t in having],
            self.peer_name,
            [theirs(t[self.peer]) for t in both] if self.peer else (),
            self.goal,
            failures.get(self.ours, ""),
        )


def p50(figures: Figures) -> float:
    return float(figures["p50"])


def p95(figures: Figures) -> float:
    return float(figures["p95"])


def per_second(figures: Figures) -> float:
    return float(figures["per_second"])


def cpu(figures: Figures) -> float:
    return float(figures["cpu_ms"]["all"])


def comparisons() -> list[Comparison]:
    """Goals are those of the design; the trial before it reached 19.1 ms, 0.39, 0.56 and 0.32."""
    titles = {"apart": "a kind a process", "together": "all kinds in each process", "alone": "single process, SQLite"}
    ratios = {"apart": 0.4, "together": 0.55, "alone": 0.4}
    rows = []
    for layout, title in titles.items():
        latency = None if layout == "together" else Goal(20)
        rate = Goal(ratios[layout], of="ratio", at_least=True)
        beside: dict[str, Any] = {"ours": layout, "peer": "celery", "peer_name": CELERY}
        rows += [
            Comparison(f"flow {title}: one by one, p50", "ms", figure=p50, goal=latency, **beside),
            Comparison(f"flow {title}: one by one, p95", "ms", figure=p95, **beside),
            Comparison(f"flow {title}: 500 at once", "jobs/s", figure=per_second, goal=rate, **beside),
            Comparison(f"flow {title}: CPU time a job", "ms", figure=cpu, **beside),
        ]
    return rows + against_dbos()


def against_dbos() -> list[Comparison]:
    better = Goal(1, of="ratio")
    queued: dict[str, Any] = {"ours": "apart", "peer": "dbos", "peer_name": f"{DBOS}, looked for every 1 s"}
    eager: dict[str, Any] = {**queued, "peer_name": f"{DBOS}, looked for every 50 ms"}
    return [
        Comparison("flow a kind a process: one by one, p50, beside DBOS", "ms", figure=p50, goal=better, **queued),
        Comparison(
            "flow a kind a process: one by one, p50, beside eager DBOS",
            "ms",
            figure=p50,
            peer_figure=lambda theirs: p50(theirs["eager"]),
            **eager,
        ),
        Comparison("flow a kind a process: 500 at once, beside eager DBOS", "jobs/s", figure=per_second, **eager),
    ]
