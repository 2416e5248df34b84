"""Folders that a program may have filled with anything: how much is in them, and how to be rid of them.

Nothing here follows a link, trusts a depth, or believes that what it saw a moment ago is still there.
"""

from __future__ import annotations

import errno
import os
import stat
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOST_ENTRIES, MOST_DEPTH = 1000, 4
_ATTEMPTS = 20

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Measured:
    """What a folder holds. ``excess`` names what was too much to go on counting, or could not be looked into."""

    bytes: int = 0
    entries: int = 0
    excess: str = ""


def measure(folder: Path) -> Measured:
    """The space that a folder takes up on the disk, while a program may be writing to it."""
    found = Measured()
    try:
        fd = os.open(folder, _FOLDER)
    except OSError:
        found.excess = "the folder of results cannot be looked into"
        return found
    _measure(fd, found, 0)
    return found


def remove_tree(folder: Path) -> None:
    """Removes a folder of any depth, with any permissions that its owner could set.

    Who writes to it has to be dead; if he is about to die, it waits for him.
    """
    for attempt in range(_ATTEMPTS):
        try:
            _empty(folder)
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.ENOTEMPTY or attempt + 1 == _ATTEMPTS:
                raise
            time.sleep(0.1)


def _empty(folder: Path) -> None:
    folder.chmod(0o700)
    fd = os.open(folder, _FOLDER)
    try:
        while _strip(fd):
            pass
    finally:
        os.close(fd)


def _measure(fd: int, found: Measured, depth: int) -> None:
    """Adds up one open folder, which it closes."""
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                found.entries += 1
                if found.entries > MOST_ENTRIES:
                    found.excess = "the folder of results has too many entries"
                if found.excess:
                    return
                with suppress(FileNotFoundError):
                    _add(fd, entry, found, depth)
    finally:
        os.close(fd)


def _add(fd: int, entry: os.DirEntry[str], found: Measured, depth: int) -> None:
    status = entry.stat(follow_symlinks=False)
    found.bytes += status.st_blocks * 512
    if not stat.S_ISDIR(status.st_mode):
        return
    if depth >= MOST_DEPTH:
        found.excess = "the folder of results is too deep"
        return
    try:
        below = os.open(entry.name, _FOLDER, dir_fd=fd)
    except FileNotFoundError:
        return
    except OSError:
        found.excess = "a folder among the results cannot be looked into"
        return
    _measure(below, found, depth + 1)


def _strip(top: int) -> bool:
    """Removes one level beneath ``top`` by moving what lies deeper up; whether anything was there."""
    names = [(e.name, e.is_dir(follow_symlinks=False)) for e in os.scandir(top)]
    for name, is_folder in names:
        if is_folder:
            _lift(top, name)
            os.rmdir(name, dir_fd=top)
        else:
            os.unlink(name, dir_fd=top)
    return bool(names)


def _lift(top: int, name: str) -> None:
    os.chmod(name, 0o700, dir_fd=top)
    fd = os.open(name, _FOLDER, dir_fd=top)
    try:
        for entry in os.scandir(fd):
            if entry.is_dir(follow_symlinks=False):
                os.chmod(entry.name, 0o700, dir_fd=fd)
                os.rename(entry.name, uuid.uuid4().hex, src_dir_fd=fd, dst_dir_fd=top)
            else:
                os.unlink(entry.name, dir_fd=fd)
    finally:
        os.close(fd)
