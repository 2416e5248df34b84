"""Puts the application on a socket, for the gateway's process and the single one; keeps the token for one that others reach."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn

GRACE_S = 3
"""Seconds that requests may go on after a stop; streams of events would go on for ever."""


class AddressTakenError(OSError):
    """Nobody can listen there; the text says why."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; a port of 0 takes a free one. Raises: AddressTakenError."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, proto)
    except OSError as error:
        raise AddressTakenError(f"{host} is no address to listen at ({error.strerror})") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(256)
    except OSError as error:
        listening.close()
        raise AddressTakenError(f"cannot listen at {host}, port {port} ({error.strerror})") from error
    return listening


def url_of(listening: socket.socket) -> str:
    """Where a process on this machine reaches it."""
    host, port = listening.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(listening: socket.socket) -> bool:
    """Whether nobody off this machine reaches it."""
    return ipaddress.ip_address(listening.getsockname()[0]).is_loopback


@asynccontextmanager
async def served(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    """The application answers inside of the block. Signals are left to the process."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75,
    )
    server = _Quiet(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if task.done():
                await task  # tells why
                raise RuntimeError("the server ended before it began")
            await asyncio.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task
        listening.close()


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


def kept_token(file: Path) -> tuple[str, bool]:
    """The token in the file, made where there is none, and whether it is new. Only its owner can read it."""
    try:
        if said := file.read_text().strip():
            return said, False
    except FileNotFoundError:
        pass
    file.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(32)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as target:
        target.write(f"{token}\n")
    try:
        if file.exists():  # and empty
            file.unlink()
        os.link(temporary, file)  # two at once agree on one
    except FileExistsError:
        return file.read_text().strip(), False
    finally:
        temporary.unlink()
    return token, True
