"""``reel job …`` and the short forms ``jobs watch cancel retry``."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from reel_cli.api import Api, Json
from reel_cli.editing import print_event
from reel_cli.exits import Exit, InterruptedByUserError
from reel_cli.following import ENDED, exit_of, failure_of, follow
from reel_cli.ids import LAST, resolve
from reel_cli.options import AsJson, Id, Limit, Url, talk
from reel_cli.reaching import Need
from reel_cli.showing import Display, complain
from reel_cli.tables import Column, ago, percent, print_list, print_one

app = typer.Typer(no_args_is_help=True, help="What is being made, and what was.")

COLUMNS: tuple[Column, ...] = (
    ("kind", lambda job: job["kind"]),
    ("status", lambda job: job["status"]),
    ("done", lambda job: percent(job.get("progress"))),
    ("made", lambda job: ago(job.get("created_at"))),
    ("stage", lambda job: job.get("stage")),
    ("message", lambda job: (job.get("error") or {}).get("detail") or job.get("message")),
)
OWN_KINDS = frozenset({"ingest"})
"""The system's own: not what somebody means by "my jobs"."""

LastId = Annotated[str, typer.Argument(metavar="ID", help="The beginning of an id, or last.")]
Kind = Annotated[str, typer.Option(help="Only this kind (edit, ingest, …).")]
Status = Annotated[str, typer.Option(help="Only this status (running, failed, …).")]
Session = Annotated[str, typer.Option("-s", "--session", help="Only of this session.")]
All = Annotated[bool, typer.Option("--all", help="The system's own jobs too.")]
Strict = Annotated[bool, typer.Option("--strict", help="A degraded result is exit code 6.")]
JsonLines = Annotated[bool, typer.Option("--jsonl", help="Events as JSON lines on stdout.")]


@app.command("list")
def list_jobs(
    context: typer.Context,
    kind: Kind = "",
    status: Status = "",
    session: Session = "",
    every: All = False,
    limit: Limit = 20,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Jobs, newest first."""

    async def work(api: Api, _: Display) -> list[Json]:
        subject = f"session:{await resolve(api, 'sessions', session)}" if session else ""
        found = []
        async for job in api.pages("jobs", most=10 * limit, kind=kind, status=status, subject=subject):
            if every or kind or job["kind"] not in OWN_KINDS:
                found.append(job)
            if len(found) == limit:
                break
        return found

    print_list(talk(context, url, work), COLUMNS, as_json=as_json)


@app.command("show")
def show(context: typer.Context, job: Id, as_json: AsJson = False, url: Url = None) -> None:
    """One job with all that is known of it."""

    async def work(api: Api, _: Display) -> Json:
        return await api.ask(f"jobs/{await job_id(api, job)}")

    print_one(talk(context, url, work), as_json=as_json)


@app.command("watch")
def watch(
    context: typer.Context,
    job: LastId = LAST,
    strict: Strict = False,
    as_json: AsJson = False,
    jsonl: JsonLines = False,
    url: Url = None,
) -> None:
    """Follows a job to its end; Ctrl-C only lets go of it."""

    async def work(api: Api, shown: Display) -> Json:
        name = await job_id(api, job)
        try:
            return await follow(api, name, shown, print_event if jsonl else None)
        except asyncio.CancelledError:
            raise InterruptedByUserError(f"The job {name} goes on without you.") from None

    ended = talk(context, url, work, Need(work=True))
    if as_json or jsonl:
        print(json.dumps(ended, indent=None if jsonl else 2, ensure_ascii=False))
    else:
        print(ended["id"])
    told = exit_of(ended, strict=strict)
    if told not in {Exit.DONE, Exit.DEGRADED}:
        complain(failure_of(ended))
    raise typer.Exit(told)


@app.command("cancel")
def cancel(context: typer.Context, job: Id, as_json: AsJson = False, url: Url = None) -> None:
    """Stops a job; what it has made so far is kept."""
    _wish(context, url, job, "cancel", as_json)


@app.command("pause")
def pause(context: typer.Context, job: Id, as_json: AsJson = False, url: Url = None) -> None:
    """Starts nothing more of a job; what runs finishes."""
    _wish(context, url, job, "pause", as_json)


@app.command("resume")
def resume(context: typer.Context, job: Id, as_json: AsJson = False, url: Url = None) -> None:
    """Goes on with a paused job."""
    _wish(context, url, job, "resume", as_json)


@app.command("retry")
def retry(context: typer.Context, job: Id, as_json: AsJson = False, url: Url = None) -> None:
    """Makes a new job of one that ended, which uses again all that was finished."""
    _wish(context, url, job, "retry", as_json)


def _wish(context: typer.Context, url: str | None, job: str, wish: str, as_json: bool) -> None:
    async def work(api: Api, _: Display) -> Json:
        return await api.order(f"jobs/{await job_id(api, job)}/{wish}")

    now = talk(context, url, work)
    if as_json:
        print_one(now, as_json=True)
    else:
        print(now["id"])
        if now["status"] not in ENDED:
            complain_not_ended(now)


def complain_not_ended(job: Json) -> None:
    """On stderr, since a script reads the id alone."""
    typer.echo(f"reel: the job is {job['status']}", err=True)


async def job_id(api: Api, given: str) -> str:
    """As ``resolve``, but ``last`` is the last that somebody asked for."""
    if given.strip().lower() == LAST:
        async for job in api.pages("jobs", most=1000):
            if job["kind"] not in OWN_KINDS:
                return str(job["id"])
    return await resolve(api, "jobs", given)
