"""A sandbox by way of the runner: HTTP over a Unix socket in the spool.

Hanging up is how a program is cancelled: the runner kills what the closed connection had asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from reel_common.domain.program import Program
from reel_common.errors import ReelError, SandboxUnavailableError
from reel_common.ports.runner_lines import completed_from_json, error_from_json
from reel_common.ports.runner_spool import INPUTS, SOCKET, place
from reel_common.ports.sandbox import Completed, OnProgress


class RunnerClient:
    """The ``Sandbox`` of executor, composer and ingest. ``spool`` is the folder that they share with the runner."""

    def __init__(self, spool: Path) -> None:
        self._inputs = spool / INPUTS
        # No read timeout: a program may be silent for as long as its own limits allow, and a runner that dies hangs up.
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(spool / SOCKET), limits=httpx.Limits(max_connections=None)),
            base_url="http://runner",
            timeout=httpx.Timeout(10, read=None),
            trust_env=False,
        )
        self._threads = ThreadPoolExecutor(2, "runner-client")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def put(self, path: Path, sha256: str) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, place, path, sha256, self._inputs)

    async def has(self, sha256: str) -> bool:
        # Asked of the runner, not of the file system: it then keeps the input for as long as a caller needs to use it.
        async with self._answer("GET", f"/inputs/{sha256}") as answer:
            return bool(_object(await answer.aread()).get("present"))

    async def run(self, program: Program, on_progress: OnProgress | None = None) -> Completed:
        async with self._answer("POST", "/runs", program.as_json()) as answer:
            async for line in answer.aiter_lines():
                message = _object(line)
                if "completed" in message or "error" in message:
                    return _ended(message)
                if on_progress is not None and (progress := message.get("progress")):
                    await on_progress(float(progress["seconds"]), str(progress["message"]))
        raise SandboxUnavailableError("the runner hung up before the program had ended")

    async def describe(self) -> dict[str, str]:
        async with self._answer("GET", "/") as answer:
            return {str(k): str(v) for k, v in _object(await answer.aread()).items()}

    async def close(self) -> None:
        await self._http.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> AsyncIterator[httpx.Response]:
        try:
            async with self._http.stream(method, path, json=body) as answer:
                if answer.is_error:
                    raise _refusal(_object(await answer.aread()))
                yield answer
        except httpx.HTTPError as error:
            raise SandboxUnavailableError(f"the runner cannot be reached: {type(error).__name__}") from error


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise _misunderstood() from error


def _ended(message: Mapping[str, Any]) -> Completed:
    if "error" in message:
        raise _refusal(message)
    try:
        return completed_from_json(message["completed"])
    except (ValueError, KeyError, TypeError) as error:
        raise _misunderstood() from error


def _refusal(message: Mapping[str, Any]) -> ReelError:
    try:
        return error_from_json(message["error"])
    except (ValueError, KeyError, TypeError):
        return _misunderstood()


def _misunderstood() -> SandboxUnavailableError:
    return SandboxUnavailableError("the runner answered in a form that is not its own")
