"""The only way to start a program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from reel_common.domain.program import Program


@dataclass(frozen=True, slots=True)
class Collected:
    """A plain file that the program wrote, taken out and hashed. ``path`` belongs to the caller, who removes it."""

    name: str
    path: Path
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What the run cost. ``wall`` and ``cpu`` in seconds; ``memory_bytes`` the peak, 0 when it was not measured."""

    wall: float
    cpu: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Completed:
    """A program ran to its end. A non-zero ``exit`` is the program's own result.

    ``stdout`` and ``stderr`` hold at most 64 KiB each: the end of what was written. ``refused`` names what was in the
    output folder and not taken, with the reason. ``adapter`` says which sandbox ran it.
    """

    exit: int
    stdout: bytes
    stderr: bytes
    outputs: tuple[Collected, ...]
    refused: tuple[tuple[str, str], ...] = ()
    usage: Usage = field(default_factory=lambda: Usage(0.0))
    adapter: str = ""


OnProgress = Callable[[float, str], Awaitable[None]]
"""Called with seconds of result made so far (of ``program.duration``) and a word for people; at most a few times a second."""


class Sandbox(Protocol):
    """Runs programs sealed: no network, nothing of the host to see, one folder to write to.

    Cancelling the task that awaits ``run`` kills the program and all that it started within a second.
    """

    async def put(self, path: Path, sha256: str) -> None:
        """Makes the bytes of ``path`` available as an input of that digest. Links or copies; ``path`` stays the caller's.

        Raises: PermanentError(INPUT_MISMATCH) when the bytes have another digest.
        """

    async def has(self, sha256: str) -> bool:
        """Whether an input of that digest is there already."""

    async def run(self, program: Program, on_progress: OnProgress | None = None) -> Completed:
        """Runs it and takes its outputs out.

        Raises: SandboxUnavailableError (nothing ran: again later), LimitExceededError (which limit is in its code;
        nothing of it runs any more), PermanentError(INPUT_MISSING, INPUT_MISMATCH, INVALID) for a program that cannot
        be run as it is.
        """

    async def describe(self) -> dict[str, str]:
        """``adapter``, ``isolation`` (a sentence), ``digest`` (of image, FFmpeg and fonts: part of content keys)."""

    async def close(self) -> None:
        """Kills what runs and gives up resources."""
