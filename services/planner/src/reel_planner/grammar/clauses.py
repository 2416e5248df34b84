"""What a clause of a request is once it was read; each kind of operation has a module of rules that read such clauses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reel_planner.grammar.cursor import Cursor
from reel_planner.grammar.intents import Intent


@dataclass(frozen=True, slots=True)
class Clause:
    """The intents of one clause, in order.

    ``bare``: nothing but a part of the video was named, without a verb. ``selects``: it says which stretch to keep.
    """

    intents: tuple[Intent, ...]
    bare: bool = False
    selects: bool = False


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Understood, and not something that can be done: ``reason`` completes "cannot be done: …"."""

    reason: str


Rule = Callable[[Cursor], Clause | Unsupported | None]
"""Reads a clause from where the cursor stands."""
