"""The data folder of the single process: who may use it, what lies where, and the address of who does use it.

Whoever holds the lock is the only process on the ledger in it. The lock goes with its process, however that ends, so
what ``server.json`` says counts only while somebody holds the lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


class FolderInUseError(Exception):
    """Another process holds the lock."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server at work in the folder. One that is ``passing`` ends with the command that it is part of."""

    url: str
    pid: int
    token: str = ""
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Home:
    """Paths within ``root``, and the files that say who is at work in it."""

    root: Path

    @property
    def database_url(self) -> str:
        """The ledger."""
        return f"sqlite:///{self.root / 'reel.db'}"

    @property
    def store(self) -> Path:
        """The object store."""
        return self.root / "store"

    @property
    def spool(self) -> Path:
        """The runner's folder; on the store's file system, so that bytes are linked and not copied."""
        return self.root / "spool"

    @property
    def log(self) -> Path:
        """What a quiet process had to say."""
        return self.root / "reel.log"

    @property
    def _server(self) -> Path:
        return self.root / "server.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder where it is missing, and holds it. Raises: FolderInUseError, OSError."""
        if "?" in str(self.root):  # would begin the options of the database's address
            raise OSError(f"a data folder cannot have a question mark in its name: {self.root}")
        self.root.mkdir(parents=True, exist_ok=True, mode=0o711)  # programs of another user pass through to their spool
        self.store.mkdir(mode=0o700, exist_ok=True)
        make_spool(self.spool)
        lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise FolderInUseError(str(self.root)) from error
            self._server.unlink(missing_ok=True)  # of one that was killed
            (self.root / "reel.db").touch(mode=0o600)
            yield
        finally:
            os.close(lock)

    def announce(self, server: Server) -> None:
        """Says where the server of this folder is, to commands of the same user."""
        temporary = self._server.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(server), file)
        temporary.replace(self._server)

    def withdraw(self) -> None:
        """The server is about to be gone."""
        self._server.unlink(missing_ok=True)

    def server(self) -> Server | None:
        """What the file says; whether that is still so, the lock knows."""
        try:
            said = json.loads(self._server.read_text())
            return Server(str(said["url"]), int(said["pid"]), str(said["token"]), bool(said["passing"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def make_spool(folder: Path) -> None:
    """As the runner makes it: whoever comes first, it is open to the group, and lets others pass through."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o2771)


def default_root() -> Path:
    """Where a person's data lie on this platform."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "reel"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "reel"
