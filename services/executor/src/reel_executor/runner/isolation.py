"""The small shape that every way to seal a program off has: start a prepared run, read it, kill it, know how it ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from reel_common.domain.program import Engine, Program
from reel_common.ports.sandbox import Usage

PLACE = re.compile(r"\{(in|out):([^{}]*)\}")
"""Where an argument names an input or an output."""

Take = Callable[[int, bytes], None]
"""Takes what a program wrote: 1 for stdout or 2 for stderr, and some bytes. May raise to stop the reading."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run whose folder is ready: inputs and files in ``in/``, each read-only; ``out/`` and ``tmp/`` of ``user``."""

    id: str
    folder: Path
    program: Program
    user: int

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names in ``in/``: inputs and files alike."""
        return (*self.program.inputs, *self.program.files)

    def arguments(self, inputs: str, outputs: str) -> list[str]:
        """The arguments with the places of inputs and outputs as the program sees them."""
        folders = {"in": inputs, "out": outputs}
        return [PLACE.sub(lambda m: f"{folders[m[1]]}/{m[2]}", a) for a in self.program.arguments]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the program ended: its exit code, or 128 and the number of the signal.

    ``address_limited`` says that running out of memory may have looked like an error of the program's own.
    """

    exit: int
    out_of_memory: bool = False
    address_limited: bool = False
    usage: Usage = field(default_factory=lambda: Usage(0.0))


class Process(Protocol):
    """A program at work."""

    async def drain(self, take: Take) -> None:
        """Reads stdout and stderr until both end."""

    async def wait(self) -> Ended:
        """Waits until the program has ended and nothing that it started is left. Needs somebody who drains."""

    async def kill(self) -> None:
        """Ends it at once, with all that it started, and gives up what it held. May be called again, and after its end."""


class Isolation(Protocol):
    """A way to run programs. ``name`` is what ``Completed.adapter`` says, ``sentence`` what it seals off, for people."""

    name: str
    sentence: str
    engines: Collection[Engine]

    def check(self, program: Program) -> None:
        """Raises: PermanentError(INVALID) for a program that may not be run this way."""

    async def start(self, run: Prepared) -> Process:
        """Raises: SandboxUnavailableError when nothing was started."""

    async def digest(self) -> str:
        """Names the very tools that programs run on."""

    async def sweep(self) -> None:
        """Removes what runners of this spool left behind when they died."""

    async def close(self) -> None:
        """Gives up connections; no program is at work any more."""
