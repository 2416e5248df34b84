"""The REST interface as the command uses it: one method a call, and every failure as words with an exit code."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from reel_cli import events
from reel_cli.events import ServerSentEvent
from reel_cli.exits import CommandFailedError, Exit, exit_of_answer

Json = dict[str, Any]
OnBytes = Callable[[int], None]
"""Told how many bytes more went through."""

CHUNK_BYTES = 256 * 1024
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_SILENCE_S = 60.0
"""A stream that says nothing for so long (it says something every few seconds) has lost its other end."""


class ServerGoneError(CommandFailedError):
    """Nobody answers there, or stopped to in the middle."""

    def __init__(self, url: str, why: str) -> None:
        parts = urlsplit(url)
        super().__init__(
            Exit.UNREACHABLE,
            f"The server at {parts.scheme}://{parts.netloc.rpartition('@')[2]} cannot be reached.",
            why,
            hint="Try again, or look at --url, REEL_URL and reel.toml.",
        )


@dataclass(frozen=True, slots=True)
class Api:
    """A server's REST interface. Close it, or use it as a context."""

    url: str
    http: httpx.AsyncClient

    @classmethod
    def at(cls, url: str, token: str = "") -> Self:
        """Connects when first used. Raises: CommandFailedError(USAGE) for what is no address."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CommandFailedError(Exit.USAGE, f"{url!r} is not the address of a server.", hint="http://host:port")
        http = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(10, read=_SILENCE_S, write=_SILENCE_S),
            trust_env=parts.hostname not in _LOOPBACK,  # a proxy leads nowhere near this machine
        )
        return cls(url.rstrip("/"), http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    # one call

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """The answer's JSON object, empty where it has none. Raises: CommandFailedError with the problem's words."""
        given = {name: value for name, value in (params or {}).items() if value not in {None, ""}}
        try:
            answer = await self.http.request(method, f"v1/{path}", json=json, params=given, headers=headers)
        except httpx.HTTPError as error:
            raise ServerGoneError(self.url, _why(error)) from error
        if answer.is_error:
            raise problem_of(answer.status_code, answer.content)
        return _object(answer.content)

    async def ask(self, path: str, **params: Any) -> Json:
        """GET."""
        return await self.call("GET", path, params=params)

    async def order(self, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """POST, with a key of its own: repeated by a proxy, it is done once."""
        key = {"Idempotency-Key": secrets.token_hex(16)}
        return await self.call("POST", path, json=dict(body or {}), headers=key)

    async def pages(self, path: str, *, most: int, **params: Any) -> AsyncIterator[Json]:
        """The items of a list, newest first, ``most`` of them at most."""
        cursor, left = "", most
        while left > 0:
            page = await self.ask(path, limit=min(left, 100), cursor=cursor, **params)
            for item in page.get("items", [])[:left]:
                left -= 1
                yield item
            if not (cursor := page.get("next_cursor") or ""):
                return

    # bytes

    async def upload(self, path: Path, name: str, size: int, on_bytes: OnBytes) -> Json:
        """One plain PUT; the asset that it becomes."""

        async def body() -> AsyncIterator[bytes]:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
                    on_bytes(len(chunk))

        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        try:
            answer = await self.http.put("v1/assets", params={"name": name}, content=body(), headers=headers)
        except httpx.HTTPError as error:
            raise ServerGoneError(self.url, _why(error)) from error
        if answer.is_error:
            raise problem_of(answer.status_code, answer.content)
        return _object(answer.content)

    @asynccontextmanager
    async def bytes_of(self, url: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """What lies at an address that the server gave, in chunks. Our token is for the server's own address only."""
        ours = _origin(urljoin(f"{self.url}/", url)) == _origin(self.url)
        headers = {} if ours else {"Authorization": ""}
        try:
            async with self.http.stream("GET", url, headers=headers, follow_redirects=True) as answer:
                if answer.is_error:
                    raise problem_of(answer.status_code, await answer.aread())
                yield answer.aiter_bytes(CHUNK_BYTES)
        except httpx.HTTPError as error:
            raise ServerGoneError(self.url, _why(error)) from error

    async def events(self, job: str, after: str = "") -> AsyncGenerator[ServerSentEvent, None]:
        """What happens to a job, from the beginning or after an event, until the stream ends."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
        try:
            async with self.http.stream("GET", f"v1/jobs/{job}/events", headers=headers) as answer:
                if answer.is_error:
                    raise problem_of(answer.status_code, await answer.aread())
                async for event in events.read(answer.aiter_text()):
                    yield event
        except httpx.HTTPError as error:
            raise ServerGoneError(self.url, _why(error)) from error


def problem_of(status: int, body: bytes) -> CommandFailedError:
    """A problem's JSON in a person's words; for anything else, that it is none of ours."""
    said = _object(body)
    title = said.get("title") or f"The server answered with {status}."
    fields = [
        (str(e.get("path", "")), str(e.get("reason", ""))) for e in said.get("errors") or [] if isinstance(e, dict)
    ]
    detail, hint = str(said.get("detail", "")), str(said.get("hint", ""))
    return CommandFailedError(exit_of_answer(status), str(title), detail, hint=hint, fields=fields, problem=said)


def _object(body: bytes) -> Json:
    try:
        said = httpx.Response(200, content=body).json() if body else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _why(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
