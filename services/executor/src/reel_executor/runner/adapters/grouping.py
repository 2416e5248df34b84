"""Where this process may make control groups, and those that hold one program to its limits."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reel_common.domain.program import Limits
from reel_executor.runner.warden.orders import Group

_MOUNT, _SELF = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_PERIOD = 100_000
"""Microseconds in which a share of the cores is given out."""


@dataclass(frozen=True, slots=True)
class FirstGroups:
    """Version 1: a tree for each controller."""

    memory: Path
    pids: Path
    cpu: Path | None

    def bounds(self, limits: Limits, more_processes: int) -> list[Group]:
        """``more_processes`` are those of the sandbox itself."""
        name, memory = f"reel-{uuid.uuid4().hex}", str(limits.memory_bytes)
        groups = [
            _group(self.memory / name, {"memory.limit_in_bytes": memory}, {"memory.memsw.limit_in_bytes": memory}),
            _group(self.pids / name, {"pids.max": str(limits.processes + more_processes)}, {}),
        ]
        if limits.cpus and self.cpu:
            share = {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": str(int(limits.cpus * _PERIOD))}
            groups.append(_group(self.cpu / name, {}, share))
        return groups


@dataclass(frozen=True, slots=True)
class SecondGroups:
    """Version 2: one tree for all."""

    parent: Path

    def bounds(self, limits: Limits, more_processes: int) -> list[Group]:
        """``more_processes`` are those of the sandbox itself."""
        values = {"memory.max": str(limits.memory_bytes), "pids.max": str(limits.processes + more_processes)}
        optional = {"memory.swap.max": "0", "memory.oom.group": "1"}
        if limits.cpus:
            optional["cpu.max"] = f"{int(limits.cpus * _PERIOD)} {_PERIOD}"
        return [_group(self.parent / f"reel-{uuid.uuid4().hex}", values, optional)]


Groups = FirstGroups | SecondGroups


def find_groups(mount: Path = _MOUNT, own: Path = _SELF) -> Groups | None:
    """Where we may make control groups that bound memory and processes; nowhere for most ordinary users."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return None
    paths = {controller: path.lstrip("/") for _, names, path in lines for controller in names.split(",")}
    second = _usable(_second_candidates(mount, paths.get("", "")), "memory.max", "pids.max")
    if second is not None:
        return SecondGroups(second)
    memory, pids, cpu = (
        _usable((mount / c / paths[c], mount / c), probe) if c in paths else None
        for c, probe in (("memory", "memory.limit_in_bytes"), ("pids", "pids.max"), ("cpu", "cpu.cfs_quota_us"))
    )
    return FirstGroups(memory, pids, cpu) if memory and pids else None


def _group(folder: Path, values: dict[str, str], optional: dict[str, str]) -> Group:
    return {"folder": str(folder), "values": values, "optional": optional}


def _second_candidates(mount: Path, path: str) -> Iterator[Path]:
    """Our own group, if it holds no process itself; else the one above it, if it was left to us; else the top."""
    if (mount / "cgroup.controllers").exists():
        own = mount / path
        yield from dict.fromkeys((own, own.parent if own != mount else mount, mount))


def _usable(candidates: Iterator[Path] | tuple[Path, ...], *files: str) -> Path | None:
    for parent in candidates:
        trial = parent / f"reel-trial-{uuid.uuid4().hex}"
        try:
            trial.mkdir()
        except OSError:
            continue
        try:
            control = parent / "cgroup.subtree_control"
            if control.exists() and not all((trial / f).exists() for f in files):
                control.write_text("+memory +pids +cpu")
            if all((trial / f).exists() for f in files):
                return parent
        except OSError:
            continue
        finally:
            trial.rmdir()
    return None
