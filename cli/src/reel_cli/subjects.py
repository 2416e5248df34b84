"""``reel session …`` and ``reel asset …``: what lasts."""

from __future__ import annotations

from typing import Annotated

import typer

from reel_cli.api import Api, Json
from reel_cli.editing import megabytes
from reel_cli.ids import resolve
from reel_cli.options import AsJson, Id, Limit, Url, Yes, sure, talk
from reel_cli.showing import Display
from reel_cli.tables import Column, ago, print_list, print_one

sessions = typer.Typer(no_args_is_help=True, help="Edit projects.")
assets = typer.Typer(no_args_is_help=True, help="Uploads and what was made of them.")

SESSIONS: tuple[Column, ...] = (
    ("name", lambda session: session["name"]),
    ("made", lambda session: ago(session.get("created_at"))),
)
ASSETS: tuple[Column, ...] = (
    ("role", lambda asset: asset["role"]),
    ("state", lambda asset: asset["state"]),
    ("size", lambda asset: megabytes(asset["bytes"])),
    ("made", lambda asset: ago(asset.get("created_at"))),
    ("name", lambda asset: asset["name"]),
)


@sessions.command("list")
def list_sessions(context: typer.Context, limit: Limit = 20, as_json: AsJson = False, url: Url = None) -> None:
    """Sessions, newest first."""
    print_list(_listed(context, url, "sessions", limit), SESSIONS, as_json=as_json)


@sessions.command("show")
def show_session(context: typer.Context, session: Id, as_json: AsJson = False, url: Url = None) -> None:
    """One session."""
    print_one(_shown(context, url, "sessions", session), as_json=as_json)


@sessions.command("rename")
def rename_session(
    context: typer.Context, session: Id, name: Annotated[str, typer.Argument(help="Its new name.")], url: Url = None
) -> None:
    """Gives a session another name."""

    async def work(api: Api, _: Display) -> Json:
        return await api.call("PATCH", f"sessions/{await resolve(api, 'sessions', session)}", json={"name": name})

    print(talk(context, url, work)["id"])


@sessions.command("rm")
def remove_session(context: typer.Context, session: Id, yes: Yes = False, url: Url = None) -> None:
    """Deletes a session with its versions."""
    _remove(context, url, "sessions", session, yes)


@assets.command("list")
def list_assets(context: typer.Context, limit: Limit = 20, as_json: AsJson = False, url: Url = None) -> None:
    """Assets, newest first."""
    print_list(_listed(context, url, "assets", limit), ASSETS, as_json=as_json)


@assets.command("show")
def show_asset(context: typer.Context, asset: Id, as_json: AsJson = False, url: Url = None) -> None:
    """One asset with its facts."""
    print_one(_shown(context, url, "assets", asset), as_json=as_json)


@assets.command("rm")
def remove_asset(context: typer.Context, asset: Id, yes: Yes = False, url: Url = None) -> None:
    """Deletes an asset."""
    _remove(context, url, "assets", asset, yes)


def _listed(context: typer.Context, url: str | None, path: str, limit: int) -> list[Json]:
    async def work(api: Api, _: Display) -> list[Json]:
        return [item async for item in api.pages(path, most=limit)]

    return talk(context, url, work)


def _shown(context: typer.Context, url: str | None, path: str, given: str) -> Json:
    async def work(api: Api, _: Display) -> Json:
        return await api.ask(f"{path}/{await resolve(api, path, given)}")

    return talk(context, url, work)


def _remove(context: typer.Context, url: str | None, path: str, given: str, yes: bool) -> None:
    sure(f"Delete the {path.removesuffix('s')} {given}?", yes)

    async def work(api: Api, _: Display) -> str:
        name = await resolve(api, path, given)
        await api.call("DELETE", f"{path}/{name}")
        return name

    print(talk(context, url, work))
