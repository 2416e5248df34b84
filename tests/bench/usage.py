"""CPU time, which says what a job costs even on a machine that is busy with other things."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker

_TICKS = os.sysconf("SC_CLK_TCK")


class Usage:
    """Seconds of CPU by name: of this process (``client``), of those it started (``workers``), of containers."""

    def __init__(self, workers: Iterable[int], containers: Mapping[str, str]) -> None:
        self._workers = tuple(workers)
        engine = docker.from_env() if containers else None
        self._containers = {name: engine.containers.get(i) for name, i in containers.items()} if engine else {}

    def now(self) -> dict[str, float]:
        seconds = {
            "client": _seconds_of([os.getpid()]),
            "workers": _seconds_of(each for worker in self._workers for each in tree(worker)),
        }
        for name, container in self._containers.items():
            said: Any = container.stats(stream=False, one_shot=True)
            seconds[name] = said["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
        return seconds


def a_job(before: Mapping[str, float], after: Mapping[str, float], jobs: int) -> dict[str, float]:
    """Milliseconds of CPU per job, by name and in ``all``."""
    each = {name: round((after[name] - before[name]) * 1e3 / jobs, 2) for name in before}
    return {**each, "all": round(sum(each.values()), 2)}


def _seconds_of(processes: Iterable[int]) -> float:
    ticks = 0
    for process in processes:
        with suppress(OSError):  # it has ended
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def tree(root: int) -> list[int]:
    """A process and those that it started, and so on: a pool of workers is one of those."""
    found = [root]
    for process in found:
        with suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
    return found
