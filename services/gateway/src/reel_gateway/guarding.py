"""Requests that are not looked at any further: addresses that cannot be ours, and pages of others on this machine.

Without a token, everything that runs in a browser here could reach us: a page whose name was made to mean 127.0.0.1, or
one that sends a form across. The ``Host`` and ``Origin`` headers tell them apart from our own page and from programs.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from reel_common.errors import Code
from reel_gateway.front import Check
from reel_gateway.problems import RefusedError
from reel_gateway.settings import GatewaySettings, is_loopback

LONGEST_ADDRESS = 4096
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


def checks(settings: GatewaySettings) -> list[Check]:
    """What every request has to pass."""
    return [address, host, length] if settings.secret else [address, host, length, on_this_machine]


def address(scope: Scope) -> None:
    """Raises: RefusedError for an address that is too long, or that says one thing and means another."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    if len(raw) + len(scope["query_string"]) > LONGEST_ADDRESS:
        raise RefusedError(Code.TOO_LONG, f"An address has at most {LONGEST_ADDRESS} characters.", status=414)
    segments = scope["path"].split("/")
    if b"%2f" in raw.lower() or "\0" in scope["path"] or ".." in segments:
        raise RefusedError(Code.INVALID, "The address has a segment that is no name of ours.")


def host(scope: Scope) -> None:
    """Raises: RefusedError when the ``Host`` header is missing or none."""
    given = Headers(scope=scope).getlist("host")
    if len(given) != 1 or not _HOST.fullmatch(given[0]):
        raise RefusedError(Code.MALFORMED, "The request needs one Host header with a name or an address.")


def length(scope: Scope) -> None:
    """Raises: RefusedError when the length of the body is said in a way that is no number."""
    given = Headers(scope=scope).getlist("content-length")
    if len(given) > 1 or not all(_LENGTH.fullmatch(one) for one in given):
        raise RefusedError(Code.MALFORMED, "Content-Length has to be one number.")


def on_this_machine(scope: Scope) -> None:
    """Raises: RefusedError for a request that a page of somebody else may have sent."""
    headers = Headers(scope=scope)
    name = headers["host"]
    if not is_loopback(urlsplit(f"//{name}").hostname or ""):
        raise RefusedError(
            Code.FORBIDDEN,
            "Without a token this server answers only as localhost or a loopback address.",
            hint="Set REEL_TOKEN to reach it by another name.",
        )
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != name.lower():
        raise RefusedError(Code.FORBIDDEN, "Pages of another origin cannot use this server.")
