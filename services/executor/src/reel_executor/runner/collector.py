"""Takes the promised outputs of a dead program out of its folder: plain files only, moved, hashed, and never believed.

One for all adapters. It must not be called before the last process of the program is gone.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from reel_common.domain.program import Output
from reel_common.ports.sandbox import Collected
from reel_executor.runner.trees import MOST_ENTRIES

MOST_REFUSED = 32
"""How many refused things are named; a program can make any number."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a fifo would wait for ever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_SMALL = 1 << 20


class _RefusedError(Exception):
    """The reason why something is not taken."""


def collect(
    folder: Path, promised: Sequence[Output], target: Path, prefix: str, limit_bytes: int
) -> tuple[tuple[Collected, ...], tuple[tuple[str, str], ...]]:
    """What was promised and is there, as ``target/<prefix>-<name>``, and what was refused, with the reason.

    ``limit_bytes`` bounds all that is taken together.
    """
    folder.chmod(0o700)  # its owner may have closed it
    collected: list[Collected] = []
    refused: list[tuple[str, str]] = []
    source, to = os.open(folder, _FOLDER), os.open(target, _FOLDER)
    try:
        for output in promised:
            left = limit_bytes - sum(c.size for c in collected)
            try:
                sha256, size = _take(source, output.name, to, f"{prefix}-{output.name}", left)
            except FileNotFoundError:
                continue
            except _RefusedError as reason:
                refused.append((output.name, str(reason)))
            else:
                collected.append(Collected(output.name, target / f"{prefix}-{output.name}", sha256, size))
        refused += [(name, "not promised") for name in _names(source) if name not in {o.name for o in promised}]
    finally:
        os.close(source)
        os.close(to)
    return tuple(collected), tuple(refused[:MOST_REFUSED])


def _take(source: int, name: str, target: int, new: str, limit_bytes: int) -> tuple[str, int]:
    """Moves one file, and returns its digest and size."""
    try:
        fd = os.open(name, _FILE, dir_fd=source)
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = "a symbolic link" if error.errno == errno.ELOOP else "cannot be opened"
        raise _RefusedError(reason) from error
    try:
        size = _size_of_plain(fd, limit_bytes)
    except BaseException:
        os.close(fd)
        raise
    with os.fdopen(fd, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.rename(name, new, src_dir_fd=source, dst_dir_fd=target)
        moved, opened = os.stat(new, dir_fd=target, follow_symlinks=False), os.fstat(fd)
        if not os.path.samestat(moved, opened) or opened.st_size != size:
            os.unlink(new, dir_fd=target)
            raise _RefusedError("changed while it was taken out")
        if opened.st_uid != os.geteuid():
            os.fchown(fd, os.geteuid(), os.getegid())
        os.fchmod(fd, 0o644)
    return sha256, size


def _size_of_plain(fd: int, limit_bytes: int) -> int:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise _RefusedError("not a plain file")
    if status.st_nlink != 1:
        raise _RefusedError("a hard link")
    if status.st_size > limit_bytes:
        raise _RefusedError("too large")
    if _is_sparse(status):
        os.fsync(fd)  # some file systems count blocks only once they are written
        if _is_sparse(os.fstat(fd)):
            raise _RefusedError("mostly holes")
    return status.st_size


def _is_sparse(status: os.stat_result) -> bool:
    return status.st_size > _SMALL and status.st_blocks * 512 < status.st_size // 2


def _names(folder: int) -> Iterator[str]:
    """The names of what is left, harmless to print."""
    with os.scandir(folder) as entries:
        for _, entry in zip(range(MOST_ENTRIES), entries, strict=False):
            yield ascii(entry.name)[1:-1][:80]
