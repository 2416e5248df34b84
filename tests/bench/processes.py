"""Processes that are started, watched and always ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "bench"
GRACE_S = 15.0


class MeasurementError(Exception):
    """A measurement gave no figures; the text says why."""


def python(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


@contextmanager
def running(command: Sequence[str], name: str, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The process, which is gone when the context ends; what it says is in ``build/bench/NAME.log``."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / f"{name}.log").open("wb") as said:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | settings, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    try:
        yield process
    finally:
        _end(process)


@contextmanager
def several(
    commands: Mapping[str, Sequence[str]], settings: Mapping[str, str]
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """As many processes, by name; they are told to stop at the same time."""
    with ExitStack() as stack:
        started = [stack.enter_context(running(command, name, settings)) for name, command in commands.items()]
        try:
            yield started
        finally:
            for process in started:
                process.terminate()


def said(name: str, word: str, seconds: float = 30.0) -> None:
    """Returns when a process of this name has said the word as its last. Raises: MeasurementError."""
    end = time.monotonic() + seconds
    while last_words(name) != word:
        if time.monotonic() > end:
            raise MeasurementError(f"{name} did not start: {last_words(name)}")
        time.sleep(0.05)


def last_words(name: str) -> str:
    """The last line that a process of this name has said."""
    lines = (LOGS / f"{name}.log").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def measured(
    module: str, settings: Mapping[str, str] | None = None, *arguments: str, seconds: float = 75.0
) -> dict[str, Any]:
    """Runs a measurement and returns what it printed. Raises: MeasurementError."""
    name = module.rpartition(".")[2]
    measuring = subprocess.Popen(
        python(module, *arguments),
        cwd=ROOT,
        env=os.environ | (settings or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that what it started can be ended with it
    )
    try:
        printed, complaints = measuring.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"{name} took longer than {seconds:.0f} s") from None
    finally:
        _end_group(measuring)
    if measuring.returncode != 0:
        words = complaints.strip().splitlines()
        raise MeasurementError(f"{name}: {words[-1] if words else f'exit code {measuring.returncode}'}")
    figures: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    return figures


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks it to stop, and does not take no for an answer."""
    process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_group(leader: subprocess.Popen[str]) -> None:
    """Whatever is left of the processes that the leader has started, and the leader."""
    with suppress(ProcessLookupError):
        if leader.poll() is None:
            os.killpg(leader.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                leader.wait(GRACE_S)
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
