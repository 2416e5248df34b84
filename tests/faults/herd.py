"""The processes of a run: each a real one that can be killed, stopped, frozen, and is begun again.

They are forked from a server that has imported everything already, because on two cores a second of importing for each
of a hundred restarts would be most of the run. The runner alone is started as in a deployment.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

from reel_common.ports.runner_spool import SOCKET
from tests.faults.roots import begin
from tests.faults.setup import Setup

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["pytest", "tests.faults.roots"])
PATIENCE_S = 20
"""For a process that was asked to stop; longer than its grace and its farewells together."""
GIVEN = ("PATH", "DOCKER_HOST", "REEL_SANDBOX", "REEL_SANDBOX_IMAGE")
"""Variables that the runner gets from ours."""
GROWN_UP_S = 2
"""A process younger than this may not listen to SIGTERM yet, and simply dies of it, holding nothing."""


class Living(Protocol):
    """A process that has begun."""

    def alive(self) -> bool: ...

    def signal(self, number: int) -> None: ...

    def ended(self, seconds: float) -> int | None:
        """Waits for its end. Returns its exit code, or None if it goes on."""


class Forked:
    """A worker or the gateway."""

    def __init__(self, setup: Setup) -> None:
        self._process: ForkServerProcess = CONTEXT.Process(target=begin, args=(setup,), name=setup.name, daemon=True)
        self._process.start()

    def alive(self) -> bool:
        return self._process.is_alive()

    def signal(self, number: int) -> None:
        if self._process.is_alive() and self._process.pid:
            os.kill(self._process.pid, number)

    def ended(self, seconds: float) -> int | None:
        self._process.join(seconds)
        return self._process.exitcode


class Runner:
    """The runner, as a deployment starts it."""

    def __init__(self, spool: Path, settings: Mapping[str, str], log: Path) -> None:
        given = {name: os.environ[name] for name in GIVEN if name in os.environ}
        environment = {**given, "REEL_SPOOL": str(spool), **settings}
        (spool / SOCKET).unlink(missing_ok=True)
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reel_executor.runner"], env=environment, stdout=said, stderr=said
            )

    def alive(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def ended(self, seconds: float) -> int | None:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


class Herd:
    """Begins a process again whenever it took it down. Blocking calls wait in threads."""

    def __init__(self, setups: Iterable[Setup]) -> None:
        self._setups = {s.name: s for s in setups}
        self._living: dict[str, Living] = {}
        self._taken: set[str] = set()
        self._born: dict[str, float] = {}
        self._runner: tuple[Path, Mapping[str, str], Path] | None = None
        self.own_deaths: list[str] = []
        """Those who died although nobody had killed them."""

    def with_runner(self, spool: Path, settings: Mapping[str, str], log: Path) -> Herd:
        self._runner = (spool, settings, log)
        return self

    def start(self) -> None:
        for name in self.names:
            self._begin(name)

    @property
    def names(self) -> list[str]:
        return [*self._setups, *(["runner"] if self._runner else [])]

    @property
    def free(self) -> list[str]:
        """Whom one may take: all but those that are frozen or stopping."""
        return [name for name in self.names if name not in self._taken]

    def kill(self, name: str) -> None:
        """SIGKILL, and another one in its place."""
        self._look_after(name)
        self._living[name].signal(signal.SIGKILL)
        assert self._living[name].ended(PATIENCE_S) is not None, f"{name} cannot be killed"
        self._begin(name)

    async def stop(self, name: str) -> float:
        """SIGTERM, and another one in its place. Returns how long it took to go."""
        self._taken.add(name)
        try:
            await asyncio.sleep(self._born[name] + GROWN_UP_S - time.monotonic())
            self._look_after(name)
            begun = time.monotonic()
            self._living[name].signal(signal.SIGTERM)
            self._gone(name, await asyncio.to_thread(self._living[name].ended, PATIENCE_S))
            self._begin(name)
            return time.monotonic() - begun
        finally:
            self._taken.discard(name)

    async def freeze(self, name: str, seconds: float) -> None:
        """SIGSTOP for so long."""
        self._look_after(name)
        self._taken.add(name)
        self._living[name].signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._living[name].signal(signal.SIGCONT)
            self._taken.discard(name)

    async def end(self) -> None:
        """SIGTERM to all."""
        await asyncio.sleep(max(0.0, max(self._born.values()) + GROWN_UP_S - time.monotonic()))
        for name in self.names:
            self._look_after(name)
            self._living[name].signal(signal.SIGTERM)
        for name, process in self._living.items():
            self._gone(name, await asyncio.to_thread(process.ended, PATIENCE_S))

    def slaughter(self) -> None:
        """Whatever happened before, nobody is left behind."""
        for process in self._living.values():
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGKILL)
            process.ended(PATIENCE_S)

    def look_after_all(self) -> None:
        """Begins those again who have died."""
        for name in self.free:
            self._look_after(name)

    def _begin(self, name: str) -> None:
        if name == "runner" and self._runner:
            self._living[name] = Runner(*self._runner)
        else:
            self._living[name] = Forked(self._setups[name])
        self._born[name] = time.monotonic()

    def _look_after(self, name: str) -> None:
        if not self._living[name].alive():
            self.own_deaths.append(f"{name} ended with {self._living[name].ended(1)}")
            self._begin(name)

    def _gone(self, name: str, code: int | None) -> None:
        if code != 0:
            self.own_deaths.append(f"{name} answered SIGTERM with {code}")
            for number in (signal.SIGUSR1, signal.SIGUSR2) if name != "runner" else ():
                self._living[name].signal(number)  # where does it hang?
                time.sleep(0.5)
            self._living[name].signal(signal.SIGKILL)
            self._living[name].ended(PATIENCE_S)
