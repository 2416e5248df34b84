"""Bubblewrap: there, and allowed to make namespaces here."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.missing import ServerMissing


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """A `bwrap` that works."""

    path: Path
    against: str


def find_bubblewrap() -> Bubblewrap:
    found = shutil.which("bwrap")
    if found is None:
        raise ServerMissing("no bwrap on PATH (Debian: apt-get install bubblewrap)")
    trial = [
        found,
        "--unshare-all",
        "--die-with-parent",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "true",
    ]
    try:
        done = subprocess.run(trial, capture_output=True, text=True, timeout=10, check=False)
        version = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerMissing(f"bwrap cannot be run ({error})") from error
    if done.returncode != 0:
        raise ServerMissing(f"bwrap may not make namespaces here ({done.stderr.strip()})")
    return Bubblewrap(Path(found), version.stdout.strip())
