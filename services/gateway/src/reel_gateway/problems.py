"""Every failure as ``application/problem+json`` (RFC 9457). Nothing of what was sent comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from reel_common.errors import Code, ReelError, RejectedError, TransientError

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
MOST_FIELDS = 20
RETRY_AFTER_S = 2
TYPE = "urn:reel:error:"

trace_id: ContextVar[str] = ContextVar("trace_id", default="")
"""Of the request that is being answered."""

STATUS: Mapping[str, int] = {
    Code.MALFORMED: 400,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.BUSY: 409,
    Code.NOT_READY: 409,
    Code.ALREADY_ENDED: 409,
    Code.WRONG_STATE: 409,
    Code.IDEMPOTENCY_BUSY: 409,
    Code.GONE: 410,
    Code.TOO_LARGE: 413,
    Code.UNSUPPORTED_TYPE: 415,
    Code.RANGE: 416,
    Code.TOO_MANY: 429,
    Code.INTERNAL: 500,
    Code.BUG: 500,
    Code.POISON: 500,
    Code.UNAVAILABLE: 503,
    Code.DEPENDENCY: 503,
    Code.DEADLINE: 504,
}
"""Every other code is something that cannot be done as it was asked: 422."""

_BY_STATUS = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED, 413: Code.TOO_LARGE, 415: Code.UNSUPPORTED_TYPE}
_BY_FIELD = {"empty": Code.EMPTY, "string_too_long": Code.TOO_LONG, "too_long": Code.TOO_LONG}

_REASONS = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "empty": "has nothing to read in it",
    "string_type": "has to be text",
    "bool_type": "has to be true or false",
    "float_type": "has to be a number",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "dict_type": "has to be an object",
    "list_type": "has to be a list",
    "model_attributes_type": "has to be an object",
    "string_pattern_mismatch": "does not have the right form",
    "duplicates": "names the same thing twice",
}
_BOUNDS = {
    "string_too_long": ("max_length", "is longer than {} characters"),
    "string_too_short": ("min_length", "is shorter than {} characters"),
    "too_long": ("max_length", "has more than {} entries"),
    "too_short": ("min_length", "has fewer than {} entries"),
    "greater_than": ("gt", "has to be over {}"),
    "greater_than_equal": ("ge", "has to be at least {}"),
    "less_than_equal": ("le", "has to be at most {}"),
    "literal_error": ("expected", "has to be {}"),
    "enum": ("expected", "has to be {}"),
}
_PLAIN = re.compile(r"[A-Za-z_-][\w-]{0,39}", re.ASCII)

_TEXT = {"type": "string"}
_FIELD = {"type": "object", "properties": {"path": _TEXT, "type": _TEXT, "reason": _TEXT}}
SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "hint", "errors", "trace_id"],
    "properties": {
        **dict.fromkeys(("type", "title", "detail", "code", "hint"), _TEXT),
        "status": {"type": "integer"},
        "errors": {"type": "array", "items": _FIELD},
        "trace_id": {"type": ["string", "null"]},
        "job_id": {**_TEXT, "description": "The job that is in the way."},
    },
}
"""Of a problem, for the API's document."""

Field = tuple[str, str, str]
"""Where, which kind of mistake, and the reason in words of ours."""


class RefusedError(RejectedError):
    """A rejection with what only HTTP has: another status than its code's, headers, further members of the problem."""

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        hint: str = "",
        fields: tuple[tuple[str, str], ...] = (),
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, detail, hint=hint, fields=fields)
        self.status, self.headers, self.members = status, headers or {}, members or {}


def not_found(what: str) -> RefusedError:
    """There is no such thing, or it is somebody else's."""
    return RefusedError(Code.NOT_FOUND, f"There is no such {what}.", hint="Look at the list of yours.")


def problem(
    code: str, detail: str, *, hint: str = "", fields: Iterable[Field] = (), status: int | None = None, **members: Any
) -> dict[str, Any]:
    """The members of a problem, also of ``job.error``."""
    return {
        "type": f"{TYPE}{code}",
        "title": str(code).replace("_", " ").capitalize(),
        "status": status or STATUS.get(code, 422),
        "detail": detail,
        "code": str(code),
        "hint": hint,
        "errors": [{"path": path, "type": kind, "reason": reason} for path, kind, reason in fields],
        "trace_id": trace_id.get() or None,
        **members,
    }


def problem_response(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """ASCII only, so that no text of anybody can break it."""
    return Response(json.dumps(body).encode(), body["status"], dict(headers or {}), MEDIA_TYPE)


def response_of(error: ReelError) -> Response:
    """Whatever we raise on purpose."""
    if isinstance(error, TransientError):
        after = round(error.after.total_seconds()) if error.after else RETRY_AFTER_S
        said = problem(Code.UNAVAILABLE, error.detail, hint="Nothing is lost. Try again shortly.")
        return problem_response(said, {"Retry-After": str(max(1, after))})
    fields = [(path, "invalid", reason) for path, reason in getattr(error, "fields", ())]
    status, members = getattr(error, "status", None), getattr(error, "members", {})
    said = problem(error.code, error.detail, hint=error.hint, fields=fields, status=status, **members)
    return problem_response(said, getattr(error, "headers", None))


def install(app: FastAPI) -> None:
    """Answers for all that routes raise; what nobody expected is answered by ``front``."""
    app.add_exception_handler(ReelError, _raised)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)


async def _raised(_: Request, error: Exception) -> Response:
    assert isinstance(error, ReelError)
    if isinstance(error, TransientError):
        log.warning("unavailable", error=error.detail)
    return response_of(error)


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    code = _BY_STATUS.get(error.status_code, Code.INVALID if error.status_code < 500 else Code.INTERNAL)
    words = {404: "There is nothing at this address.", 405: "This address does not take this method."}
    detail = words.get(error.status_code, "The request cannot be taken.")
    return problem_response(problem(code, detail, status=error.status_code), error.headers)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors: Sequence[Mapping[str, Any]] = error.errors()[:MOST_FIELDS]
    fields = [(path_of(e["loc"]), str(e["type"]), _reason(e)) for e in errors]
    code = _BY_FIELD.get(fields[0][1], Code.INVALID) if fields else Code.INVALID
    detail = "; ".join(f"{path} {reason}" for path, _, reason in fields[:3]) + "."
    return problem_response(problem(code, detail, fields=fields))


def path_of(location: Sequence[str | int]) -> str:
    """``operations[2].width``. A name that somebody made up is shown only when it is a plain one."""
    path = ""
    for part in location[1:]:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if _PLAIN.fullmatch(part) else ".(a name)"
    return path.lstrip(".") or str(location[0] if location else "body")


def _reason(error: Mapping[str, Any]) -> str:
    kind = str(error["type"])
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return words.format(error.get("ctx", {}).get(name, "its limit"))
    return _REASONS.get(kind, "is not valid")
