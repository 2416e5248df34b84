"""The folder that the runner and its clients share: what lies where, and how the bytes of an input get into it.

The folder's path is the same for all of them, inside and outside of containers. What the runner does with it is its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
import uuid
from contextlib import suppress
from io import BufferedRandom, BufferedReader
from pathlib import Path

from reel_common.errors import Code, PermanentError, SandboxUnavailableError

INPUTS = "in"
"""Inputs by their digest, ``in/<sha256>``: never written to once they are there, removed when nobody used them for long."""
RUNS = "runs"
"""One folder for each program at work; nobody but the runner looks into it."""
OUTPUTS = "out"
"""What programs wrote, taken out and hashed; each file is removed by the client that it was made for."""
SOCKET = "runner.sock"

DIGEST = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20
_FICLONE = 0x40049409


def place(source: Path, sha256: str, inputs: Path) -> None:
    """Puts the bytes of ``source`` at ``inputs/<sha256>``, whole or not at all; blocks while it reads them.

    A file that nobody may write to is linked, one on a file system that shares blocks is cloned, any other copied.
    Raises: PermanentError(INPUT_MISMATCH) when its digest is another one, SandboxUnavailableError without the folder.
    """
    if not DIGEST.fullmatch(sha256):
        raise PermanentError(Code.INVALID, "an input is named by its sha256 in lower-case hexadecimal digits")
    if not inputs.is_dir():
        raise SandboxUnavailableError("the runner's folder of inputs does not exist: has it been started?")
    new = inputs / f".{uuid.uuid4().hex}"
    try:
        with source.open("rb") as file:
            digest = _link(source, file, new) or copy_hashed(file, new)
        if digest != sha256:
            raise PermanentError(Code.INPUT_MISMATCH, "the file is not the one that its digest names")
        new.replace(inputs / sha256)
    finally:
        # still there after a failure, and after a rename of two links to one file, which does nothing
        new.unlink(missing_ok=True)


def copy_hashed(file: BufferedReader, target: Path) -> str:
    """Copies an open file to a new one that anybody may read and nobody write, and returns its digest."""
    fd = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w+b") as new:
        # of a clone the digest is that of the clone: the original may be written to in the meantime
        digest = hashlib.file_digest(new, "sha256").hexdigest() if _clone(file, new) else _copy(file, new)
        os.fchmod(new.fileno(), 0o444)
    return digest


def _copy(file: BufferedReader, new: BufferedRandom) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
        new.write(block)
    return digest.hexdigest()


def _link(source: Path, file: BufferedReader, new: Path) -> str:
    """The digest of the file that is linked at ``new`` now, or nothing when it is better copied."""
    found = os.fstat(file.fileno())
    readable, writable = found.st_mode & 0o444 == 0o444, found.st_mode & 0o222
    if not stat.S_ISREG(found.st_mode) or writable or not readable:
        return ""
    with suppress(OSError):  # another file system, or one without links
        os.link(source, new, follow_symlinks=True)
        if os.path.samestat(new.stat(), found):
            return hashlib.file_digest(file, "sha256").hexdigest()
        new.unlink()
    return ""


def _clone(file: BufferedReader, new: BufferedRandom) -> bool:
    try:
        fcntl.ioctl(new.fileno(), _FICLONE, file.fileno())
    except OSError:
        return False
    return True
