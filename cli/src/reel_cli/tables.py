"""Lists and single things on stdout: columns for people, JSON for programs, never a colour."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reel_cli.api import Json
from reel_cli.ids import short

Column = tuple[str, Callable[[Json], Any]]


def print_list(items: Sequence[Json], columns: Sequence[Column], *, as_json: bool) -> None:
    """One line an item, ids cut where that leaves them unique on a terminal."""
    if as_json:
        print(json.dumps(list(items), indent=2, ensure_ascii=False))
        return
    length = short(str(item["id"]) for item in items) if sys.stdout.isatty() else 36
    rows = [[name for name, _ in (("id", None), *columns)]]
    rows += [[str(item["id"])[:length], *(_text(value(item)) for _, value in columns)] for item in items]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_one(item: Mapping[str, Any], *, as_json: bool) -> None:
    """A thing with all that is known of it."""
    if as_json:
        print(json.dumps(dict(item), indent=2, ensure_ascii=False))
        return
    for name, value in item.items():
        if value not in (None, "", [], {}):
            print(
                f"{name}: {_text(value) if not isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False)}"
            )


def ago(moment: Any, now: datetime | None = None) -> str:
    """How long ago an ISO 8601 time was."""
    try:
        seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(str(moment))).total_seconds()
    except (ValueError, TypeError):
        return ""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "now"


def percent(fraction: Any) -> str:
    """A fraction for people."""
    return "" if fraction is None else f"{float(fraction):.0%}"


def _text(value: Any) -> str:
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else " " for c in text)
