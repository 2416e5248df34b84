"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def landing(path: Path) -> Iterator[BinaryIO]:
    """Write to what it gives; afterwards it is called ``path``, replacing what was there. On an error nothing is left."""
    temporary = beside(path)
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def beside(path: Path) -> Path:
    """A name in the same folder that nobody else takes."""
    return path.with_name(f".{secrets.token_hex(8)}.part")


def fsync_folder(folder: Path) -> None:
    """Makes a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prune_folders(path: Path, root: Path) -> None:
    """Removes the folders above ``path`` that are empty now, below ``root``."""
    for folder in path.parents:
        if folder == root:
            return
        try:
            folder.rmdir()
        except OSError:
            return
