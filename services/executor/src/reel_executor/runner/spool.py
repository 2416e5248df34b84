"""The runner's side of the spool: inputs kept and forgotten, one folder for each run, leftovers removed.

All of it blocks on the disk; callers use threads.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path

from reel_common.domain.program import Program
from reel_common.errors import Code, PermanentError, SandboxUnavailableError
from reel_common.ports.runner_spool import DIGEST, INPUTS, OUTPUTS, RUNS, SOCKET, copy_hashed, place
from reel_executor.runner.isolation import Prepared
from reel_executor.runner.trees import remove_tree

PROGRAM_USER = 10001
"""Whom programs run as when the runner is root; the sandbox image knows the same user."""

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KEPT_SECONDS = 600
"""An input used more recently than this stays whatever the budget: somebody may be about to name it."""
_ABANDONED = timedelta(hours=6)
"""Outputs that nobody fetched for so long belong to nobody."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how long inputs stay that nobody uses, and how much of the disk they may take up before that."""

    budget_bytes: int = 20 << 30
    age: timedelta = timedelta(days=1)
    floor_bytes: int = 256 << 20
    """With less of the disk free than this, nothing runs."""


class Spool:
    """A spool of which this process is the only runner, from ``open`` to ``close``."""

    def __init__(self, root: Path, keeping: Keeping | None = None) -> None:
        self.root = root.absolute()
        self.inputs, self.runs, self.outputs = self.root / INPUTS, self.root / RUNS, self.root / OUTPUTS
        self.socket = self.root / SOCKET
        self.user = PROGRAM_USER if os.geteuid() == 0 else os.geteuid()
        self._keeping = keeping or Keeping()
        self._lock = -1

    def open(self) -> None:
        """Makes the folders. Raises: SandboxUnavailableError when another runner is at work here."""
        self.root.mkdir(parents=True, exist_ok=True)
        if (
            self.root.stat().st_uid == os.geteuid()
        ):  # a client may have come first and made it with its own idea of modes
            self.root.chmod(0o2771)  # clients by group; others may pass through to a run's folder whose name they know
        self._lock = os.open(self.root / ".runner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise SandboxUnavailableError(f"another runner is at work in {self.root}") from error
        for folder, mode in ((self.inputs, 0o2770), (self.outputs, 0o2770), (self.runs, 0o711)):
            if not folder.exists():
                folder.mkdir()
                folder.chmod(mode)

    def tidy(self) -> None:
        """Removes what a runner that died left; nothing that it started may be at work any more."""
        for folder in self.runs.iterdir():
            remove_tree(folder)
        self.evict()

    def close(self) -> None:
        """Lets another runner have the spool."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def put(self, path: Path, sha256: str) -> None:
        """As ``Sandbox.put``."""
        place(path, sha256, self.inputs)

    def has(self, sha256: str) -> bool:
        """Whether the input is there; it then stays for some minutes at least."""
        path = self.inputs / sha256
        if not DIGEST.fullmatch(sha256) or not path.is_file():
            return False
        with suppress(OSError):  # of a client whose files we may not touch; a run makes it ours
            os.utime(path)
        return True

    def prepare(self, program: Program) -> Prepared:
        """A folder for a run, that holds its inputs from now on. Raises: PermanentError(INPUT_MISSING, INPUT_MISMATCH)."""
        name = uuid.uuid4().hex
        run = Prepared(name, self.runs / name, program, self.user)
        try:
            self._fill(run)
        except BaseException:
            self.discard(run)
            raise
        return run

    def verify(self, run: Prepared) -> None:
        """Reads the inputs that a run holds once more: they are what their digests say, and stay so.

        Nobody else can write to what was read: it is the runner's own file, or else becomes a copy of its own.
        Raises: PermanentError(INPUT_MISMATCH).
        """
        names = {digest: name for name, digest in run.program.inputs.items()}
        for digest, name in names.items():
            held = run.folder / INPUTS / name
            with _opened(held) as file:
                status = os.fstat(file.fileno())
                own = status.st_uid == os.geteuid() and not status.st_mode & 0o222 and status.st_mode & 0o444 == 0o444
                found = file_digest(file, "sha256").hexdigest() if own else self._adopt(file.fileno(), held, digest)
            if found != digest:
                with suppress(OSError):
                    (self.inputs / digest).unlink()
                raise PermanentError(
                    Code.INPUT_MISMATCH, f"the stored input {digest} has other bytes than its name says"
                )
        for name, digest in run.program.inputs.items():
            if names[digest] != name:
                self._link(run.folder / INPUTS / names[digest], run.folder / INPUTS / name)

    def discard(self, run: Prepared) -> None:
        """Removes a run's folder with all that is in it."""
        remove_tree(run.folder)

    def check_room(self) -> None:
        """Raises: SandboxUnavailableError when the disk is nearly full."""
        if shutil.disk_usage(self.root).free < self._keeping.floor_bytes:
            raise SandboxUnavailableError("the disk of the spool is full")

    def evict(self) -> None:
        """Removes inputs that nobody used for long, those above the budget, and outputs that nobody fetched."""
        now = time.time()
        for path, status in _files(self.outputs):
            if now - status.st_mtime > _ABANDONED.total_seconds():
                path.unlink(missing_ok=True)
        total = 0
        # The most recently used first, so that those beyond the budget are the ones that nobody wants.
        for path, status in sorted(_files(self.inputs), key=lambda f: f[1].st_mtime, reverse=True):
            unused = now - status.st_mtime
            total += status.st_blocks * 512
            over = total > self._keeping.budget_bytes or unused > self._keeping.age.total_seconds()
            if over and unused > _KEPT_SECONDS:
                path.unlink(missing_ok=True)

    def _fill(self, run: Prepared) -> None:
        run.folder.mkdir()
        run.folder.chmod(0o711)
        inputs = run.folder / INPUTS
        inputs.mkdir()
        inputs.chmod(0o755)
        for name in (OUTPUTS, "tmp"):
            folder = run.folder / name
            folder.mkdir(mode=0o700)
            if self.user != os.geteuid():
                os.chown(folder, self.user, self.user)
        for name, digest in run.program.inputs.items():
            self._hold(digest, inputs / name)
        for name, text in run.program.files.items():
            (inputs / name).write_text(text, encoding="utf-8", newline="")
            (inputs / name).chmod(0o444)

    def _hold(self, digest: str, target: Path) -> None:
        """A link of the run's own: whatever happens to the name in ``in/``, the run has these bytes."""
        source = self.inputs / digest
        with suppress(OSError):
            os.utime(source, follow_symlinks=False)
        try:
            self._link(source, target)
        except FileNotFoundError as error:
            raise PermanentError(Code.INPUT_MISSING, f"the input {digest} is not in the spool") from error

    def _link(self, source: Path, target: Path) -> None:
        try:
            target.unlink(missing_ok=True)
            os.link(source, target, follow_symlinks=False)
        except PermissionError:  # another user's file, where the kernel lets nobody link such
            with _opened(source) as file:
                copy_hashed(file, target)

    def _adopt(self, fd: int, held: Path, digest: str) -> str:
        """Makes a copy of a client's file the run's and, if it is right, the spool's."""
        new = held.with_name(f".{held.name}")
        with os.fdopen(os.dup(fd), "rb") as file:
            found = copy_hashed(file, new)
        new.replace(held)
        if found == digest:
            shared = self.inputs / f".{uuid.uuid4().hex}"
            os.link(held, shared)
            shared.replace(self.inputs / digest)
        return found


def _opened(path: Path) -> BufferedReader:
    """A plain file and nothing else, opened to be read."""
    try:
        fd = os.open(path, _FILE)
    except OSError as error:
        raise PermanentError(Code.INPUT_MISMATCH, "an input in the spool is not a plain file") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise PermanentError(Code.INPUT_MISMATCH, "an input in the spool is not a plain file")
    return os.fdopen(fd, "rb")


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            yield path, path.stat(follow_symlinks=False)
