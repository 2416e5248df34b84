"""JSON bodies, read so that they can mean one thing only. What passes here is then checked by each route's model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from reel_common.errors import Code
from reel_gateway.problems import RefusedError, path_of

MOST_BYTES = 256 * 1024
DEEPEST = 32
LONGEST_NUMBER = 1000
"""Digits of a number: more is no number of ours, and slow to read."""
_WIDE = (b"\xff\xfe", b"\xfe\xff")


class Strict(BaseModel):
    """What a body may be: exactly the types named, nothing that is not named."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class StrictRoute(APIRoute):
    """Reads the body of whatever may have one before FastAPI does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See ``APIRoute``."""
        original = super().get_route_handler()

        async def handler(request: Request) -> Response:
            if request.method in {"POST", "PUT", "PATCH"}:
                request = await _read(request)
            return await original(request)

        return handler


class _ReadRequest(Request):
    """A request whose body has been read and understood."""

    def __init__(self, request: Request, content: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._content, self._value = content, value

    async def body(self) -> bytes:
        return self._content

    async def json(self) -> Any:
        return self._value


async def _read(request: Request) -> Request:
    too_large = RefusedError(Code.TOO_LARGE, f"A request's body has at most {MOST_BYTES} bytes.")
    if int(request.headers.get("content-length", "0")) > MOST_BYTES:
        raise too_large
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise too_large
    if not content:
        return _ReadRequest(request, content, None)
    _check_type(request.headers.get("content-type", ""))
    return _ReadRequest(request, content, read_json(content))


def _check_type(given: str) -> None:
    header = Message()
    header["content-type"] = given
    if header.get_content_type() != "application/json" or header.get_content_charset("utf-8") != "utf-8":
        raise RefusedError(Code.UNSUPPORTED_TYPE, "The body has to be application/json in UTF-8.")


def read_json(content: bytes) -> Any:
    """Raises: RefusedError: UNSUPPORTED_TYPE for another encoding, MALFORMED for what is no JSON or means two things,
    INVALID for values that JSON can write and nothing can store.
    """
    if content.startswith(_WIDE) or b"\0" in content[:4]:
        raise RefusedError(Code.UNSUPPORTED_TYPE, "The body has to be in UTF-8.")
    try:
        value = json.loads(content.decode(), object_pairs_hook=_once, parse_int=_integer, parse_float=_number)
    except UnicodeDecodeError:
        raise RefusedError(Code.MALFORMED, "The body is not UTF-8.") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise RefusedError(Code.MALFORMED, "The body is not JSON.") from None
    _check_values(value)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RefusedError(Code.MALFORMED, "An object of the body has the same name twice.")
    return found


def _integer(digits: str) -> int:
    _check_length(digits)
    return int(digits)


def _number(digits: str) -> float:
    _check_length(digits)
    return float(digits)


def _check_length(digits: str) -> None:
    if len(digits) > LONGEST_NUMBER:
        raise RefusedError(Code.MALFORMED, f"A number of the body has more than {LONGEST_NUMBER} digits.")


def _too_deep() -> RefusedError:
    return RefusedError(Code.MALFORMED, f"The body is nested more than {DEEPEST} deep.")


def _check_values(value: Any) -> None:
    """Without recursion, so that depth costs nothing."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [(("body",), value)]
    while waiting:
        at, each = waiting.pop()
        if len(at) > DEEPEST:
            raise _too_deep()
        if isinstance(each, dict):
            waiting += [((*at, name), inner) for name, inner in each.items()]
            waiting += [((*at, "(a name)"), name) for name in each]
        elif isinstance(each, list):
            waiting += [((*at, n), inner) for n, inner in enumerate(each)]
        elif isinstance(each, str):
            _check_text(at, each)
        elif isinstance(each, float) and not math.isfinite(each):
            raise _bad_value(at, "has to be a finite number")


def _check_text(at: tuple[str | int, ...], text: str) -> None:
    if "\0" in text:
        raise _bad_value(at, "has a NUL character")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise _bad_value(at, "has half of a character (a lone surrogate)")


def _bad_value(at: tuple[str | int, ...], reason: str) -> RefusedError:
    path = path_of(at)
    return RefusedError(Code.INVALID, f"{path} {reason}.", fields=((path, reason),))
