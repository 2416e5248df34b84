"""A port of its own for probes and scrapers: ``/health/live``, ``/health/ready``, ``/metrics``. Nothing of a user."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from reel_common.metrics import Metrics

Check = Callable[[], Awaitable[bool]]


async def verdicts(checks: Mapping[str, Check], seconds: float = 2.0) -> dict[str, bool]:
    """Each check's answer; one that raises or takes too long says no."""

    async def ask(check: Check) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await check()
        except Exception:  # noqa: BLE001 - whatever it is, it is not healthy
            return False

    return dict(zip(checks, await asyncio.gather(*map(ask, checks.values())), strict=True))


@asynccontextmanager
async def serve(
    port: int, checks: Mapping[str, Check], metrics: Metrics, host: str = "127.0.0.1"
) -> AsyncIterator[None]:
    """While the context lasts; a port of 0 serves nothing."""
    if not port:
        yield
        return

    async def answer(path: str) -> tuple[int, bytes]:
        if path == "/metrics":
            return 200, metrics.text()
        if path == "/health/live":
            return 200, b"live\n"
        if path == "/health/ready":
            said = await verdicts(checks)
            words = "".join(f"{name}: {'yes' if ok else 'no'}\n" for name, ok in said.items())
            return (200 if all(said.values()) else 503), words.encode()
        return 404, b"not found\n"

    async def app(scope: Any, _: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        status, body = await answer(scope["path"])
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(
        app, host=host, port=port, lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = _Quiet(config)
    task = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task


class _Quiet(uvicorn.Server):
    """Leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield
