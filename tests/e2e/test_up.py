"""``reel up``: a process that may be killed at any time, and commands that find it."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.command import Reel, ended, until
from tests.e2e.test_edit import PROMPT, SLOW, shape


def test_commands_find_it_and_it_stops_when_told(reel: Reel, clip: Path) -> None:
    with reel.up() as process:
        said = reel.run("edit", str(clip), PROMPT, "-o", "out.mp4")
        assert (said.code, said.text) == (0, "out.mp4\n"), said.err
        detached = reel.run("edit", "-s", "last", "fade in over 1 second", "--detach")
        job = detached.line
        watched = reel.run("watch", "last", "--jsonl")
        assert watched.code == 0, watched.err
        events = [json.loads(line) for line in watched.text.splitlines()]
        assert (events[-1]["id"], events[-1]["status"]) == (job, "succeeded")
        assert any(event.get("event") == "job.finished" for event in events)

        session = json.loads(reel.run("session", "list", "--json").out)[0]["id"]
        assert reel.run("session", "rename", session[:13], "My film").line == session
        assert json.loads(reel.run("session", "show", "last", "--json").out)["name"] == "My film"
        assert reel.run("session", "rm", "last").code == 2  # nobody can be asked
        assert reel.run("session", "rm", "last", "--yes").code == 0
        assert reel.run("session", "show", session).code == 4
        original = json.loads(reel.run("asset", "list", "--json", "--limit", "100").out)[-1]["id"]
        assert json.loads(reel.run("asset", "show", original, "--json").out)["role"] == "original"
        assert reel.run("cancel", job).code == 1  # it has ended

        other = reel.run("up", "--port", "0")
        assert other.code == 2
        assert str(process.pid) in other.err
        assert str(reel.home) in other.err
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert reel.server() == {}
    assert "Traceback" not in reel.log()


def test_killed_in_mid_job_it_goes_on_when_started_again(reel: Reel, long_clip: Path) -> None:
    with reel.up() as process:
        job = reel.run("edit", str(long_clip), f"keep the first 20 seconds, {SLOW}", "--detach").line
        until(reel.rendering, 60)
        watching = reel.start("watch", job)
        time.sleep(2)
        watching.send_signal(signal.SIGINT)
        assert ended(watching).code == 130
        assert reel.rendering()  # it only let go
        process.kill()
        process.wait()
    until(lambda: not reel.programs(), 5)
    with reel.up():
        watched = reel.run("watch", job, "--json")
        assert watched.code == 0, watched.err
        final = next(o for o in json.loads(watched.out)["outputs"] if o["role"] == "final")
        assert (final["height"], final["duration_s"]) == (1080, pytest.approx(20, abs=0.05))
        content = httpx.get(final["url"], headers={"Range": "bytes=0-99"}, timeout=10)
        assert (content.status_code, len(content.content)) == (206, 100)
        steps = reel.ask(f"jobs/{job}/steps")["items"]
        assert [step["state"] for step in steps] == ["done"] * 4
    assert reel.leavings() == []


def test_cancelled_in_mid_render_its_program_is_gone_within_a_second(reel: Reel, long_clip: Path) -> None:
    with reel.up():
        job = reel.run("edit", str(long_clip), SLOW, "--detach").line
        until(reel.rendering, 60)
        stored = {path.name for path in (reel.home / "store" / "objects").rglob("artifacts/*")}
        server = reel.server()["url"]
        begun = time.monotonic()
        httpx.post(f"{server}/v1/jobs/{job}/cancel", json={}).raise_for_status()
        until(lambda: not reel.programs(), 5)
        assert time.monotonic() - begun < 1.0
        until(lambda: reel.ask(f"jobs/{job}")["status"] == "cancelled", 5)
        assert reel.leavings() == []
        assert {path.name for path in (reel.home / "store" / "objects").rglob("artifacts/*")} == stored
        assert reel.run("watch", job).code == 1
        again = reel.run("retry", job).line
        assert again != job
        assert reel.run("job", "pause", again).line == again
        assert reel.ask(f"jobs/{again}")["status"] == "paused"
        assert reel.run("job", "resume", again).line == again
        assert reel.run("cancel", again[:13] if again[:13] != job[:13] else again).line == again


def test_off_loopback_it_wants_its_token(reel: Reel) -> None:
    with reel.up("--host", "0.0.0.0"):
        server = reel.server()
        token = (reel.home / "token").read_text().strip()
        assert server["token"] == token
        assert token in reel.log()
        assert httpx.get(f"{server['url']}/health/live").status_code == 200
        assert httpx.get(f"{server['url']}/v1/jobs").status_code == 401
        assert reel.run("jobs", "--json").text.strip() == "[]"  # commands of the same user find it
        assert reel.run("jobs", REEL_TOKEN="wrong").code == 4
    with reel.up("--host", "0.0.0.0"):
        assert (reel.home / "token").read_text().strip() == token
        assert reel.log().count(token) == 1  # shown once


@pytest.mark.long
def test_a_port_that_is_taken(reel: Reel, tmp_path: Path) -> None:
    with reel.up():
        port = reel.server()["url"].rpartition(":")[2]
        said = reel.run("--home", str(tmp_path / "other"), "up", "--port", port)
        assert said.code == 1
        assert "--port" in said.err


@pytest.mark.long
def test_another_command_waits_for_the_one_that_brings_it_along(reel: Reel, clip: Path) -> None:
    first = reel.start("edit", str(clip), "keep the first 2 seconds", "-o", "one.mp4")
    second = reel.start("edit", str(clip), "keep the first 3 seconds", "-o", "two.mp4")
    for process in (first, second):
        said = ended(process)
        assert said.code == 0, said.err
    assert shape(reel.folder / "two.mp4")[0] == pytest.approx(3.0, abs=0.05)
