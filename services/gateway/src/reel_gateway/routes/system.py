"""Health, what this server is, its API in one document, and the studio page."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request, Response

from reel_common.health import verdicts
from reel_gateway.about import about
from reel_gateway.caller import Caller
from reel_gateway.dependencies import Dependencies, Deps

router = APIRouter()

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "media-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


@router.get("/health/live", tags=["system"])
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health/ready", tags=["system"])
async def ready(deps: Deps, response: Response) -> dict[str, bool]:
    """Whether it can do its work now: each thing that it needs, and whether that is there."""
    said = await verdicts({"open": _open(deps), "ledger": deps.reading.alive, "store": _store(deps), **deps.checks})
    response.status_code = 200 if all(said.values()) else 503
    return said


def _open(deps: Dependencies) -> Any:
    async def check() -> bool:
        return not deps.wake.closed

    return check


def _store(deps: Dependencies) -> Any:
    async def check() -> bool:
        await deps.store.stat("health")
        return True

    return check


@router.get("/v1/about", tags=["system"])
async def get_about(deps: Deps, _: Caller) -> dict[str, Any]:
    """Version, adapters, tools with their operations, and limits."""
    return about(deps)


@router.get("/v1/openapi.json", include_in_schema=False)
async def openapi(request: Request, _: Caller) -> dict[str, Any]:
    """The API in one document."""
    document: dict[str, Any] = request.app.openapi()
    return document


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """The studio."""
    return _file("index.html", "text/html")


@router.get("/studio.js", include_in_schema=False)
async def script() -> Response:
    """The studio's program."""
    return _file("studio.js", "text/javascript")


@router.get("/studio.css", include_in_schema=False)
async def style() -> Response:
    """The studio's looks."""
    return _file("studio.css", "text/css")


@cache
def _text(name: str) -> bytes:
    return (files("reel_gateway") / "studio" / name).read_bytes()


def _file(name: str, media_type: str) -> Response:
    return Response(_text(name), headers=PAGE_HEADERS, media_type=f"{media_type}; charset=utf-8")
