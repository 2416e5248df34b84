"""A program to be run in the sandbox: an argument vector over named inputs and outputs, never a shell string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any


class Engine(StrEnum):
    """What the runner may start in the ``media`` profile; it knows where each lies, a program does not."""

    FFMPEG = "ffmpeg"
    INSPECT = "inspect"
    """The product's own inspector (PyAV): facts, sample frames and checks of a media file as JSON on stdout."""


@dataclass(frozen=True, slots=True)
class Output:
    """A file that the program promises to write into its output folder. ``role``: final, proxy, poster, …"""

    name: str
    role: str
    media_type: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """``output_bytes`` bounds all outputs together, ``log_bytes`` what is read of stdout and stderr together."""

    wall: timedelta = timedelta(minutes=10)
    memory_bytes: int = 2 << 30
    output_bytes: int = 4 << 30
    log_bytes: int = 4 << 20
    processes: int = 128
    cpus: float = 0.0
    """How many cores it may use at once; 0 for all."""


@dataclass(frozen=True, slots=True)
class Program:
    """``arguments`` may hold ``{in:NAME}`` and ``{out:NAME}``, which the runner replaces by paths inside of the sandbox.

    ``inputs`` maps NAME to the sha256 of the bytes, ``files`` NAME to small texts that are part of the program
    (also reached by ``{in:NAME}``). ``duration`` is the expected length of the result in seconds, for progress.
    """

    engine: Engine
    arguments: tuple[str, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    limits: Limits = field(default_factory=Limits)
    duration: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "engine": str(self.engine),
            "arguments": list(self.arguments),
            "inputs": dict(self.inputs),
            "files": dict(self.files),
            "outputs": [
                {"name": o.name, "role": o.role, "media_type": o.media_type, "required": o.required}
                for o in self.outputs
            ],
            "limits": {
                "wall_s": self.limits.wall.total_seconds(),
                "memory_bytes": self.limits.memory_bytes,
                "output_bytes": self.limits.output_bytes,
                "log_bytes": self.limits.log_bytes,
                "processes": self.limits.processes,
                "cpus": self.limits.cpus,
            },
            "duration": self.duration,
        }


def program_from_json(data: Mapping[str, Any]) -> Program:
    """The reverse of ``Program.as_json``. Raises: KeyError, TypeError, ValueError when it is not that."""
    limits = dict(data["limits"])
    return Program(
        engine=Engine(data["engine"]),
        arguments=tuple(str(a) for a in data["arguments"]),
        inputs={str(k): str(v) for k, v in data["inputs"].items()},
        files={str(k): str(v) for k, v in data["files"].items()},
        outputs=tuple(Output(**o) for o in data["outputs"]),
        limits=Limits(wall=timedelta(seconds=float(limits.pop("wall_s"))), **limits),
        duration=None if data["duration"] is None else float(data["duration"]),
    )
