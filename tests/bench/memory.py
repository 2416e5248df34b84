"""What each service of the full deployment weighs after ten seconds of having nothing to do."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any

from reel_common.ledger import migrate
from reel_common.settings import ServerSettings
from tests.bench.processes import last_words, python, running
from tests.bench.usage import tree

SERVICES = {
    "runner": "reel_executor.runner",
    "gateway": "reel_gateway",
    "planner": "reel_planner",
    "scriptgen": "reel_scriptgen",
    "executor": "reel_executor",
    "composer": "reel_composer",
}
START_S = 30.0
IDLE_S = 10.0


def measure(idle: float) -> dict[str, Any]:
    """By service: megabytes, or in words why there is no figure."""
    asyncio.run(migrate(ServerSettings().database_url))
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        spool = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reel-bench-")))
        started: dict[str, Popen[bytes]] = {}
        ready: dict[str, Callable[[], bool]] = {}
        for name, module in SERVICES.items():
            port = free_port()
            settings = {"REEL_SPOOL": str(spool), "REEL_HEALTH_PORT": str(port), "REEL_PORT": "0"}
            started[name] = stack.enter_context(running(python(module), name, settings))
            ready[name] = partial(is_ready, port)
        ready["runner"] = (spool / "runner.sock").exists
        found.update(missing(started, ready))
        time.sleep(idle)
        for name, process in started.items():
            if name not in found:
                found[name] = megabytes(process) if process.poll() is None else _ended(name)
    return found


def missing(started: Mapping[str, Popen[bytes]], ready: Mapping[str, Callable[[], bool]]) -> dict[str, str]:
    """Returns when each is ready or will not be; names those, and why."""
    waiting, lost, end = dict(started), {}, time.monotonic() + START_S
    while waiting:
        for name, process in list(waiting.items()):
            if process.poll() is not None:
                lost[name] = _ended(name)
            elif time.monotonic() > end:
                lost[name] = f"not ready after {START_S:.0f} s: {last_words(name)}"
            elif not ready[name]():
                continue
            del waiting[name]
        time.sleep(0.1)
    return lost


def _ended(name: str) -> str:
    return f"does not start: {last_words(name)}"


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=3) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def megabytes(process: Popen[bytes]) -> float:
    """Resident memory of the process and of those that it started, in millions of bytes."""
    return sum(_resident(each) for each in tree(process.pid)) / 1e6


def _resident(process: int) -> int:
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=float, default=IDLE_S, help="seconds to wait before the look")
    print(json.dumps(measure(parser.parse_args().idle)))


if __name__ == "__main__":
    main()
