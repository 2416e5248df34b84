"""What commands have in common: their options, and how one gets from there to a server and back to an exit code."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from reel_cli.api import Api
from reel_cli.exits import usage
from reel_cli.reaching import Need, reached
from reel_cli.running import run
from reel_cli.settings import CliSettings, read_settings
from reel_cli.showing import Display, display

T = TypeVar("T")

Url = Annotated[str | None, typer.Option("--url", help="The server to talk to.", show_default=False)]
HomeFolder = Annotated[Path | None, typer.Option("--home", help="The data folder.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The beginning of an id, or last.")]


def settings_of(context: typer.Context, url: str | None = None) -> CliSettings:
    """Flags of the command, else those before it, else settings. Raises: CommandFailedError(USAGE)."""
    before: dict[str, object] = context.obj or {}
    return read_settings(url=url or before.get("url"), home=before.get("home"))


def talk(
    context: typer.Context, url: str | None, work: Callable[[Api, Display], Awaitable[T]], need: Need | None = None
) -> T:
    """Runs ``work`` against the server that is to be talked to."""
    settings = settings_of(context, url)

    async def talking() -> T:
        with display() as shown:
            async with reached(settings, shown, need or Need()) as api:
                return await work(api, shown)

    return run(talking())


def sure(question: str, yes: bool) -> None:
    """Asks on a terminal. Raises: CommandFailedError(USAGE) where nobody can be asked, typer.Abort for a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise usage(f"{question} Nobody can be asked here.", "--yes does it without.")
    typer.confirm(question, abort=True, err=True)
