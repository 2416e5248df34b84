"""Writes ``docs/reference`` from the code: ``python scripts/reference.py``. A test fails when it is stale."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path

from reel_common import errors
from reel_common.domain.kinds import KINDS
from reel_common.messages.registry import MESSAGES

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
NOTE = "<!-- Made by scripts/reference.py from the code: change it there. -->\n\n"


def error_codes() -> str:
    """Every code with what an operator or client should know of it."""
    tree = ast.parse(inspect.getsource(errors.Code)).body[0]
    assert isinstance(tree, ast.ClassDef)
    lines = [
        "# Error codes",
        "",
        "In `code` of every problem (RFC 9457) and of `job.error`.",
        "",
        "| code | meaning |",
        "|---|---|",
    ]
    for member, words in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(member, ast.Assign) and isinstance(words, ast.Expr):
            lines.append(f"| `{ast.literal_eval(member.value)}` | {' '.join(ast.literal_eval(words.value).split())} |")
    return NOTE + "\n".join(lines) + "\n"


def messages() -> str:
    """Every message type, and the table of step kinds."""
    lines = ["# Messages", "", "| type | meaning |", "|---|---|"]
    lines += [f"| `{kind}` | {' '.join((cls.__doc__ or '').split())} |" for kind, cls in sorted(MESSAGES.items())]
    lines += [
        "",
        "# Step kinds",
        "",
        "| kind | service | queue | rung by | announces | slots | limit |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, row in KINDS.items():
        slots = row.slots or "one per core"
        told = f"`{row.ended}`, `{row.failed}`"
        lines.append(f"| {kind} | {row.service} | `{row.queue}` | `{row.requested}` | {told} | {slots} | {row.limit} |")
    return NOTE + "\n".join(lines) + "\n"


PAGES = {"errors.md": error_codes, "messages.md": messages}


def main() -> int:
    """Writes what changed; with ``--check`` only says whether anything would."""
    stale = [name for name, make in PAGES.items() if not _same(FOLDER / name, make())]
    if "--check" not in sys.argv:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name in stale:
            (FOLDER / name).write_text(PAGES[name]())
        return 0
    return 1 if stale else 0


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
