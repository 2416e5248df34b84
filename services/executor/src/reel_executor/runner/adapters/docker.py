"""A container for each program, by a Docker engine: no network, nothing writable but one folder, nothing left of it.

Every call of the engine has a time limit and runs on threads of this adapter's own. What a program says is read from
the attached stream, which is hung up before the program is killed: an engine hangs on a stream that nobody reads.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Collection
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from docker.errors import ImageNotFound
from docker.types import LogConfig, Mount, Ulimit
from requests.exceptions import RequestException

from reel_common.domain.program import Engine, Limits, Program
from reel_common.errors import SandboxUnavailableError
from reel_common.ports.runner_spool import INPUTS, OUTPUTS
from reel_common.ports.sandbox import Usage
from reel_executor.runner.adapters.containers import Containers, unavailable
from reel_executor.runner.adapters.frames import Frames
from reel_executor.runner.isolation import Ended, Prepared, Take

RUN_LABEL, SPOOL_LABEL = "org.reelwright.run", "org.reelwright.spool"
_COMMANDS = {Engine.FFMPEG: ("/usr/local/bin/ffmpeg",), Engine.INSPECT: ("python", "-I", "-B")}
_WAIT_SECONDS, _SAMPLE_SECONDS = 5, 2.0
_ATTEMPTS = 3
_PIECE = 1 << 18


class Docker:
    """One container for one program."""

    name = "docker"
    engines: Collection[Engine] = (Engine.FFMPEG, Engine.INSPECT)
    sentence = "A container without a network, capabilities or a writable root, on the host's own kernel."

    def __init__(self, containers: Containers, image: str, spool: Path) -> None:
        self._containers, self._image, self._spool = containers, image, spool
        self._filter = files(__package__).joinpath("seccomp.json").read_text()

    def check(self, program: Program) -> None:
        """Whatever it is, it is sealed off."""

    async def digest(self) -> str:
        try:
            return str((await self._containers.call(self._containers.api.inspect_image, self._image))["Id"])
        except SandboxUnavailableError as error:
            if isinstance(error.__cause__, ImageNotFound):
                raise SandboxUnavailableError(f"the image {self._image} is not here") from error
            raise

    async def start(self, run: Prepared) -> ContainerProcess:
        name = f"reel-run-{run.id}"
        try:
            stream = await self._containers.call(self._start, run, name)
        except SandboxUnavailableError:
            with suppress(SandboxUnavailableError):
                await self._containers.remove(name)
            raise
        return ContainerProcess(self._containers, name, stream)

    async def sweep(self) -> None:
        filters = {"label": [RUN_LABEL, f"{SPOOL_LABEL}={self._spool}"]}
        for container in await self._containers.call(self._containers.api.containers, all=True, filters=filters):
            await self._containers.remove(container["Id"])

    async def close(self) -> None:
        await self._containers.close()

    def _start(self, run: Prepared, name: str) -> Any:
        api = self._containers.api
        command = [*_COMMANDS[run.program.engine], *run.arguments("/in", "/out")]
        container = api.create_container(
            self._image,
            command[1:],
            entrypoint=command[:1],
            name=name,
            hostname="sandbox",
            user=f"{run.user}:{run.user}",
            working_dir="/tmp",  # noqa: S108  # in there
            network_disabled=True,
            labels={RUN_LABEL: run.id, SPOOL_LABEL: str(self._spool)},
            host_config=self._host_config(run),
        )["Id"]
        # Attached first: nothing that it says is missed, and nothing of it can be in a buffer of the HTTP client.
        stream = api.attach_socket(container, params={"stdout": 1, "stderr": 1, "stream": 1})
        api.start(container)
        return stream

    def _host_config(self, run: Prepared) -> Any:
        limits = run.program.limits
        mounts = [_mount(f"/in/{name}", run.folder / INPUTS / name, read_only=True) for name in run.inputs]
        return self._containers.api.create_host_config(
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges", f"seccomp={self._filter}"],
            pids_limit=limits.processes + 1,  # and the engine's own first process
            mem_limit=limits.memory_bytes,
            memswap_limit=limits.memory_bytes,
            nano_cpus=int(limits.cpus * 1e9) or None,
            oom_score_adj=500,
            init=True,
            ipc_mode="private",
            shm_size=16 << 20,
            log_config=LogConfig(type="none"),  # others would fill the host's disk
            ulimits=_ulimits(limits),
            tmpfs={"/tmp": "rw,nosuid,nodev,noexec,size=64m,nr_inodes=20k,mode=1777"},  # noqa: S108
            mounts=[*mounts, _mount("/out", run.folder / OUTPUTS, read_only=False)],
        )


class ContainerProcess:
    """The program in its container, which goes when the program has ended or is killed."""

    def __init__(self, containers: Containers, container: str, stream: Any) -> None:
        self._containers, self._container, self._stream = containers, container, stream
        self._socket: socket.socket = stream._sock  # the only way to read it without a thread
        self._socket.setblocking(False)
        self._silent = asyncio.Event()
        self._gone = False
        self._usage = Usage(0.0)

    async def drain(self, take: Take) -> None:
        loop, frames = asyncio.get_running_loop(), Frames(take)
        try:
            while piece := await loop.sock_recv(self._socket, _PIECE):
                frames.feed(piece)
        except OSError as error:
            raise unavailable(error) from error
        finally:
            self._silent.set()

    async def wait(self) -> Ended:
        # Its streams end when its last process is gone; until then there is a look at its use now and then.
        pause = _SAMPLE_SECONDS / 8
        while not self._silent.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):  # wait_for can lose a cancellation that comes with the event
                    await self._silent.wait()
                break
            if await self._sample():
                return Ended(137, out_of_memory=True, usage=self._usage)
            pause = _SAMPLE_SECONDS
        code = None
        while code is None:
            code = await self._containers.call(self._exit_code)
        state = (await self._containers.call(self._containers.api.inspect_container, self._container))["State"]
        await self.kill()
        return Ended(code, bool(state["OOMKilled"]), usage=self._usage)

    async def kill(self) -> None:
        if self._gone:
            return
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._stream._response.close()  # not the stream itself: its buffer would complain
        self._socket.close()
        self._silent.set()
        for attempt in range(_ATTEMPTS):
            try:
                await self._containers.remove(self._container)
                break
            except SandboxUnavailableError:
                if attempt + 1 == _ATTEMPTS:
                    raise  # the next start of a runner removes it
                await asyncio.sleep(1)
        self._gone = True

    def _exit_code(self) -> int | None:
        """None while it runs: a program may close its streams and go on."""
        try:
            return int(self._containers.api.wait(self._container, timeout=_WAIT_SECONDS)["StatusCode"])
        except RequestException:
            return None

    def _ran_out_of_memory(self) -> bool:
        """As the engine's events tell; its description says so only when all is over."""
        now = int(time.time())
        filters = {"container": self._container, "event": "oom"}
        return any(self._containers.api.events(since=now - 60, until=now, filters=filters, decode=True))

    async def _sample(self) -> bool:
        """Notes what it uses. Whether the kernel ended a part of it for want of memory: the rest would go on for nothing."""
        with suppress(SandboxUnavailableError, KeyError, TypeError):
            if await self._containers.call(self._ran_out_of_memory):
                return True
            api = self._containers.api
            figures = await self._containers.call(api.stats, self._container, stream=False, one_shot=True)
            memory = max(self._usage.memory_bytes, int(figures["memory_stats"]["usage"]))
            self._usage = Usage(0.0, figures["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, memory)
        return False


def _mount(target: str, source: Path, *, read_only: bool) -> Mount:
    return Mount(target, str(source), type="bind", read_only=read_only, propagation="rprivate")


def _ulimits(limits: Limits) -> list[Ulimit]:
    # Processor time ends a program whose runner died and did not come back.
    cpu = int(limits.wall.total_seconds() + 60) * (os.cpu_count() or 1)
    values = {"nofile": 1024, "core": 0, "memlock": 0, "fsize": limits.output_bytes, "cpu": cpu}
    return [Ulimit(name=name, soft=value, hard=value) for name, value in values.items()]
