"""``reel up``: the whole product in one process, until it is told to stop."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from pathlib import Path

from reel_cli import single
from reel_cli.exits import usage
from reel_cli.home import FolderInUseError
from reel_cli.settings import CliSettings
from reel_cli.showing import Lines


async def serve(settings: CliSettings) -> None:
    """Returns when it was interrupted. Raises: CommandFailedError when it cannot begin."""
    home, told = settings.folder, Lines()
    options = single.Options(settings.host, settings.port, settings.token)
    try:
        with home.locked():
            async with single.opened(settings, options) as running:
                _greet(home.root, running, told)
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    told.say("stopping; once more stops at once")
    except FolderInUseError:
        server = home.server()
        where = f" at {server.url} (process {server.pid})" if server else ""
        raise usage(
            f"A reel command{where} uses {home.root} already.",
            "Stop it, or take another folder: reel --home FOLDER up.",
        ) from None


def _greet(root: Path, running: single.Running, told: Lines) -> None:
    sandbox = running.sandbox
    told.say(f"reel {version('reel-cli')} at {running.url}")
    told.say(f"data in {root}")
    told.say(f"sandbox: {sandbox['adapter']} ({sandbox['isolation']})")
    if running.new_token:
        told.say(f"token (kept in {root / 'token'}; it is not shown again): {running.token}")
    told.say("Ctrl-C stops it; unfinished jobs go on with the next start")
