"""The outermost layer: a trace id, a line in the log, headers on every answer, and the answer when all else fails."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from reel_common.errors import Code, ReelError
from reel_gateway.problems import problem, problem_response, response_of, trace_id

log = structlog.get_logger("reel_gateway")

Check = Callable[[Scope], None]
"""Raises ReelError when a request is not to be looked at any further."""

STALLED_S = 120.0
"""A client that takes nothing of its answer for so long is let go; it can ask for the rest."""

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every answer has unless its route says otherwise."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class StalledError(ConnectionError):
    """The client does not read."""


class Front:
    """ASGI middleware. ``secure``: users reach us by https only."""

    def __init__(self, app: ASGIApp, checks: Sequence[Check] = (), *, secure: bool = False) -> None:
        self._app, self._checks = app, checks
        self._headers = {**HEADERS, **({"Strict-Transport-Security": "max-age=31536000"} if secure else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = _trace(scope)
        token = trace_id.set(trace)
        try:
            with bound_contextvars(trace_id=trace):
                await self._answer(scope, receive, send)
        finally:
            trace_id.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, began = 0, time.monotonic()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Trace-Id", trace_id.get())
            await _patiently(send, message)

        try:
            for check in self._checks:
                check(scope)
            await self._app(scope, receive, answer)
        except StalledError:
            log.info("client stalled", path=scope["path"])  # the server closes what was not answered to its end
        except ReelError as error:
            await response_of(error)(scope, receive, answer)
        except Exception:
            log.exception("request failed", method=scope["method"], path=scope["path"])
            if status:  # too late for another answer: the connection breaks off
                raise
            said = problem(Code.INTERNAL, "Something went wrong on our side.", hint="Report it with the trace_id.")
            await problem_response(said)(scope, receive, answer)
        finally:
            ms = round((time.monotonic() - began) * 1000, 1)
            log.info("request", method=scope["method"], path=scope["path"], status=status, ms=ms)


async def _patiently(send: Send, message: Message) -> None:
    try:
        async with asyncio.timeout(STALLED_S):
            await send(message)
    except TimeoutError as error:
        raise StalledError("the client does not read its answer") from error


def _trace(scope: Scope) -> str:
    """The caller's, where it sent one by the W3C's rules."""
    found = _TRACEPARENT.fullmatch(Headers(scope=scope).get("traceparent", ""))
    return found[1] if found and found[1].strip("0") else secrets.token_hex(16)
