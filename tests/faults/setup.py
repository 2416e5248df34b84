"""What a process of a run is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Setup:
    """What a process is told. ``settings`` are ``REEL_…`` variables; ``log`` takes all that it says."""

    name: str
    role: str
    settings: Mapping[str, str]
    log: Path
    twice: bool = True
    sweeps: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
