"""Sandboxes for tests: a spool that every user may pass through to, and what a program left behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from reel_common.ports.runner_spool import RUNS, SOCKET
from reel_executor.runner.local import LocalSandbox, open_local
from reel_executor.runner.settings import DEFAULT_IMAGE

SLOTS = 2


@contextmanager
def spool_folder() -> Iterator[Path]:
    """Short enough for the address of a socket, and within reach of the user that programs run as."""
    folder = Path(tempfile.mkdtemp(prefix="reel-spool-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


async def opened(spool: Path, sandbox: str, image: str = "", scripts: Collection[str] | None = None) -> LocalSandbox:
    """The sandbox of that name, in this process."""
    return await open_local(spool, sandbox=sandbox, image=image or DEFAULT_IMAGE, slots=SLOTS, scripts=scripts)


def leftovers(spool: Path, mark: str) -> list[str]:
    """Processes on this machine with the mark among their arguments, in whatever container; and folders of runs."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                arguments = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in arguments:
                found.append(f"process {process.name}: {arguments[:100]!r}")
    return found + [f"folder {folder.name}" for folder in (spool / RUNS).iterdir()]


@contextmanager
def runner_process(spool: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A runner of its own, as in a deployment, that has begun to listen."""
    environment = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PATH": os.environ["PATH"],
        "REEL_SPOOL": str(spool),
        "REEL_RUNNER_SLOTS": str(SLOTS),
        **settings,
    }
    process = subprocess.Popen([sys.executable, "-W", "error", "-m", "reel_executor.runner"], env=environment)
    try:
        until = time.monotonic() + 30
        while not (spool / SOCKET).exists():
            assert process.poll() is None, "the runner ended at once"
            assert time.monotonic() < until
            time.sleep(0.02)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
