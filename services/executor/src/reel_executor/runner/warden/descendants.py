"""The processes that came of this one, and the memory that they hold; from /proc, so nothing where there is none."""
# pathlib takes longer to import than the warden has
# ruff: noqa: PTH112, PTH123, PTH208

from __future__ import annotations

import os
from contextlib import suppress

_PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants() -> list[int]:
    """All of them, by their ids. What is started while we look may be missing."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdecimal():
            with suppress(OSError, ValueError, IndexError):
                # the name of the program, in brackets, may itself hold brackets and spaces
                status = _read(f"/proc/{name}/stat").rpartition(b")")[2].split()
                children.setdefault(int(status[1]), []).append(int(name))
    found = [os.getpid()]
    for pid in found:
        found += children.get(pid, ())
    return found[1:]


def memory_bytes() -> int:
    """The memory of their own that they hold together, without files that are merely mapped."""
    total = 0
    for pid in descendants():
        with suppress(OSError, ValueError):
            _, resident, shared, *_ = _read(f"/proc/{pid}/statm").split()
            total += int(resident) - int(shared)
    return total * _PAGE


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()
