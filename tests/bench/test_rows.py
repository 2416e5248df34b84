"""What the bench makes of its figures."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench.rows import Goal, row, table, write


def test_the_ratio_is_the_median_of_the_runs_and_not_of_the_medians() -> None:
    made = row("flow x", "jobs/s", [100, 50, 80], "peer", [200, 200, 160], Goal(0.5, of="ratio", at_least=True))
    assert (made.figure, made.peer_figure, made.ratio, made.met, made.runs) == (80, 200, 0.5, True, 3)


def test_a_bound_on_the_figure() -> None:
    assert row("flow x", "ms", [19, 21, 25], goal=Goal(20)).met is False
    assert row("flow x", "ms", [19, 20, 25], goal=Goal(20)).met is True
    assert row("flow x", "ms", [19]).met is None


def test_what_could_not_be_measured_says_why_and_misses_its_goal() -> None:
    made = row("memory x", "MB", [], goal=Goal(150), why="does not start")
    assert (made.name, made.figure, made.met, made.runs) == ("memory x (does not start)", None, False, 0)
    assert row("flow x", "ms", [3], "peer", [], Goal(1, of="ratio")).met is False


def test_rows_are_a_list_for_machines_and_lines_for_people(tmp_path: Path) -> None:
    made = [row("flow x", "ms", [1.23456], "peer", [2], Goal(20)), row("flow y", "ms", [])]
    write(made, tmp_path / "new" / "bench.json")
    read = json.loads((tmp_path / "new" / "bench.json").read_text())
    assert [list(each) for each in read] == [
        ["name", "figure", "unit", "peer", "peer_figure", "ratio", "goal", "met", "runs"]
    ] * 2
    assert read[0]["figure"] == 1.23
    assert len(table(made).splitlines()) == 3
