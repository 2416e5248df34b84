"""The processes that came of this one, and the memory that they hold; from /proc, so nothing where there is none."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants() -> list[int]:
    """All of them, by their ids. What is started while we look may be missing."""
    children: dict[int, list[int]] = defaultdict(list)
    with suppress(OSError):
        for process in _PROC.iterdir():
            if process.name.isdecimal():
                with suppress(OSError, ValueError, IndexError):
                    # the name of the program, in brackets, may itself hold brackets and spaces
                    status = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
                    children[int(status[1])].append(int(process.name))
    found = [os.getpid()]
    for pid in found:
        found += children[pid]
    return found[1:]


def memory_bytes() -> int:
    """The memory of their own that they hold together, without files that are merely mapped."""
    total = 0
    for pid in descendants():
        with suppress(OSError, ValueError, IndexError):
            _, resident, shared, *_ = (_PROC / str(pid) / "statm").read_text().split()
            total += int(resident) - int(shared)
    return total * _PAGE
