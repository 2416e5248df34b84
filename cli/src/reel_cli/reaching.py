"""Which server a command talks to: the one named, else one on this machine, else one within this very process."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

from reel_cli.api import Api
from reel_cli.exits import CommandFailedError, Exit, usage
from reel_cli.home import FolderInUseError, Home, Server
from reel_cli.settings import CliSettings
from reel_cli.showing import Display

_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Need:
    """``work``: jobs have to go on while the command runs. ``staying``: and after it, so only a real server will do."""

    work: bool = False
    staying: bool = False


@asynccontextmanager
async def reached(settings: CliSettings, display: Display, need: Need) -> AsyncIterator[Api]:
    """The REST interface of that server, for as long as the block lasts. Raises: CommandFailedError."""
    async with AsyncExitStack() as stack:
        if settings.url:
            api = Api.at(settings.url, settings.token)
        elif server := await _server_or_lock(settings.folder, stack, display, need):
            api = Api.at(server.url, settings.token or server.token)
        elif need.staying:
            raise usage("No server is running that would go on with the job.", "Start one with reel up, or say --url.")
        else:
            api = await _within(settings, stack, need)
        yield await stack.enter_async_context(api)


async def _server_or_lock(home: Home, stack: AsyncExitStack, display: Display, need: Need) -> Server | None:
    """A server in the data folder, or the folder itself, locked until the stack ends."""
    while True:
        try:
            stack.enter_context(home.locked())
        except FolderInUseError:
            pass
        except OSError as error:
            raise CommandFailedError(Exit.FAILED, f"The data folder {home.root} cannot be used.", str(error)) from error
        else:
            return None
        server = home.server()
        if server and not (server.passing and need.work) and await _answers(server):
            return server
        display.show("waiting for another reel command in the same data folder", None)
        await asyncio.sleep(_LOOK_EVERY_S)


async def _answers(server: Server) -> bool:
    try:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            return (await http.get(f"{server.url}/health/live")).is_success
    except httpx.HTTPError:
        return False


async def _within(settings: CliSettings, stack: AsyncExitStack, need: Need) -> Api:
    """The whole product, in this process, for this command."""
    from reel_cli import single  # noqa: PLC0415 - all services take a while to import, and most commands need none

    token = secrets.token_urlsafe(32)  # others on this machine have no business with a server that is nobody's but ours
    options = single.Options(port=0, token=token, work=need.work, passing=True, grace_s=0.0)
    running = await stack.enter_async_context(single.opened(settings, options))
    return Api.at(running.url, token)
