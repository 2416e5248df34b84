"""What the runner is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reel_common.errors import Code, PermanentError

DEFAULT_IMAGE = "localhost/reel-sandbox:1"
SANDBOXES = ("auto", "docker", "bubblewrap", "confined")


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """Read from ``REEL_…`` variables; only the spool has to be set."""

    spool: Path
    """REEL_SPOOL: the folder shared with the clients, at the same path inside and outside of containers."""
    sandbox: str = "auto"
    """REEL_SANDBOX: auto, docker, bubblewrap or confined. ``auto`` takes the first of these that works."""
    image: str = DEFAULT_IMAGE
    """REEL_SANDBOX_IMAGE: what programs run in with Docker. It has to be there already; nothing is pulled."""
    slots: int = 0
    """REEL_RUNNER_SLOTS: how many programs run at once; 0 for one on each core."""
    budget_bytes: int = 20 << 30
    """REEL_SPOOL_BYTES: how much room unused inputs may take up."""


def settings_from(environment: Mapping[str, str]) -> RunnerSettings:
    """Raises: PermanentError(INVALID) which says what to set."""
    if not environment.get("REEL_SPOOL"):
        raise _wrong("REEL_SPOOL names the folder that the runner shares with its clients; it is not set")
    sandbox = environment.get("REEL_SANDBOX") or "auto"
    if sandbox not in SANDBOXES:
        raise _wrong(f"REEL_SANDBOX is one of {', '.join(SANDBOXES)}")
    return RunnerSettings(
        spool=Path(environment["REEL_SPOOL"]).absolute(),
        sandbox=sandbox,
        image=environment.get("REEL_SANDBOX_IMAGE") or DEFAULT_IMAGE,
        slots=_number(environment, "REEL_RUNNER_SLOTS", 0),
        budget_bytes=_number(environment, "REEL_SPOOL_BYTES", 20 << 30),
    )


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isascii() or not text.isdecimal():
        raise _wrong(f"{name} is a whole number")
    return int(text)


def _wrong(detail: str) -> PermanentError:
    return PermanentError(Code.INVALID, detail)
