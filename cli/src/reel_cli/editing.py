"""``reel edit`` from its arguments to the file: upload, session, job, result. An interruption cancels the job."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from reel_cli.api import Api, Json
from reel_cli.delivering import Place, deliver, final_of, mislabelled, plain_name, suffix_of
from reel_cli.events import ServerSentEvent
from reel_cli.exits import CommandFailedError, Exit, not_found, usage
from reel_cli.following import exit_of, failure_of, follow
from reel_cli.ids import resolve
from reel_cli.reaching import Need, reached
from reel_cli.settings import CliSettings
from reel_cli.showing import Display, complain, display
from reel_common.errors import Code

CANCEL_S = 15.0
"""Seconds to wait for a job that was cancelled to be so."""


Files = Sequence[tuple[str, Path]]
"""What to call it, and where it is."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for on the command line. ``files`` are empty when a session goes on."""

    prompt: str
    files: tuple[Path, ...]
    session: str
    place: Place
    plan_only: bool = False
    detach: bool = False
    timeout: float | None = None
    strict: bool = False
    json: bool = False
    jsonl: bool = False


def read_words(words: list[str], session: str) -> tuple[str, tuple[Path, ...]]:
    """Prompt and files from ``FILE… PROMPT``. ``-`` stands for stdin, once. Raises: CommandFailedError."""
    *names, prompt = words
    if not names and not session:
        raise usage(
            "Say which file to edit, and what to do with it.",
            'reel edit clip.mp4 "keep seconds 3 to 8", or -s SESSION.',
        )
    if names and session:
        raise usage("A session has its files already.", "Leave out the files, or -s.")
    if [*names, prompt].count("-") > 1:
        raise usage("Stdin can only be one of them.")
    for name in names:
        if name != "-" and not Path(name).is_file():
            raise not_found(f"There is no file {name}.")
    if Path(prompt[:255]).is_file():
        raise usage(f"{prompt} is a file; say what to do with it.", f'reel edit {prompt} "keep seconds 3 to 8"')
    if prompt == "-":
        prompt = sys.stdin.read()
    return prompt, tuple(Path(name) for name in names)


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a request: the job as it ended, the plan as far as there is one, the file if there is one."""

    job: Json
    session: Json
    plan: Json
    path: Path | None


async def edit(settings: CliSettings, request: Request) -> Exit:
    """Does it, and says on stdout where the result is. Raises: CommandFailedError."""
    request.place.check()
    with display() as shown, spooled(request.files) as files:
        shown.show("starting", None)
        try:
            async with asyncio.timeout(request.timeout):
                return await _edit(settings, request, files, shown)
        except TimeoutError:
            title = f"It took longer than {request.timeout:g} s, and was cancelled."
            raise CommandFailedError(Exit.FAILED, title, hint="--timeout gives it more.") from None


async def _edit(settings: CliSettings, request: Request, files: Files, shown: Display) -> Exit:
    need = Need(work=not request.detach, staying=request.detach)
    async with reached(settings, shown, need) as api:
        session = await session_for(api, request, files, shown)
        if request.detach:
            return _detached(await _start(api, session, request, shown), request, shown)
        return _report(await edited(api, session, request, shown), request, shown)


async def edited(api: Api, session: Json, request: Request, shown: Display) -> Made:
    """Starts the job, follows it, and fetches what it made."""
    job = await _start(api, session, request, shown)
    try:
        ended = await follow(api, job["id"], shown, print_event if request.jsonl else None)
    except asyncio.CancelledError:
        await _cancel(api, job, shown)
        raise
    plan = await _plan(api, ended)
    final, path = final_of(ended), None
    if final and ended["status"] == "succeeded" and not request.plan_only:
        path = await _saved(api, final, session, request, shown)
    return Made(ended, session, plan, path)


# before the job


@contextmanager
def spooled(files: tuple[Path, ...]) -> Iterator[Files]:
    """Names and files, stdin among them as one: an upload's length has to be known."""
    if Path("-") not in files:
        yield [(file.name, file) for file in files]
        return
    with tempfile.TemporaryDirectory(prefix="reel-") as folder:
        spooled = Path(folder) / "stdin"
        with spooled.open("wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target)
        yield [("stdin", spooled) if file == Path("-") else (file.name, file) for file in files]


async def session_for(api: Api, request: Request, files: Files, shown: Display) -> Json:
    """The session that goes on, or a new one of files that are uploaded."""
    if request.session:
        return await api.ask(f"sessions/{await resolve(api, 'sessions', request.session)}")
    assets = await _uploaded(api, files, shown)
    return await api.order("sessions", {"name": Path(files[0][0]).stem, "inputs": [a["id"] for a in assets]})


async def _uploaded(api: Api, files: Files, shown: Display) -> list[Json]:
    sizes = [path.stat().st_size for _, path in files]
    total, sent = sum(sizes) or 1, 0

    def went(n: int) -> None:
        nonlocal sent
        sent += n
        shown.show("uploading", sent / total, f"{megabytes(sent)} of {megabytes(total)}")

    went(0)
    return [await api.upload(path, name, size, went) for (name, path), size in zip(files, sizes, strict=True)]


async def _start(api: Api, session: Json, request: Request, shown: Display) -> Json:
    """Queues behind an edit of the session that is under way: a branch takes one at a time."""
    body = {"prompt": request.prompt, "plan_only": request.plan_only}
    while True:
        asking = asyncio.ensure_future(api.order(f"sessions/{session['id']}/edits", body))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:  # the answer may be on its way, and the job at work
            with suppress(CommandFailedError):
                await _cancel(api, await asking, shown)
            raise
        except CommandFailedError as error:
            before = error.problem.get("job_id")
            if error.problem.get("code") != Code.BUSY or not before:
                raise
            shown.say(f"waiting for job {before}, which edits this session")
            await follow(api, str(before), shown)


# while it runs


async def _cancel(api: Api, job: Json, shown: Display) -> None:
    """Waits for the job to be cancelled, for a while."""
    shown.show("cancelling", None)
    try:
        async with asyncio.timeout(CANCEL_S):
            await api.order(f"jobs/{job['id']}/cancel")
            await follow(api, job["id"], shown)
    except (CommandFailedError, TimeoutError) as error:
        shown.say(f"the job {job['id']} may still be running ({error or 'no answer'})")


def print_event(event: ServerSentEvent) -> None:
    """A line of JSON."""
    print(json.dumps({"event": event.type, **event.json}, ensure_ascii=False), flush=True)


def _detached(job: Json, request: Request, shown: Display) -> Exit:
    shown.end()
    shown.say(f"reel watch {job['id']} follows it, reel cancel {job['id']} stops it")
    print(_as_json(job, request) if request.json or request.jsonl else job["id"])
    return Exit.DONE


# after it


def _report(made: Made, request: Request, shown: Display) -> Exit:
    """Stdout: the path, or the JSON that was asked for. All else is for a person."""
    job, told = made.job, exit_of(made.job, strict=request.strict)
    shown.end()
    if request.json or request.jsonl:
        print(_as_json({**job, "saved_to": str(made.path.absolute()) if made.path else None}, request))
    elif request.plan_only and job["status"] == "succeeded":
        print(json.dumps(made.plan, indent=2, ensure_ascii=False))
    elif made.path:
        print(made.path)
    for step in made.plan.get("steps", []):
        shown.say(f"- {step}")
    for reason in job.get("degraded") or []:
        shown.say(f"degraded: {reason if isinstance(reason, str) else reason.get('detail', reason)}")
    if told not in {Exit.DONE, Exit.DEGRADED}:
        complain(failure_of(job))
    elif not request.plan_only:
        shown.say(f'reel edit -s {made.session["id"]} "…" goes on from here')
    return told


async def _saved(api: Api, final: Json, session: Json, request: Request, shown: Display) -> Path | None:
    total, got = final["bytes"] or 1, 0

    def came(n: int) -> None:
        nonlocal got
        got += n
        shown.show("downloading", got / total, f"{megabytes(got)} of {megabytes(total)}")

    name = f"{plain_name(str(session['name']))}-edited"
    path = await deliver(api, final, request.place, name, came)
    if path and mislabelled(path, suffix_of(final)):
        shown.say(f"{path.name} holds {final['media_type']}, whatever its name says")
    return path


async def _plan(api: Api, job: Json) -> Json:
    """Empty where there is none: a job may fail before it has a plan."""
    try:
        return await api.ask(f"jobs/{job['id']}/plan")
    except CommandFailedError as error:
        if error.exit_code is Exit.UNREACHABLE:
            raise
        return {}


def _as_json(job: Json, request: Request) -> str:
    return json.dumps(job, ensure_ascii=False, indent=None if request.jsonl else 2)


def megabytes(count: int) -> str:
    """A count of bytes for people."""
    return f"{count / 1e6:.1f} MB"
