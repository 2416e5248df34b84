"""The last resort: our own programs as ordinary processes, held by limits, rules on their arguments and Landlock.

This is no sandbox for what others wrote. It is what a laptop without an engine and without bubblewrap gets, and it
says so.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from pathlib import Path

from reel_common.domain.program import Engine, Program
from reel_common.errors import Code, PermanentError
from reel_common.ports.runner_spool import INPUTS, OUTPUTS
from reel_executor.runner.adapters.engines import FONTS, HostEngines
from reel_executor.runner.adapters.grouping import Groups
from reel_executor.runner.adapters.wardens import WardenedProcess, late, processes_of, resource_limits, start_warden
from reel_executor.runner.isolation import PLACE, Prepared
from reel_executor.runner.warden import landlock
from reel_executor.runner.warden.orders import Orders

_SYSTEM = (
    *("/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/dev/urandom", "/dev/zero"),
    *("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu"),
)
_PROTOCOLS = (
    "amqp|async|cache|concat|concatf|crypto|data|dtls|fd|file|ftp|gophers?|hls|http|httpproxy|https|icecast|ipfs|ipns"
    "|md5|mmsh|mmst|prompeg|rtmp[a-z]*|rtp|rtsp|sctp|sftp|srt|srtp|ssh|subfile|tcp|tee|tls|udp|udplite|unix|zmq"
)
_REACHES_OUT = re.compile(rf"://|(?:^|[=|'\"\[\],; ])(?:{_PROTOCOLS})[:+]|(?:^|[\];,\[ ])a?movie=", re.IGNORECASE)
_OWN_FILE = re.compile(rf"(?:file:)?{PLACE.pattern}")
_LISTS = {"concat", "hls", "dash", "sdp", "rtsp", "rtp", "imf", "webm_dash_manifest", "image2", "mms", "applehttp"}
"""Demuxers that open further files, or the network."""


class Confined:
    """Runs FFmpeg and the inspector without any wall but the kernel's own limits and, where it has it, Landlock."""

    name = "confined"
    engines: Collection[Engine] = (Engine.FFMPEG, Engine.INSPECT)

    def __init__(self, engines: HostEngines, groups: Groups | None) -> None:
        self._engines, self._groups = engines, groups
        needed = (engines.ffmpeg, engines.python, engines.python.resolve())
        root = "" if os.geteuid() != 0 or all(map(_open_to_others, needed)) else " Some of them run as root."
        walls = (
            "file access is held to a list by Landlock" if landlock.version() else "the files of this user are in reach"
        )
        self.sentence = (
            f"No sandbox: our own programs only, as ordinary processes with limits, no URLs and known formats; {walls}.{root} "
            "Install bubblewrap or a container engine for more."
        )

    def check(self, program: Program) -> None:
        if program.engine is Engine.FFMPEG:
            check_arguments(program.arguments)

    async def start(self, run: Prepared) -> WardenedProcess:
        # Relative places: a spool may lie under a name that a filter would read as its own syntax.
        arguments = run.arguments(INPUTS, OUTPUTS)
        command = {
            Engine.FFMPEG: [str(self._engines.ffmpeg)],
            Engine.INSPECT: [str(self._engines.python), "-I", "-B"],
        }[run.program.engine]
        limits = run.program.limits
        groups = self._groups.bounds(limits, 0) if self._groups else []
        user = self._user(run, Path(command[0]))
        processes = 0 if groups else await asyncio.to_thread(processes_of, os.geteuid() if user < 0 else user)
        temporary = str(run.folder / "tmp")
        return await start_warden(
            Orders(
                wrapper=[],
                seccomp=b"",
                confirmation="",
                command=[*command, *arguments],
                environment={"PATH": "/usr/bin:/bin", "HOME": temporary, "TMPDIR": temporary, "LANG": "C.UTF-8"},
                folder=str(run.folder),
                wall=late(limits),
                limits=resource_limits(limits, processes + limits.processes if processes else 0),
                groups=groups,
                user=user,
                read=[*_SYSTEM, *FONTS, *self._own_paths(), str(run.folder / INPUTS)],
                write=[str(run.folder / OUTPUTS), temporary, "/dev/null"],
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

    def _own_paths(self) -> Iterator[str]:
        yield str(self._engines.ffmpeg)
        yield from map(str, self._engines.python_paths)

    def _user(self, run: Prepared, engine: Path) -> int:
        """An unprivileged user if we may become one and it can reach what it needs, else nobody else."""
        if os.geteuid() != 0:
            return -1
        needed = (engine, engine.resolve(), run.folder)
        return run.user if all(map(_open_to_others, needed)) else -1


def check_arguments(arguments: tuple[str, ...]) -> None:
    """Whether FFmpeg, told this, reads its own inputs and nothing else. Raises: PermanentError(INVALID)."""
    for argument in arguments:
        if _REACHES_OUT.search(_OWN_FILE.sub("", argument)):
            raise _refused("an argument names a protocol or another file")
    options: dict[str, str] = {}
    for option, value in pairwise(arguments):
        if option == "-i":
            _check_input(options, value)
            options = {}
        else:
            options[option] = value


def _check_input(options: dict[str, str], source: str) -> None:
    protocols = set(options.get("-protocol_whitelist", "").split(","))
    formats = set(options.get("-format_whitelist", "").split(","))
    if not protocols <= {"file", "pipe"} or "" in formats or formats & _LISTS:
        raise _refused("an input lacks -protocol_whitelist file,pipe or a -format_whitelist of plain formats")
    place = _OWN_FILE.fullmatch(source)
    if not (place and place[1] == "in") and options.get("-f") != "lavfi":
        raise _refused("an input is not one of the program's own")


def _open_to_others(path: Path) -> bool:
    try:
        folders = all(folder.stat().st_mode & 0o001 for folder in path.parents)
        return folders and bool(path.stat().st_mode & 0o001)
    except OSError:
        return False


def _refused(detail: str) -> PermanentError:
    return PermanentError(Code.INVALID, f"without a sandbox: {detail}")
