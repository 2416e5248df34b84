"""A REST interface made of a dictionary, for commands' parts to talk to."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx

from reel_cli.api import Api, Json

Answer = Callable[[httpx.Request], httpx.Response]


def api_of(answer: Answer, url: str = "http://reel.test", token: str = "") -> Api:
    """An ``Api`` whose server is a function."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Api(url, httpx.AsyncClient(base_url=f"{url}/", headers=headers, transport=httpx.MockTransport(answer)))


def listing(ids: list[str], asked: list[str] | None = None) -> Answer:
    """Lists jobs, newest first, two a page at most."""
    newest = sorted(ids, reverse=True)

    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(str(request.url))
        start = int(request.url.params.get("cursor") or 0)
        end = start + min(2, int(request.url.params["limit"]))
        items: list[Json] = [{"id": name, "kind": "edit"} for name in newest[start:end]]
        return httpx.Response(200, json={"items": items, "next_cursor": str(end) if end < len(newest) else None})

    return answer


def stream(*events: tuple[str, str, dict[str, object]]) -> bytes:
    """Server-sent events: type, id, data."""
    return b"".join(
        f"event: {kind}\n{f'id: {name}' + chr(10) if name else ''}data: {json.dumps(data)}\n\n".encode()
        for kind, name, data in events
    )
