"""Linux without a container engine: namespaces by bubblewrap, with limits, a filter of calls and, if we may, a control group."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from reel_common.domain.program import Engine, Program
from reel_common.errors import SandboxUnavailableError
from reel_common.ports.runner_spool import INPUTS, OUTPUTS
from reel_executor.runner.adapters.engines import FONTS, HostEngines
from reel_executor.runner.adapters.grouping import Groups
from reel_executor.runner.adapters.seccomp import machine_filter
from reel_executor.runner.adapters.wardens import WardenedProcess, late, processes_of, resource_limits, start_warden
from reel_executor.runner.isolation import Prepared
from reel_executor.runner.warden.orders import Orders

_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_FILES = ("/etc/ld.so.cache", "/etc/fonts", "/etc/alternatives")
_FFMPEG = "/engine/ffmpeg"
_OWN_PROCESSES = 3
_TEMPORARY_BYTES, _SHARED_BYTES = 64 << 20, 1 << 20
_TEMPORARY, _SHARED = "/tmp", "/dev/shm"  # noqa: S108  # in there
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": _TEMPORARY, "TMPDIR": _TEMPORARY, "LANG": "C.UTF-8"}
_NAMESPACES = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")


class Bubblewrap:
    """A program sees the system's libraries, its engine and its inputs, all read-only, and one folder to write to."""

    name = "bubblewrap"
    engines: Collection[Engine] = (Engine.FFMPEG, Engine.INSPECT)

    def __init__(self, engines: HostEngines, groups: Groups | None) -> None:
        """Raises: SandboxUnavailableError when it is not installed."""
        self._engines, self._groups = engines, groups
        self._bwrap, self._setpriv = shutil.which("bwrap") or "", shutil.which("setpriv") or ""
        if not self._bwrap or (os.geteuid() == 0 and not self._setpriv):
            raise SandboxUnavailableError("bubblewrap is not installed (as root it needs util-linux, too)")
        self._filter = machine_filter()
        lacks = [
            *([] if self._filter else ["without a filter of system calls (this machine is not x86-64)"]),
            *([] if groups else ["memory is watched rather than bounded (no control group may be made here)"]),
        ]
        self.sentence = "; ".join(["Linux namespaces without a network, on the host's own kernel", *lacks]) + "."

    def check(self, program: Program) -> None:
        """Whatever it is, it is sealed off."""

    async def start(self, run: Prepared) -> WardenedProcess:
        command = {Engine.FFMPEG: [_FFMPEG], Engine.INSPECT: [str(self._engines.python), "-I", "-B"]}
        limits = run.program.limits
        groups = self._groups.bounds(limits, _OWN_PROCESSES) if self._groups else []
        others = 0 if groups else await asyncio.to_thread(processes_of, run.user)
        return await start_warden(
            Orders(
                wrapper=list(self._wrapper(run)),
                command=[*command[run.program.engine], *run.arguments("/in", "/out")],
                environment={},  # bubblewrap stays as the first process in there, where it can be read
                folder="/",
                wall=late(limits),
                limits=resource_limits(limits, 0 if groups else others + limits.processes + _OWN_PROCESSES),
                groups=groups,
                seccomp=self._filter,
                confirmation="exit-code",
                user=-1,
                read=[],
                write=[],
                memory_bytes=0 if groups else limits.memory_bytes,
                cpus=0 if groups else math.ceil(limits.cpus),
            )
        )

    async def digest(self) -> str:
        return await asyncio.to_thread(self._engines.digest)

    async def sweep(self) -> None:
        """Nothing to do: a warden outlives neither its program nor its runner."""

    async def close(self) -> None:
        """Nothing to give up."""

    def _wrapper(self, run: Prepared) -> Iterator[str]:
        yield from (
            self._bwrap,
            *_NAMESPACES,
            "--die-with-parent",
            "--new-session",
            "--hostname",
            "sandbox",
            "--clearenv",
        )
        yield from ("--json-status-fd", "{status}")
        if self._filter:
            yield from ("--seccomp", "{seccomp}")
        yield from self._identity(run)
        for name, value in _ENVIRONMENT.items():
            yield from ("--setenv", name, value)
        # First: what the engines need may lie below it on the host, and is bound into it.
        yield from ("--perms", "1777", "--size", str(_TEMPORARY_BYTES), "--tmpfs", _TEMPORARY)
        yield from self._system()
        yield from ("--dir", "/engine", "--dir", "/in", "--ro-bind", str(self._engines.ffmpeg), _FFMPEG)
        for name in run.inputs:
            yield from ("--ro-bind", str(run.folder / INPUTS / name), f"/in/{name}")
        yield from ("--bind", str(run.folder / OUTPUTS), "/out")
        yield from ("--proc", "/proc", "--dev", "/dev")
        yield from ("--perms", "1777", "--size", str(_SHARED_BYTES), "--tmpfs", _SHARED)
        yield from ("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", _TEMPORARY, "--")
        yield from self._lowering(run)

    def _identity(self, run: Prepared) -> tuple[str, ...]:
        """Root keeps just enough to become somebody else inside; others need a namespace of users."""
        if os.geteuid() != 0:
            return ("--unshare-user", "--uid", str(run.user), "--gid", str(run.user))
        return ("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP")

    def _lowering(self, run: Prepared) -> tuple[str, ...]:
        if os.geteuid() != 0:
            return ()
        user = (f"--reuid={run.user}", f"--regid={run.user}", "--clear-groups")
        return (self._setpriv, *user, "--inh-caps=-all", "--bounding-set=-all", "--")

    def _system(self) -> Iterator[str]:
        for folder in map(Path, _FOLDERS):
            if folder.is_symlink():
                yield from ("--symlink", str(folder.readlink()), str(folder))
            elif folder.is_dir():
                yield from ("--ro-bind", str(folder), str(folder))
        for file in (*_FILES, *FONTS):
            if not file.startswith("/usr/"):
                yield from ("--ro-bind-try", file, file)
        paths = sorted({p for p in self._engines.python_paths if not p.is_relative_to("/usr")})
        for path in paths:
            if not any(path.is_relative_to(p) for p in paths if p != path):
                # made first: bubblewrap's own would be closed to everybody but root
                yield from ("--dir", str(path.parent), "--ro-bind", str(path), str(path))
