"""How a command ends: exit codes that scripts can rely on, and the error that carries one to ``main``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from reel_common.errors import Code


class Exit(IntEnum):
    """The table of the documentation."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NEEDS_SOMEBODY = 3
    """The job waits for an approval or an answer."""
    NOT_FOUND = 4
    """Not there, or not allowed."""
    UNREACHABLE = 5
    """Trying again later may help."""
    DEGRADED = 6
    """It succeeded with a fall-back, and ``--strict`` was asked for."""
    QUOTA = 7
    INTERRUPTED = 130


class CommandFailedError(Exception):
    """Ends the command: words for a person, an exit code for a script. ``problem`` is what a server answered."""

    def __init__(
        self,
        exit_code: Exit,
        title: str,
        detail: str = "",
        *,
        hint: str = "",
        fields: Sequence[tuple[str, str]] = (),
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(title)
        self.exit_code, self.title, self.detail, self.hint, self.fields = exit_code, title, detail, hint, fields
        self.problem = problem or {}


class InterruptedByUserError(CommandFailedError):
    """Ctrl-C, or a polite signal from outside."""

    def __init__(self, title: str = "Interrupted.", *, hint: str = "") -> None:
        super().__init__(Exit.INTERRUPTED, title, hint=hint)


def usage(title: str, hint: str = "") -> CommandFailedError:
    """The command was not given as it has to be."""
    return CommandFailedError(Exit.USAGE, title, hint=hint)


def not_found(title: str, hint: str = "") -> CommandFailedError:
    """What the command names is not there."""
    return CommandFailedError(Exit.NOT_FOUND, title, hint=hint)


_BY_STATUS = {
    401: Exit.NOT_FOUND,
    403: Exit.NOT_FOUND,
    404: Exit.NOT_FOUND,
    410: Exit.NOT_FOUND,
    402: Exit.QUOTA,
    429: Exit.QUOTA,
    502: Exit.UNREACHABLE,
    503: Exit.UNREACHABLE,
    504: Exit.UNREACHABLE,
}


def exit_of_answer(status: int) -> Exit:
    """The exit code for an HTTP answer that is an error."""
    return _BY_STATUS.get(status, Exit.FAILED)


def exit_of_failure(code: str) -> Exit:
    """The exit code for the ``error.code`` of a job."""
    return Exit.UNREACHABLE if code in {Code.DEPENDENCY, Code.UNAVAILABLE} else Exit.FAILED
