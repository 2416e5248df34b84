"""The ``reel`` command."""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated

import typer

from reel_cli import jobs, subjects
from reel_cli.delivering import Place
from reel_cli.editing import Request, edit, read_words
from reel_cli.exits import CommandFailedError, Exit, usage
from reel_cli.options import HomeFolder, Url, settings_of
from reel_cli.running import run
from reel_cli.settings import read_settings
from reel_cli.showing import complain

app = typer.Typer(
    name="reel",
    help="Plain language in, finished video out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(jobs.app, name="job")
app.add_typer(subjects.sessions, name="session")
app.add_typer(subjects.assets, name="asset")
for name, command in (
    ("jobs", jobs.list_jobs),
    ("watch", jobs.watch),
    ("cancel", jobs.cancel),
    ("retry", jobs.retry),
):
    app.command(name)(command)


@app.callback()
def before(context: typer.Context, url: Url = None, home: HomeFolder = None) -> None:
    """Plain language in, finished video out."""
    context.obj = {"url": url, "home": home}


@app.command("edit")
def edit_command(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="FILE… PROMPT", help="Files and what to do; - is stdin.")],
    session: Annotated[str, typer.Option("-s", "--session", help="Go on with this session.")] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File or folder for the result; - is stdout.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a file that exists.")] = False,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Say what would be done, as JSON.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Print the job's id and leave it running.")] = False,
    timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds after which to give up and cancel.")] = None,
    strict: jobs.Strict = False,
    as_json: Annotated[bool, typer.Option("--json", help="The job as it ended, on stdout.")] = False,
    jsonl: jobs.JsonLines = False,
    url: Url = None,
) -> None:
    """Edits a video as told, and prints where the result is."""
    place = Place(output, force)
    if place.is_stdout and (as_json or jsonl or plan_only or detach):
        raise usage("Stdout is for the result or for JSON, not for both.", "-o FILE.")
    prompt, files = read_words(words, session)
    request = Request(prompt, files, session, place, plan_only, detach, timeout, strict, as_json, jsonl)
    raise typer.Exit(run(edit(settings_of(context, url), request)))


@app.command("up")
def up(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Where to listen; off loopback a token is wanted.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.")] = None,
) -> None:
    """Runs the whole product in this process, until Ctrl-C."""
    from reel_cli.up import serve  # noqa: PLC0415 - all services take a while to import

    home = (context.obj or {}).get("home")
    run(serve(read_settings(host=host, port=port, home=home)))


@app.command("migrate")
def migrate(
    database_url: Annotated[str | None, typer.Option(help="Instead of REEL_DATABASE_URL.", show_default=False)] = None,
) -> None:
    """Brings the ledger of a deployment on servers to this version; reel up does that by itself."""
    from reel_cli.migrating import migrate_ledger  # noqa: PLC0415

    print(run(migrate_ledger(database_url)))


@app.command("version")
def version() -> None:
    """The version of this command."""
    print(version_of("reel-cli"))


def main() -> None:
    """Exit codes are in ``exits.Exit``."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(Exit.INTERRUPTED))  # until there is something to end well
    try:
        app()
    except CommandFailedError as error:
        complain(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # whoever read stdout has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.DONE)


if __name__ == "__main__":
    main()
