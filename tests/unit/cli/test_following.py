"""Following a job through a stream that breaks, and the exit code in the end."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from reel_cli.exits import Exit
from reel_cli.following import exit_of, failure_of, follow
from reel_cli.showing import Lines
from tests.unit.cli.servers import api_of, stream

RUNNING = {"id": "j", "status": "running", "stage": "running", "progress": 0.1}
DONE = {"id": "j", "status": "succeeded", "stage": "", "progress": 1.0}


class Shown(Lines):
    """Notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, float | None]] = []

    def show(self, stage: str, fraction: float | None, message: str = "", eta_s: float | None = None) -> None:
        self.seen.append((stage, fraction))


async def test_goes_on_where_the_stream_broke() -> None:
    asked: list[str] = []
    streams = [
        stream(("step.finished", "3", {"step": "plan"}), ("progress", "", {"stage": "run", "progress": 0.5})),
        stream(("job.finished", "4", {"state": "succeeded"})),
    ]
    jobs = [RUNNING, RUNNING, DONE]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/events"):
            asked.append(request.headers.get("Last-Event-ID", ""))
            return httpx.Response(200, content=streams.pop(0))
        return httpx.Response(200, json=jobs.pop(0))

    shown, events = Shown(), []  # type: tuple[Shown, list[str]]
    ended = await follow(api_of(answer), "j", shown, lambda event: events.append(event.type))
    assert ended == DONE
    assert asked == ["", "3"]
    assert events == ["step.finished", "progress", "job.finished"]
    assert ("rendering", 0.5) in shown.seen


async def test_a_server_that_is_away_for_a_moment() -> None:
    answers: list[httpx.Response | Exception] = [
        httpx.ConnectError("refused"),
        httpx.Response(503, json={}),
        httpx.Response(200, json=DONE),
    ]

    def answer(_: httpx.Request) -> httpx.Response:
        said = answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    assert await follow(api_of(answer), "j", Shown()) == DONE


@pytest.mark.parametrize(
    ("job", "strict", "code"),
    [
        ({"status": "succeeded"}, True, Exit.DONE),
        ({"status": "succeeded", "degraded": ["x"]}, False, Exit.DONE),
        ({"status": "succeeded", "degraded": ["x"]}, True, Exit.DEGRADED),
        ({"status": "failed", "error": {"code": "not_understood"}}, False, Exit.FAILED),
        ({"status": "failed", "error": {"code": "dependency_unavailable"}}, False, Exit.UNREACHABLE),
        ({"status": "cancelled", "error": None}, False, Exit.FAILED),
        ({"status": "needs_answer"}, False, Exit.NEEDS_SOMEBODY),
    ],
)
def test_exit_codes_of_jobs(job: dict[str, Any], strict: bool, code: Exit) -> None:
    assert exit_of(job, strict=strict) is code


def test_why_it_failed() -> None:
    error = {"title": "Gate", "detail": "It is too short.", "hint": "Try again.", "log_tail": "last words"}
    words = failure_of({"status": "failed", "error": error})
    assert (words.title, words.hint) == ("Gate", "Try again.")
    assert "too short" in words.detail
    assert "last words" in words.detail
    assert failure_of({"status": "cancelled", "error": None}).title == "The job was cancelled."
