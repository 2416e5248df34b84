"""``python -m reel_cli.cluster up|down|status``: the five services and the runner as processes of this machine.

The servers they need are named by environment, or found at their usual addresses. Nothing is started that is not
stopped by ``down``.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from reel_cli import processes
from reel_cli.exits import CommandFailedError, Exit
from reel_cli.home import make_spool
from reel_cli.probing import missing
from reel_cli.processes import Process
from reel_cli.showing import complain
from reel_common.adapters.runner_client import RunnerClient
from reel_common.errors import ReelError
from reel_common.ledger import migrate
from reel_common.settings import ServerSettings, WorkSettings

FOLDER = Path("build/cluster")
RUNNER = ("runner", "reel_executor.runner")
SERVICES = (
    ("planner", "reel_planner"),
    ("scriptgen", "reel_scriptgen"),
    ("executor", "reel_executor"),
    ("composer", "reel_composer"),
    ("gateway", "reel_gateway"),
)
START_S = 60.0
"""Seconds after which a process that is not healthy will not be."""
_LONGEST_SOCKET = 107 - len("/runner.sock")


def up(folder: Path) -> None:
    """Starts all of them, and returns when each is healthy. Raises: CommandFailedError; then nothing was left running."""
    if alive := [process.name for process in processes.known(folder) if processes.is_alive(process)]:
        raise CommandFailedError(Exit.USAGE, f"Already up: {', '.join(alive)}.", hint="make down stops them.")
    if lacking := asyncio.run(missing(ServerSettings())):
        raise CommandFailedError(Exit.UNREACHABLE, "Not all servers are there.", "\n  ".join(lacking))
    try:
        asyncio.run(migrate(ServerSettings().database_url))
    except ReelError as error:
        raise CommandFailedError(Exit.UNREACHABLE, "The ledger could not be migrated.", error.detail) from error
    folder.mkdir(parents=True, exist_ok=True)
    spool = spool_in(folder)
    make_spool(spool)
    environment = {**os.environ, "REEL_SPOOL": str(spool), "REEL_HEALTH_HOST": "127.0.0.1"}
    try:
        _start(folder, *RUNNER, environment)
        for name, module in SERVICES:
            _start(folder, name, module, environment)
        _wait(folder, spool)
    except BaseException:
        processes.stop(folder, processes.known(folder), grace_s=5)
        raise


def down(folder: Path) -> None:
    """Stops what ``up`` started: who takes work before the runner, so that what runs may end."""
    all_of_them = processes.known(folder)
    killed = processes.stop(folder, [p for p in all_of_them if p.name != RUNNER[0]], WorkSettings().grace_s + 15)
    killed += processes.stop(folder, [p for p in all_of_them if p.name == RUNNER[0]], 15)
    for process in killed:
        print(f"{process.name} did not stop and was killed; its last words are in {folder / process.name}.log")
    print("down" if all_of_them else "nothing was up")


def status(folder: Path) -> int:
    """A line for each; the exit code is 0 when all are healthy."""
    known = {process.name: process for process in processes.known(folder)}
    spool = spool_in(folder)
    well = True
    for name, _ in (RUNNER, *SERVICES):
        process = known.get(name)
        state = "down" if process is None else _state(process, spool)
        print(f"{name:10} {state:12} {process.pid if process else ''}")
        well &= state == "healthy"
    return 0 if well else 1


def spool_in(folder: Path) -> Path:
    """REEL_SPOOL, else a folder within; a Unix socket's address is short, so deep down in a tree it lies elsewhere."""
    if given := os.environ.get("REEL_SPOOL"):
        return Path(given).absolute()
    inside = folder.absolute() / "spool"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET:
        return inside
    name = hashlib.sha256(os.fsencode(inside)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"reel-spool-{name}"


def _start(folder: Path, name: str, module: str, environment: Mapping[str, str]) -> None:
    (folder / f"{name}.log").unlink(missing_ok=True)
    port = 0 if name == RUNNER[0] else _free_port()
    processes.start(folder, name, module, {**environment, "REEL_HEALTH_PORT": str(port)}, port)


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def _wait(folder: Path, spool: Path) -> None:
    waiting, end = processes.known(folder), time.monotonic() + START_S
    while waiting:
        for process in list(waiting):
            state = _state(process, spool)
            if state == "healthy":
                waiting.remove(process)
            elif state == "dead" or time.monotonic() > end:
                words = processes.last_words(folder, process)
                raise CommandFailedError(Exit.FAILED, f"{process.name} is {state}. Its last words:", words)
        time.sleep(0.1)


def _state(process: Process, spool: Path) -> str:
    if not processes.is_alive(process):
        return "dead"
    well = _is_ready(process.health_port) if process.health_port else asyncio.run(_runner_answers(spool))
    return "healthy" if well else "not ready"


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=3, trust_env=False).is_success
    except httpx.HTTPError:
        return False


async def _runner_answers(spool: Path) -> bool:
    client = RunnerClient(spool)
    try:
        async with asyncio.timeout(3):
            await client.describe()
    except (ReelError, TimeoutError):
        return False
    finally:
        await client.close()
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m reel_cli.cluster", description=__doc__)
    parser.add_argument("what", choices=("up", "down", "status"))
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for pids, logs and the spool (%(default)s)")
    asked = parser.parse_args(arguments)
    try:
        if asked.what == "status":
            return status(asked.folder)
        if asked.what == "down":
            down(asked.folder)
        else:
            up(asked.folder)
            port = os.environ.get("REEL_PORT") or "8000"
            print(f"up: http://127.0.0.1:{port}, logs in {asked.folder}; make down stops it")
    except CommandFailedError as error:
        complain(error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
