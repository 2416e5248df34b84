"""``reel edit`` with no server anywhere: the whole product comes along with the command."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import av
import pytest

from tests.e2e.command import Reel, ended, until

PROMPT = "keep seconds 3 to 8, make it 90p, fade out at the end"
SLOW = "make it 1080p"


def shape(path: Path) -> tuple[float, int]:
    """Seconds and height of a video, by decoding it."""
    with av.open(str(path)) as media:
        frames = [(frame.time or 0.0, frame.height) for frame in media.decode(video=0)]
        rate = float(media.streams.video[0].average_rate or 1)
    return frames[-1][0] + 1 / rate, frames[-1][1]


def test_the_path_of_what_was_asked_for(reel: Reel, clip: Path) -> None:
    said = reel.run("edit", str(clip), PROMPT, "-o", "out.mp4")
    assert (said.code, said.text) == (0, "out.mp4\n"), said.err
    seconds, height = shape(reel.folder / "out.mp4")
    assert seconds == pytest.approx(5.0, abs=0.05)
    assert height == 90
    assert "uploading" in said.err
    assert [path.name for path in reel.folder.glob("*.mp4")] == ["out.mp4"]
    assert reel.server() == {}
    assert reel.leavings() == []

    goes_on = reel.run("edit", "-s", "last", "keep the first 2 seconds", "--json")
    assert goes_on.code == 0, goes_on.err
    job = json.loads(goes_on.out)
    assert (job["kind"], job["status"]) == ("edit", "succeeded")
    assert shape(Path(job["saved_to"]))[0] == pytest.approx(2.0, abs=0.05)

    listed = json.loads(reel.run("jobs", "--json").out)
    assert [each["status"] for each in listed] == ["succeeded", "succeeded"]
    assert listed[0]["id"] == job["id"]
    shown = reel.run("job", "show", job["id"][:-2], "--json")
    assert json.loads(shown.out)["id"] == job["id"]


def test_through_pipes(reel: Reel, clip: Path) -> None:
    said = reel.run("edit", "-", "keep the first 2 seconds", "-o", "-", stdin=clip.read_bytes())
    assert said.code == 0, said.err
    (reel.folder / "piped.mp4").write_bytes(said.out)
    assert shape(reel.folder / "piped.mp4")[0] == pytest.approx(2.0, abs=0.05)


def test_a_plan_makes_nothing(reel: Reel, clip: Path) -> None:
    said = reel.run("edit", str(clip), "-", "--plan-only", stdin=PROMPT.encode())
    assert said.code == 0, said.err
    assert [operation["op"] for operation in json.loads(said.out)["operations"]] == ["trim", "resize", "fade"]
    assert list(reel.folder.glob("*.mp4")) == []


def test_what_is_not_understood_fails_and_is_quoted(reel: Reel, clip: Path) -> None:
    said = reel.run("edit", str(clip), "keep seconds 3 to 8 and make my cousin famous")
    assert (said.code, said.out) == (1, b"")
    assert "cousin" in said.err
    assert list(reel.folder.glob("*.mp4")) == []


def test_what_is_no_video_fails(reel: Reel) -> None:
    (reel.folder / "notes.mp4").write_text("hello\n" * 100)
    said = reel.run("edit", "notes.mp4", PROMPT)
    assert (said.code, said.out) == (1, b"")
    assert "reel: " in said.err


def test_what_is_wrong_before_any_work(reel: Reel, clip: Path) -> None:
    (reel.folder / "there.mp4").write_text("mine")
    for code, *arguments in (
        (2, "edit", str(clip)),
        (2, "edit", str(clip), PROMPT, "-o", "there.mp4"),
        (2, "edit", str(clip), PROMPT, "-o", "nowhere/out.mp4"),
        (2, "edit", str(clip), PROMPT, "--detach"),
        (2, "edit", str(clip), PROMPT, "--sparkle"),
        (2, "edit", "-", "-"),
        (2, "edit", "-s", "last", str(clip), PROMPT),
        (4, "edit", "none.mp4", PROMPT),
        (5, "--url", "http://127.0.0.1:9", "edit", str(clip), PROMPT),
        (5, "edit", str(clip), PROMPT, "--url", "http://127.0.0.1:9"),
    ):
        said = reel.run(*map(str, arguments))
        assert (said.code, said.out) == (code, b""), (arguments, said.err)
        assert said.err.strip()
        assert "Traceback" not in said.err
    assert (reel.folder / "there.mp4").read_text() == "mine"
    assert list(reel.folder.glob("*edited*")) == []


def test_ctrl_c_cancels_the_job_and_leaves_nothing(reel: Reel, long_clip: Path) -> None:
    process = reel.start("edit", str(long_clip), SLOW, "-o", "out.mp4")
    until(reel.rendering, 60)
    process.send_signal(signal.SIGINT)
    said = ended(process, seconds=30)
    assert (said.code, said.out) == (130, b""), said.err
    assert reel.programs() == []
    assert reel.leavings() == []
    assert list(reel.folder.glob("*.mp4")) == []
    (job,) = json.loads(reel.run("jobs", "--json").out)
    assert job["status"] == "cancelled"


@pytest.mark.long
def test_a_timeout_cancels_it_too(reel: Reel, long_clip: Path) -> None:
    said = reel.run("edit", str(long_clip), SLOW, "--timeout", "6")
    assert (said.code, said.out) == (1, b""), said.err
    assert "longer than 6 s" in said.err
    assert reel.programs() == []


@pytest.mark.long
def test_what_a_killed_command_left_can_be_seen_and_cancelled(reel: Reel, clip: Path, long_clip: Path) -> None:
    process = reel.start("edit", str(long_clip), SLOW)
    until(reel.rendering, 60)
    process.kill()
    ended(process)
    until(lambda: not reel.programs(), 5)
    (left,) = json.loads(reel.run("jobs", "--json").out)
    assert left["status"] in {"queued", "running"}
    assert reel.programs() == []  # looking at jobs does not make them go on
    assert reel.run("cancel", "last").line == left["id"]
    assert len(json.loads(reel.run("jobs", "--json", "--status", "cancelled").out)) == 1
    assert reel.run("edit", str(clip), "keep the first 2 seconds").code == 0
    assert reel.leavings() == []
