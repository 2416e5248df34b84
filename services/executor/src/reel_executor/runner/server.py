"""The runner's few addresses over HTTP. Whoever hangs up has his program killed."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from reel_common.domain.program import Program
from reel_common.errors import Code, PermanentError, ReelError, TransientError
from reel_common.ports.runner_lines import MEDIA_TYPE, completed_as_json, error_as_json, line
from reel_common.ports.sandbox import Completed, Sandbox
from reel_executor.runner.checking import program_from_request

MOST_REQUEST_BYTES = 4 << 20


def application(sandbox: Sandbox) -> Starlette:
    """Serves one sandbox: ``GET /`` describes it, ``GET /inputs/<sha256>`` looks for an input, ``POST /runs`` runs."""

    async def describe(_: Request) -> Response:
        return JSONResponse(await sandbox.describe())

    async def has(request: Request) -> Response:
        return JSONResponse({"present": await sandbox.has(request.path_params["sha256"])})

    async def run(request: Request) -> Response:
        return RunAnswer(sandbox, program_from_request(await _body(request)))

    routes = [Route("/", describe), Route("/inputs/{sha256}", has), Route("/runs", run, methods=["POST"])]
    return Starlette(routes=routes, exception_handlers={ReelError: _refuse})


class RunAnswer(Response):
    """Runs a program while it answers: progress line by line, then its end."""

    media_type = MEDIA_TYPE

    def __init__(self, sandbox: Sandbox, program: Program) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._sandbox, self._program = sandbox, program

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        running = asyncio.ensure_future(self._run(send))
        gone = asyncio.ensure_future(_hung_up(receive))
        try:
            await asyncio.wait({running, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (running, gone):
                task.cancel()
            await asyncio.wait({running, gone})
        with suppress(asyncio.CancelledError):
            running.result()

    async def _run(self, send: Send) -> None:
        async def progress(seconds: float, message: str) -> None:
            await _send(send, line("progress", {"seconds": seconds, "message": message}))

        completed: Completed | None = None
        try:
            completed = await self._sandbox.run(self._program, progress)
            await _send(send, line("completed", completed_as_json(completed)))
        except ReelError as error:
            await _send(send, line("error", error_as_json(error)))
        except asyncio.CancelledError:
            for output in completed.outputs if completed else ():
                output.path.unlink(missing_ok=True)  # nobody has heard of it
            raise
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> Any:
    text = b""
    try:
        async for piece in request.stream():
            text += piece
            if len(text) > MOST_REQUEST_BYTES:
                raise PermanentError(Code.TOO_LARGE, "a program is not as large as that")
        return json.loads(text)
    except ClientDisconnect as error:
        raise PermanentError(Code.MALFORMED, "the request ended before its body did") from error
    except (ValueError, RecursionError) as error:
        raise PermanentError(Code.MALFORMED, "the body is not JSON") from error


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, ReelError)
    return JSONResponse({"error": error_as_json(error)}, 503 if isinstance(error, TransientError) else 422)
