"""Server-sent events: replay, live, and their ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from reel_common.domain.ids import new_id
from reel_common.errors import TransientError
from reel_common.messages.envelope import Envelope
from reel_common.ports.noticeboard import Progress
from reel_gateway import watch
from reel_gateway.watch import Watch
from tests.gateway.house import House, events, problem

HISTORY = [
    "job.requested", "plan.made", "script.written", "step.finished", "composition.finished", "job.finished",
]  # fmt: skip


async def test_what_happened_is_replayed_from_any_point(house: House) -> None:
    job, _ = await house.edited()
    answer = await house.http.get(job["urls"]["events"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    told = [e for e in events(answer.text) if e[1]]
    assert [(kind, seq) for kind, seq, _ in told] == [(kind, str(n)) for n, kind in enumerate(HISTORY, 1)]
    assert told[1][2] == {
        "seq": 2, "type": "plan.made", "at": told[1][2]["at"], "job_id": job["id"],
        "data": {"step": "plan", "item": 0, "rev": 0, "attempt": 1, "epoch": 1},
    }  # fmt: skip
    assert told[-1][2]["data"] == {"state": "succeeded"}
    after = await house.http.get(job["urls"]["events"], params={"after": 4})
    assert [e[0] for e in events(after.text)] == HISTORY[4:]
    both = await house.http.get(job["urls"]["events"], params={"after": 1}, headers={"Last-Event-ID": "5"})
    assert [e[0] for e in events(both.text)] == HISTORY[5:]


@pytest.mark.parametrize("seen", ["6", "7", "9" * 18])
async def test_a_browser_that_has_seen_all_is_told_to_stop(house: House, seen: str) -> None:
    job, _ = await house.edited()
    answer = await house.http.get(job["urls"]["events"], headers={"Last-Event-ID": seen})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("seen", ["-1", "1e99", "abc", "", "9" * 19, "1.5", "٣"])
async def test_a_place_that_is_none_is_refused(house: House, seen: str) -> None:
    job, _ = await house.edited()
    for answer in (
        await house.http.get(job["urls"]["events"], headers={b"Last-Event-ID": seen.encode()}),
        await house.http.get(job["urls"]["events"], params={"after": seen}),
    ):
        problem(answer, 422, "invalid")


async def test_it_is_told_as_it_happens_with_progress_between(house: House) -> None:
    session = await house.session()
    job = await house.edit(session)
    listening = asyncio.create_task(house.http.get(job["urls"]["events"]))
    await asyncio.sleep(0.1)
    await house.work(until="run")
    step = await house.claim("run")
    for fraction in (0.25, 0.5):
        await house.board.record(Progress(job["id"], "run/0/0", step.epoch, fraction, "rendering", "words"))
        await asyncio.sleep(0.3)
    await house.complete(step, await house.do(step))
    await house.work()
    told = events((await asyncio.wait_for(listening, 10)).text)
    assert [kind for kind, seq, _ in told if seq] == [
        "job.requested", "plan.made", "script.written", "step.returned", *HISTORY[3:]
    ]  # fmt: skip
    progress = [data for kind, seq, data in told if kind == "progress" and seq is None]
    assert [p["progress"] for p in progress] == sorted(p["progress"] for p in progress)
    assert {p["message"] for p in progress} >= {"words", "Waiting for a free worker"}
    assert progress[0]["stage"] == "plan"
    assert 0.48 in [p["progress"] for p in progress]


async def test_the_stream_ends_when_the_process_stops(house: House) -> None:
    job = await house.edit(await house.session())
    listening = asyncio.create_task(house.http.get(job["urls"]["events"]))
    waiting = asyncio.create_task(house.http.get(f"/v1/jobs/{job['id']}?wait=60"))
    await asyncio.sleep(0.5)
    house.deps.wake.close()
    assert [e[0] for e in events((await asyncio.wait_for(listening, 5)).text)] == ["job.requested", "progress"]
    assert (await asyncio.wait_for(waiting, 5)).json()["status"] == "queued"
    assert (await house.http.get("/health/ready")).status_code == 503


async def test_a_lost_hint_costs_seconds_only(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.deps.wake, "_every", 0.1)
    job = await house.edit(await house.session())
    listening = asyncio.create_task(house.http.get(job["urls"]["events"]))
    await asyncio.sleep(0.05)
    await house.book.cancel(job["id"])  # by another process whose hint got lost
    told = events((await asyncio.wait_for(listening, 5)).text)
    assert [e[0] for e in told if e[1]] == ["job.requested", "job.cancelled", "job.finished"]


async def test_a_ledger_that_is_away_does_not_end_a_stream(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reel_gateway.streaming.POLL_S", 0.05)
    monkeypatch.setattr(house.deps.wake, "_every", 0.05)
    job = await house.edit(await house.session())
    reading = house.deps.reading
    away = {"left": 3}
    real = reading._database.read

    async def read(text: str, *given: Any) -> Any:
        if "from events" in text and away["left"]:
            away["left"] -= 1
            raise TransientError("The database cannot be reached.")
        return await real(text, *given)

    monkeypatch.setattr(reading._database, "read", read)
    listening = asyncio.create_task(house.http.get(job["urls"]["events"]))
    await asyncio.sleep(0.3)
    house.announce(await house.book.cancel(job["id"]))
    told = events((await asyncio.wait_for(listening, 5)).text)
    assert away["left"] == 0
    assert [e[0] for e in told if e[1]] == ["job.requested", "job.cancelled", "job.finished"]


async def test_nothing_is_left_of_a_client_that_went(house: House) -> None:
    job = await house.edit(await house.session())
    sent: list[Any] = []
    gone = asyncio.Event()
    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        if request := next(requests, None):
            return request
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "path": f"/v1/jobs/{job['id']}/events", "raw_path": b"", "query_string": b"", "headers": [(b"host", b"localhost")],
        "scheme": "http", "server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    serving = asyncio.create_task(house.app(scope, receive, send))
    while len(sent) < 3:
        await asyncio.sleep(0.01)
    assert house.deps.wake._wakers
    gone.set()
    await asyncio.wait_for(serving, 5)
    assert not house.deps.wake._wakers
    await asyncio.sleep(0)
    assert house.board._followers.jobs() == set()


async def test_many_who_wait_share_one_look() -> None:
    looks: list[tuple[str, ...]] = []

    async def seqs(jobs: Any) -> dict[str, int]:
        looks.append(tuple(sorted(jobs)))
        return dict.fromkeys(jobs, 1)

    shared = Watch(seqs, every=0.05)
    async with asyncio.timeout(5):
        with contextlib.ExitStack() as stack:
            wakers = [stack.enter_context(shared.job(name)) for name in ("a", "a", "b") for _ in range(50)]
            for waker in wakers:
                waker.moved = False
            await asyncio.gather(*(w.wait() for w in wakers))
        assert looks == [("a", "b")]
        with shared.job("a") as waker:
            waker.moved = False
            shared.tell(Envelope(type="job.changed.v1", job_id="b", owner_id="o"))
            await waker.wait(0.01)
            assert not waker.moved
            shared.tell(Envelope(type="job.changed.v1", job_id="a", owner_id="o"))
            await waker.wait()
            assert waker.moved
    shared.close()


async def test_a_stream_of_no_job(house: House) -> None:
    problem(await house.http.get(f"/v1/jobs/{new_id()}/events"), 404, "not_found")
    assert watch.POLL_S == 2.0
