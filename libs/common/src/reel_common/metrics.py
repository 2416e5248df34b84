"""What is counted and measured, in a registry of its own per process. Labels hold kinds, never owners, prompts or ids."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800)


class Metrics:
    """``text`` is what a scraper gets."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.steps = Counter("reel_steps", "Steps that ended here", ["kind", "outcome"], registry=self.registry)
        self.seconds = Histogram(
            "reel_step_seconds", "Wall time of a step", ["kind"], registry=self.registry, buckets=_BUCKETS
        )
        self.revivals = Counter("reel_revivals", "What the sweeper revived", ["what"], registry=self.registry)
        self.rung_again = Counter("reel_rung_again", "Orders that the sweeper rang", registry=self.registry)
        self._backlog = Gauge("reel_backlog", "Steps in the ledger", ["kind", "state"], registry=self.registry)
        self._oldest = Gauge(
            "reel_backlog_oldest_seconds", "Age of the oldest", ["kind", "state"], registry=self.registry
        )

    def backlog(self, rows: Sequence[tuple[str, str, int, float]]) -> None:
        """(kind, state, how many, age in seconds of the oldest)."""
        self._backlog.clear()
        self._oldest.clear()
        for kind, state, n, oldest in rows:
            self._backlog.labels(kind, state).set(n)
            self._oldest.labels(kind, state).set(oldest)

    def text(self) -> bytes:
        return generate_latest(self.registry)
