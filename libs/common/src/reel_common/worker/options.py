"""How a worker paces itself. All in seconds."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field


def _name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Options:
    """``slots`` of None takes those of the table of kinds. ``quiet`` is how long a thing may wait before the sweep rings."""

    name: str = field(default_factory=_name)
    slots: int | None = None
    poll: float = 5.0
    sweep: float = 5.0
    quiet: float = 5.0
    grace: float = 20.0
    """How long running steps may go on after a stop; then they are given back."""
    suspect_crashes: int = 2
    """A step that has taken so many workers down runs alone in its process."""
