"""Rows of figures: medians of runs, held against goals, as a table and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on the figure or on its ratio to the peer's."""

    bound: float
    of: str = "figure"
    at_least: bool = False

    def met(self, value: float | None) -> bool:
        if value is None:
            return False
        return value >= self.bound if self.at_least else value <= self.bound

    def text(self) -> str:
        return f"{'ratio ' if self.of == 'ratio' else ''}{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """``figure`` is None when it could not be had; then ``name`` says why. ``met`` is None where there is no goal."""

    name: str
    figure: float | None
    unit: str
    peer: str | None
    peer_figure: float | None
    ratio: float | None
    goal: str | None
    met: bool | None
    runs: int


def row(
    name: str,
    unit: str,
    ours: Sequence[float],
    peer: str | None = None,
    theirs: Sequence[float] = (),
    goal: Goal | None = None,
    why: str = "",
) -> Row:
    """The medians. The ratio is the median of those of the runs: each pair met the machine as it was at the time."""
    figure = median(ours)
    ratio = median([a / b for a, b in zip(ours, theirs, strict=False) if b])
    value = ratio if goal and goal.of == "ratio" else figure
    return Row(
        name=name if figure is not None else f"{name} ({why or 'not measured'})",
        figure=rounded(figure),
        unit=unit,
        peer=peer,
        peer_figure=rounded(median(theirs)),
        ratio=rounded(ratio),
        goal=goal.text() if goal else None,
        met=goal.met(value) if goal else None,
        runs=len(ours),
    )


def median(figures: Sequence[float]) -> float | None:
    return statistics.median(figures) if figures else None


def rounded(figure: float | None) -> float | None:
    """To three digits or whole numbers: more would pretend."""
    return None if figure is None else float(f"{figure:.3g}") if abs(figure) < 1000 else float(round(figure))


def table(rows: Iterable[Row]) -> str:
    """For people."""
    cells = [("name", "figure", "unit", "peer", "its figure", "ratio", "goal", "met", "runs")]
    for each in rows:
        values = (each.name, each.figure, each.unit, each.peer, each.peer_figure, each.ratio, each.goal)
        met = "" if each.met is None else "yes" if each.met else "NO"
        cells.append((*(_cell(value) for value in values), met, str(each.runs)))  # type: ignore[arg-type]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return "\n".join(" | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells)


def _cell(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def write(rows: Iterable[Row], path: Path) -> None:
    """For machines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(each) for each in rows], indent=2, ensure_ascii=False) + "\n")
