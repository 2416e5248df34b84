"""A bar for people, lines for logs, and stdout for what a script reads."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from reel_cli.showing import Bar, Lines


def test_a_bar_takes_nothing_from_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    screen = io.StringIO()
    with Bar(Console(file=screen, force_terminal=True, width=80)) as bar:
        bar.show("rendering", 0.5, "[bold]0:03[/bold] of 0:05", 65)
        bar.say("by the way")
        print("out.mp4")
        bar.end()
    assert capsys.readouterr().out == "out.mp4\n"
    for words in ("rendering", "50%", "[bold]0:03", "1:05 left", "by the way"):
        assert words in screen.getvalue()


def test_a_command_that_is_done_at_once_draws_nothing() -> None:
    screen = io.StringIO()
    with Bar(Console(file=screen, force_terminal=True, width=80)):
        pass
    assert screen.getvalue() == ""


def test_lines_come_with_stages_and_not_too_often(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines() as lines:
        for fraction in (0.0, 0.1, 0.2):
            lines.show("rendering", fraction)
        lines.show("checking", None, "Checking")
        lines.end()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["rendering  0%", "checking  Checking"]
