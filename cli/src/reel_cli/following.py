"""Follows a job to where it ends or needs somebody, through lost connections, and shows how far it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

from reel_cli.api import Api, Json
from reel_cli.events import ServerSentEvent
from reel_cli.exits import CommandFailedError, Exit, exit_of_failure
from reel_cli.showing import Display

ENDED = frozenset({"succeeded", "failed", "cancelled"})
NEEDS_SOMEBODY = frozenset({"needs_approval", "needs_answer"})
PATIENCE_S = 30.0
"""Seconds for which a server may be away while we follow; the job does not mind, but somebody waits."""

WORDS = {
    "plan": "planning",
    "write": "writing",
    "run": "rendering",
    "compose": "checking",
    "facts": "reading the file",
    "renditions": "making previews",
}
"""Stages as a person reads them."""

OnEvent = Callable[[ServerSentEvent], None]


async def follow(api: Api, job: str, display: Display, on_event: OnEvent | None = None) -> Json:
    """The job as it is when there is nothing more to wait for; ``on_event`` is told all that happened, from its start on.

    Raises: CommandFailedError when the server stays away.
    """
    after, all_told, since = "", on_event is None, time.monotonic()
    while True:
        try:
            now = await api.ask(f"jobs/{job}")
            show_job(now, display)
            if all_told and now["status"] in ENDED | NEEDS_SOMEBODY:
                return now
            since = time.monotonic()
            after = await _listen(api, job, after, display, on_event)
            all_told = True
        except CommandFailedError as error:
            if error.exit_code is not Exit.UNREACHABLE or time.monotonic() - since > PATIENCE_S:
                raise
            display.show("waiting for the server", None)
            await asyncio.sleep(0.5)


async def _listen(api: Api, job: str, after: str, display: Display, on_event: OnEvent | None) -> str:
    """Until the stream ends or the job may have. Returns the newest event's id."""
    async with aclosing(api.events(job, after)) as stream:
        async for event in stream:
            after = event.id or after
            if on_event:
                on_event(event)
            if event.type == "progress":
                show_job(event.json, display)
            elif event.type == "job.finished" or event.type.startswith("job.needs"):
                break
    return after


def show_job(job: Json, display: Display) -> None:
    """What a job, or an event of its progress, says of how far it is."""
    status, stage = str(job.get("status") or ""), str(job.get("stage") or "")
    words = status if status in {"queued", "paused"} or not stage else WORDS.get(stage, stage)
    display.show(words, job.get("progress"), str(job.get("message") or ""), job.get("eta_s"))


def exit_of(job: Json, *, strict: bool) -> Exit:
    """The exit code that tells how a job ended."""
    if job["status"] in NEEDS_SOMEBODY:
        return Exit.NEEDS_SOMEBODY
    if job["status"] == "succeeded":
        return Exit.DEGRADED if strict and job.get("degraded") else Exit.DONE
    return exit_of_failure(str((job.get("error") or {}).get("code", "")))


def failure_of(job: Json) -> CommandFailedError:
    """Why a job did not succeed, for a person."""
    error = job.get("error") or {}
    title = {"cancelled": "The job was cancelled.", "failed": "The job failed."}.get(
        job["status"], f"It {job['status']}."
    )
    detail = "\n  ".join(part for part in (str(error.get("detail", "")), str(error.get("log_tail", ""))) if part)
    return CommandFailedError(Exit.FAILED, str(error.get("title") or title), detail, hint=str(error.get("hint", "")))
