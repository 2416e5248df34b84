"""Processes that outlive the command that started them: a file for each says which it is, its log lies beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """``health_port`` of 0: it has none. ``module`` is what its command line is known by."""

    name: str
    module: str
    pid: int
    health_port: int


def start(folder: Path, name: str, module: str, environment: Mapping[str, str], health_port: int) -> Process:
    """``python -m module`` in a session of its own, its words in ``name.log``."""
    with (folder / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", module],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(environment),
            start_new_session=True,
        )
    process = Process(name, module, child.pid, health_port)
    (folder / f"{name}.pid").write_text(json.dumps(asdict(process)))
    child.returncode = 0  # it is not ours to wait for: it outlives us
    return process


def known(folder: Path) -> list[Process]:
    """Those that were started and not stopped, in the order in which they were started."""
    files = sorted(folder.glob("*.pid"), key=lambda file: file.stat().st_mtime_ns)
    return [Process(**json.loads(file.read_text())) for file in files]


def is_alive(process: Process) -> bool:
    """Whether it still runs, and its number has not become another's."""
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)  # when this very process started it
    status, command = _looked_up(process.pid)
    return bool(command) and status != "Z" and process.module in command


def _looked_up(pid: int) -> tuple[str, str]:
    """State and command line of a process; empty when there is none."""
    if Path("/proc/self/stat").exists():
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state, Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return "", ""
    asking = ["ps", "-ww", "-o", "stat=", "-o", "command=", "-p", str(pid)]
    asked = subprocess.run(asking, capture_output=True, text=True, check=False)  # noqa: S603 - a number of ours
    state, _, command = asked.stdout.strip().partition(" ")
    return state[:1], command


def last_words(folder: Path, process: Process, most: int = 2000) -> str:
    """The end of its log."""
    with suppress(OSError):
        return (folder / f"{process.name}.log").read_bytes()[-most:].decode(errors="replace").strip()
    return ""


def stop(folder: Path, processes: Sequence[Process], grace_s: float) -> list[Process]:
    """Asks all to stop, waits for as long as they may take, and ends who did not. Returns those that had to be ended."""
    _signal(processes, signal.SIGTERM)
    end = time.monotonic() + grace_s
    left = [process for process in processes if is_alive(process)]
    while left and time.monotonic() < end:
        time.sleep(0.05)
        left = [process for process in left if is_alive(process)]
    _signal(left, signal.SIGKILL)
    while any(is_alive(process) for process in left):
        time.sleep(0.05)
    for process in processes:
        (folder / f"{process.name}.pid").unlink(missing_ok=True)
    return left


def _signal(processes: Sequence[Process], number: signal.Signals) -> None:
    for process in processes:
        if is_alive(process):
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
