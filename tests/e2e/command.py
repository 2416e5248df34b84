"""The ``reel`` command as a person runs it: another process, a data folder of its own, and nothing of this environment."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

COMMAND = [sys.executable, "-m", "reel_cli.main"]
SANDBOX = "bubblewrap" if shutil.which("bwrap") else "confined"
"""Which of them lies in front of the programs is not what these tests are about; both show their processes here."""


@dataclass(frozen=True, slots=True)
class Reel:
    """Runs commands in ``folder``, with the data folder ``folder/home``."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def environment(self, **more: str) -> dict[str, str]:
        """Of this process, without its settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REEL_")}
        own = {"REEL_HOME": str(self.home), "XDG_CONFIG_HOME": str(self.folder), "REEL_SANDBOX": SANDBOX}
        return {**kept, **own, **more}

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL, **more: str) -> subprocess.Popen[bytes]:
        """Its pid is that of the command itself."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment(**more),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str, stdin: bytes | None = None, seconds: float = 120, **more: str) -> Said:
        """To its end."""
        process = self.start(*arguments, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, **more)
        return ended(process, stdin, seconds)

    @contextmanager
    def up(self, *arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """``reel up`` at a free port, answering inside of the block, stopped after it if it still runs."""
        log = (self.folder / "up.log").open("ab")
        process = subprocess.Popen(
            [*COMMAND, "up", "--port", "0", *arguments],
            cwd=self.folder,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()
        try:
            until(lambda: self.answers(process.pid) or process.poll() is not None, 60)
            assert process.poll() is None, self.log()
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise

    def log(self) -> str:
        """What ``reel up`` said."""
        return (self.folder / "up.log").read_text(errors="replace")

    def server(self) -> dict[str, Any]:
        """``server.json``; empty when there is none."""
        try:
            said: dict[str, Any] = json.loads((self.home / "server.json").read_text())
        except (OSError, ValueError):
            return {}
        return said

    def answers(self, pid: int) -> bool:
        """Whether the server of that process does."""
        server = self.server()
        if server.get("pid") != pid:
            return False
        try:
            return httpx.get(f"{server['url']}/health/ready", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def ask(self, path: str) -> dict[str, Any]:
        """GET of the running server."""
        server = self.server()
        answer = httpx.get(f"{server['url']}/v1/{path}", headers=bearer(server["token"]), timeout=10)
        said: dict[str, Any] = answer.raise_for_status().json()
        return said

    def programs(self) -> list[int]:
        """The FFmpeg processes that were started for this data folder."""
        return [pid for pid in processes() if "ffmpeg" in name_of(pid) and belongs(pid, str(self.home))]

    def rendering(self) -> bool:
        """Whether the newest edit's program is at work, and no other: its upload has been looked at."""
        try:
            edits, ingests = (self.ask(f"jobs?kind={kind}&limit=1")["items"] for kind in ("edit", "ingest"))
        except (KeyError, httpx.HTTPError):
            return False  # nobody answers yet
        under_way = bool(edits) and edits[0]["stage"] == "run" and ingests[0]["status"] == "succeeded"
        return under_way and bool(self.programs())

    def leavings(self) -> list[str]:
        """Of work under way, in the spool and the store."""
        spool, found = self.home / "spool", []  # type: tuple[Path, list[Path]]
        for folder in (spool / "runs", spool / "out", spool / "scratch", self.home / "store" / "temporary"):
            found += [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
        return [str(path.relative_to(self.home)) for path in found]


@dataclass(frozen=True, slots=True)
class Said:
    """What a command left."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def line(self) -> str:
        """The only line of stdout."""
        (line,) = self.text.splitlines()
        return line


def ended(process: subprocess.Popen[bytes], stdin: bytes | None = None, seconds: float = 120) -> Said:
    """Waits for it, and ends it when that takes too long."""
    try:
        out, err = process.communicate(stdin, timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"still running after {seconds} s: {err.decode(errors='replace')}") from None
    return Said(process.returncode, out, err.decode(errors="replace"))


def bearer(token: str) -> dict[str, str]:
    """The header that shows it."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Waits for it to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not true after {seconds} s"
        time.sleep(0.05)


def processes() -> list[int]:
    """All of this machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def name_of(pid: int) -> str:
    """What it was started as; empty for one that is gone or dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return "" if state == "Z" else Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    except OSError:
        return ""


def belongs(pid: int, folder: str) -> bool:
    """Whether it works in the folder, or one that it came of was started with its name."""
    try:
        if str(Path(f"/proc/{pid}/cwd").readlink()).startswith(folder):
            return True
        while pid > 1:
            if folder in Path(f"/proc/{pid}/cmdline").read_text(errors="replace"):
                return True
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        pass
    return False
