"""Whose failure it is, as types; the code a client can rely on, as data.

The tree::

    ReelError
    ├── PermanentError          trying again is useless: the step or request fails with its code
    │   ├── RejectedError       the request cannot be taken as it is (the gateway answers 4xx)
    │   └── ProgramFailedError  a program ran and ended badly: its own result, with the tail of its log
    ├── TransientError          nothing is lost: the worker tries again later
    │   └── SandboxUnavailableError   nothing ran
    └── LimitExceededError      a program was stopped at a limit; its processes are gone
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Code(StrEnum):
    """Stable names of failures, shown in ``code`` of every problem and of ``job.error``."""

    # requests
    INVALID = "invalid"
    """The request does not have the form described in the API. Look at ``errors`` for each field."""
    MALFORMED = "malformed"
    """The body is not JSON that can be read unambiguously."""
    UNSUPPORTED_TYPE = "unsupported_type"
    """The content type is not one that this address takes."""
    TOO_LARGE = "too_large"
    """The body is over the limit of this address."""
    EMPTY = "empty"
    """The text has nothing to read in it."""
    TOO_LONG = "too_long"
    """The text is over its limit."""
    NOT_FOUND = "not_found"
    """There is no such thing, or it is not yours."""
    GONE = "gone"
    """It was there and has been deleted."""
    UNAUTHENTICATED = "unauthenticated"
    """The request carries no token, or one that is not known."""
    FORBIDDEN = "forbidden"
    """The request comes from a page or under a name that this server does not answer to."""
    METHOD_NOT_ALLOWED = "method_not_allowed"
    """The address exists, the method does not."""
    BUSY = "busy"
    """Another edit of this branch is under way; wait for it, cancel it, or send ``on_busy: queue``."""
    NOT_READY = "not_ready"
    """The thing exists but is still being made."""
    ALREADY_ENDED = "already_ended"
    """The job has ended; a job that has ended never changes."""
    WRONG_STATE = "wrong_state"
    """The job is not in a state in which that can be done."""
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    """The idempotency key was used before with another body."""
    IDEMPOTENCY_BUSY = "idempotency_busy"
    """A request with this idempotency key is still being answered."""
    RANGE = "range_not_satisfiable"
    """The byte range lies outside of the file."""
    TOO_MANY = "too_many"
    """Too many requests or jobs at once; try again after ``Retry-After`` seconds."""
    UNAVAILABLE = "unavailable"
    """A server we depend on is away; try again shortly."""
    INTERNAL = "internal"
    """Our fault. Report it with the ``trace_id``."""

    # planning
    NOT_UNDERSTOOD = "not_understood"
    """Part of the request has no meaning for the planner; it is quoted, and nothing was done."""
    PLAN_INVALID = "plan_invalid"
    """The plan contradicts itself or the media (a cut behind the end, nothing left to show)."""

    # media
    NOT_MEDIA = "not_media"
    """The file is empty, or not a video or audio file that can be read."""
    UNSUPPORTED_MEDIA = "unsupported_media"
    """The file is of a kind that is refused (a playlist, a list of other files, a stream description)."""
    CHECKSUM = "checksum"
    """The bytes that arrived are not those that the digest header announced; send them again."""
    TRUNCATED = "truncated"
    """The file ends before its content does."""
    MEDIA_LIMITS = "media_limits"
    """The file is over a limit of duration, size, rate or number of tracks."""
    INPUT_MISSING = "input_missing"
    """Stored bytes that a step needs are not there."""
    INPUT_MISMATCH = "input_mismatch"
    """Stored bytes are not those that the ledger describes."""

    # running
    NO_SUCH_TOOL = "no_such_tool"
    """The plan names a tool that is not installed."""
    PROGRAM_FAILED = "program_failed"
    """The program ended with an error of its own; ``log_tail`` has its last words."""
    NO_OUTPUT = "no_output"
    """The program ended well and did not write what it promised."""
    BAD_OUTPUT = "bad_output"
    """What the program wrote is not a plain file of the kind it promised."""
    LIMIT_TIME = "limit_time"
    """The program was stopped at its time limit."""
    LIMIT_MEMORY = "limit_memory"
    """The program was stopped at its memory limit."""
    LIMIT_OUTPUT = "limit_output"
    """The program was stopped because it wrote more than it may."""
    GATE = "gate"
    """The result is not what the plan promised; the figure is in ``detail``."""

    # flow
    DEPENDENCY = "dependency_unavailable"
    """A server was away for longer than we try."""
    DEADLINE = "deadline"
    """The job's deadline passed before it ended."""
    POISON = "poison"
    """The step took its worker down ten times; its input is kept."""
    BUG = "bug"
    """Our fault: the step failed in a way that we did not expect."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is kept with a step and shown with a job."""

    code: Code
    detail: str
    hint: str = ""
    log_tail: str = ""

    def as_json(self) -> dict[str, str]:
        parts = {"code": str(self.code), "detail": self.detail, "hint": self.hint, "log_tail": self.log_tail}
        return {k: v for k, v in parts.items() if v}


class ReelError(Exception):
    """Everything that we raise on purpose."""

    def __init__(self, code: Code, detail: str, *, hint: str = "", log_tail: str = "") -> None:
        super().__init__(detail)
        self.code, self.detail, self.hint, self.log_tail = code, detail, hint, log_tail

    @property
    def failure(self) -> Failure:
        return Failure(self.code, self.detail, self.hint, self.log_tail)


class PermanentError(ReelError):
    """Trying again is useless."""


class RejectedError(PermanentError):
    """A request that cannot be taken. ``fields`` says which part and why: (path, reason), never the value itself."""

    def __init__(self, code: Code, detail: str, *, hint: str = "", fields: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(code, detail, hint=hint)
        self.fields = fields


class ProgramFailedError(PermanentError):
    """A program ran to its end and failed."""


class TransientError(ReelError):
    """Again later: after ``after`` if the other side said so, else with growing pauses."""

    def __init__(self, detail: str, *, after: timedelta | None = None, code: Code = Code.DEPENDENCY) -> None:
        super().__init__(code, detail)
        self.after = after


class SandboxUnavailableError(TransientError):
    """The sandbox could not be had; nothing ran."""


class LimitExceededError(ReelError):
    """A program was stopped at one of its limits (code ``limit_…``); nothing of it runs any more."""
