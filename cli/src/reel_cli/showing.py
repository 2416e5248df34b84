"""What a person sees on stderr while something takes time: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from reel_cli.exits import CommandFailedError
from reel_common.errors import Code

EVERY_S = 5.0
"""Seconds between plain lines of one stage."""


class Display(Protocol):
    """A context: what it draws is gone when it ends, what it said stays."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, stage: str, fraction: float | None, message: str = "", eta_s: float | None = None) -> None:
        """How far it is: ``fraction`` 0–1, or None when that is not known."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def end(self) -> None:
        """There is nothing more to show: what is drawn goes, and results may be printed."""


def display() -> Display:
    """The one for where stderr leads."""
    return Bar() if sys.stderr.isatty() else Lines()


class Bar:
    """One line that moves."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[message]}"),
            console=console or Console(stderr=True),
            transient=True,
            expand=True,
            redirect_stdout=False,  # or what is printed for a script would go where the bar goes
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("starting", total=None, message="")

    def __enter__(self) -> Self:
        return self  # drawn with the first thing to show: a command that is done at once draws nothing

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, stage: str, fraction: float | None, message: str = "", eta_s: float | None = None) -> None:
        """Moves it; without a fraction it swings."""
        self._progress.start()
        words = escape(" ".join(part for part in (message, _eta(eta_s)) if part))
        total, completed = (None, 0.0) if fraction is None else (1.0, fraction)
        self._progress.update(
            self._task, description=escape(stage), total=total, completed=completed, message=words, refresh=True
        )

    def say(self, text: str) -> None:
        """Above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def end(self) -> None:
        """Takes the bar away."""
        self._progress.stop()


class Lines:
    """A line for each stage, and one every few seconds."""

    def __init__(self) -> None:
        self._stage, self._last, self._shown = "", 0.0, ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def show(self, stage: str, fraction: float | None, message: str = "", eta_s: float | None = None) -> None:
        """The line, when it is time for one."""
        now = time.monotonic()
        if stage == self._stage and now - self._last < EVERY_S:
            return
        percent = "" if fraction is None else f"{fraction:.0%}"
        line = "  ".join(part for part in (stage, percent, message, _eta(eta_s)) if part)
        if line != self._shown:
            self.say(line)
        self._stage, self._last, self._shown = stage, now, line

    def say(self, text: str) -> None:
        """One line, in one write."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Nothing is drawn."""


def complain(error: CommandFailedError) -> None:
    """Title, what is wrong in detail and each field, and what can be done about it."""
    lines = [f"reel: {error.title}"]
    if error.detail and error.detail != error.title:
        lines.append(f"  {error.detail}")
    lines += [f"  {path}: {reason}" for path, reason in error.fields]
    if error.hint:
        lines.append(f"  {error.hint}")
    if error.problem.get("code") == Code.INTERNAL:
        lines.append(f"  trace_id {error.problem.get('trace_id')}")
    sys.stderr.write("\n".join(_printable(line) for line in lines) + "\n")


def _printable(line: str) -> str:
    """Words of a server cannot steer the terminal."""
    return "".join(c for c in line if c.isprintable() or c == "\n")


def _eta(seconds: float | None) -> str:
    if seconds is None or seconds < 1:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} left"
