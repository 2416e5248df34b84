"""One byte range of a file (RFC 9110, section 14). Several at once, or none that can be read, mean the whole file."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})", re.ASCII)


class UnsatisfiableError(ValueError):
    """The range lies outside of the file."""


@dataclass(frozen=True, slots=True)
class Range:
    """``length`` bytes from ``start`` of a file of ``size`` bytes."""

    start: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        """The header of a partial answer."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.size}"


def wanted(header: str | None, size: int) -> Range | None:
    """What is asked for, or None for the whole file. Raises: UnsatisfiableError."""
    match = _ONE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        if not length:
            raise UnsatisfiableError
        return Range(size - length, length, size)
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None  # not a range at all
    if start >= size:
        raise UnsatisfiableError
    return Range(start, end - start + 1, size)
