"""A process under a warden, as the runner sees it."""

from __future__ import annotations

import asyncio
import marshal
import os
import sys
from contextlib import suppress
from pathlib import Path

from reel_common.domain.program import Limits
from reel_common.errors import SandboxUnavailableError
from reel_common.ports.sandbox import Usage
from reel_executor.runner import warden
from reel_executor.runner.isolation import Ended, Take
from reel_executor.runner.warden.orders import Orders, Report

_PIECE = 1 << 16
_WARDEN = Path(warden.__file__).with_name("__main__.py")
_BURIAL_SECONDS = 8.0
"""How long a warden may take to leave nothing behind before it is killed itself."""
_LATE_SECONDS = 5.0
"""How much later than the runner the warden ends a program that is over its time, if the runner has not."""
_ADDRESS_SPACE = 4 << 30
"""What a program may reserve beyond what it may use: threads and libraries reserve much more than they touch."""


class WardenedProcess:
    """A ``Process`` whose warden kills it as soon as we hang up, on purpose or by dying."""

    def __init__(self, process: asyncio.subprocess.Process, status: int) -> None:
        self._process = process
        self._status = status
        self._ended: Ended | None = None

    async def drain(self, take: Take) -> None:
        async with asyncio.TaskGroup() as group:
            for number, stream in ((1, self._process.stdout), (2, self._process.stderr)):
                assert stream is not None
                group.create_task(_drain(stream, number, take))

    async def wait(self) -> Ended:
        await self._process.wait()
        if self._ended is None:
            self._ended = _ended(self._report())
        return self._ended

    async def kill(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_BURIAL_SECONDS):
                await self.drain(lambda *_: None)  # a full pipe would keep its end from being seen
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()  # its program dies with it
            await self._process.wait()
        if self._status >= 0:
            os.close(self._status)
            self._status = -1

    def _report(self) -> Report:
        status, self._status = self._status, -1
        if status < 0:
            raise SandboxUnavailableError("the program was killed")
        with os.fdopen(status, "rb") as file:
            line = file.read()
        if not line:
            raise SandboxUnavailableError("the warden of the program died")
        report: Report = marshal.loads(line)  # noqa: S302  # from our own child, over a pipe that its program never had
        return report


async def start_warden(orders: Orders) -> WardenedProcess:
    """Raises: SandboxUnavailableError when there is no process to be had."""
    reading, writing = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_WARDEN), str(writing)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},
            cwd="/",
            pass_fds=(writing,),
            start_new_session=True,
        )
    except OSError as error:
        os.close(reading)
        raise SandboxUnavailableError(f"no process could be started ({error.strerror})") from error
    finally:
        os.close(writing)
    started = WardenedProcess(process, reading)
    assert process.stdin is not None
    with suppress(ConnectionError):  # it died at once; its end will tell
        text = marshal.dumps(orders)  # type: ignore[arg-type]  # it does not know typed dictionaries
        process.stdin.write(len(text).to_bytes(4, "big") + text)
        await process.stdin.drain()
    return started


def resource_limits(limits: Limits, processes: int = 0) -> dict[str, int]:
    """Limits of each single process. ``processes`` bounds those of the user that it runs as, 0 for no such bound."""
    bounds = {
        "AS": limits.memory_bytes + _ADDRESS_SPACE,
        "FSIZE": limits.output_bytes,
        "CORE": 0,
        "NOFILE": 1024,
        "MEMLOCK": 0,
    }
    return {**bounds, "NPROC": processes} if processes else bounds


def late(limits: Limits) -> float:
    """Seconds after which the warden itself ends the program."""
    return limits.wall.total_seconds() + _LATE_SECONDS


def processes_of(user: int) -> int:
    """How many processes and threads a user has now: the kernel counts those against a limit of any one of them."""
    total = 0
    with suppress(OSError):
        for process in Path("/proc").iterdir():
            with suppress(OSError):
                if process.name.isdecimal() and process.stat().st_uid == user:
                    total += sum(1 for _ in (process / "task").iterdir())
    return total


async def _drain(stream: asyncio.StreamReader, number: int, take: Take) -> None:
    while piece := await stream.read(_PIECE):
        take(number, piece)


def _ended(report: Report) -> Ended:
    if report["error"]:
        raise SandboxUnavailableError(f"the sandbox could not be set up: {report['error']}")
    return Ended(
        exit=report["exit"],
        out_of_memory=report["out_of_memory"],
        address_limited=True,
        usage=Usage(0.0, report["cpu"], report["memory_bytes"]),
    )
