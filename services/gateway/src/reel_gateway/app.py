"""The application: routes over ports. It reads no environment and knows no product; a composition root gives it both."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from reel_gateway import guarding, problems
from reel_gateway.about import VERSION
from reel_gateway.dependencies import Dependencies
from reel_gateway.front import Front
from reel_gateway.routes import assets, edits, jobs, sessions, system

ROUTERS = (assets.router, sessions.router, edits.router, jobs.router, system.router)

PROBLEM: dict[str, Any] = {
    "description": "A problem (RFC 9457): `code` is stable, `hint` says what to do.",
    "content": {problems.MEDIA_TYPE: {"schema": problems.SCHEMA}},
}


def create_app(deps: Dependencies) -> FastAPI:
    """Raises: ValueError for settings with which others could use it, OSError when uploads cannot be written."""
    if not deps.settings.loopback and not deps.settings.secret:
        raise ValueError(f"listening at {deps.settings.host} needs a token: set REEL_TOKEN")
    deps.receiver.prepare()
    app = FastAPI(
        title="Reelwright",
        summary="Plain language in, finished video out.",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # a route of our own, for callers only
        redirect_slashes=False,
        telemetry={"auto_configure": False},
        responses={422: PROBLEM, "default": PROBLEM},
    )
    app.state.dependencies = deps
    secure = deps.settings.public_url.startswith("https://")
    app.add_middleware(Front, checks=guarding.checks(deps.settings), secure=secure)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    return app


__all__ = ["Dependencies", "create_app"]
