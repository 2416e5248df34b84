"""Processes that outlive a command: known by their files, told from others that took their number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reel_cli import processes


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that sleeps, and does not stop when it is asked to if ``STUBBORN`` is set."""
    (tmp_path / "sleeper.py").write_text(
        "import os, signal, time\n"
        "if os.environ.get('STUBBORN'): signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('slept well', flush=True)\n"
        "time.sleep(60)\n"
    )
    return "sleeper"


def test_one_that_stops_when_asked(tmp_path: Path, module: str) -> None:
    process = started(tmp_path, module)
    assert processes.known(tmp_path) == [process]
    assert processes.is_alive(process)
    assert processes.stop(tmp_path, [process], grace_s=10) == []
    assert not processes.is_alive(process)
    assert processes.known(tmp_path) == []
    assert processes.last_words(tmp_path, process) == "slept well"


def test_one_that_has_to_be_killed(tmp_path: Path, module: str) -> None:
    process = started(tmp_path, module, STUBBORN="1")
    assert processes.stop(tmp_path, [process], grace_s=0.2) == [process]
    assert not processes.is_alive(process)


def test_another_process_with_its_number_is_left_alone(tmp_path: Path, module: str) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        stale = processes.Process("a", "reel_gateway", other.pid, 0)
        (tmp_path / "a.pid").write_text(
            json.dumps({"name": "a", "module": "reel_gateway", "pid": other.pid, "health_port": 0})
        )
        assert processes.known(tmp_path) == [stale]
        assert not processes.is_alive(stale)
        assert processes.stop(tmp_path, [stale], grace_s=0.2) == []
        assert other.poll() is None
        other.kill()
    assert not processes.is_alive(replace(stale, pid=2**22 - 1))


def started(folder: Path, module: str, **more: str) -> processes.Process:
    environment = {**os.environ, "PYTHONPATH": str(folder), **more}
    process = processes.start(folder, "a", module, environment, 0)
    while processes.last_words(folder, process) != "slept well":
        pass
    return process
