"""The small languages that the runner speaks: its answer's lines, the engine's frames, the kernel's filter, its settings."""

import json
import os
from importlib.resources import files
from pathlib import Path

import pytest

from reel_common.domain.program import Limits
from reel_common.errors import (
    Code,
    LimitExceededError,
    PermanentError,
    ProgramFailedError,
    ReelError,
    SandboxUnavailableError,
    TransientError,
)
from reel_common.ports.runner_lines import completed_as_json, completed_from_json, error_as_json, error_from_json, line
from reel_common.ports.sandbox import Collected, Completed, Usage
from reel_executor.runner.adapters.frames import Frames
from reel_executor.runner.adapters.grouping import FirstGroups, SecondGroups, find_groups
from reel_executor.runner.adapters.seccomp import machine_filter, profile
from reel_executor.runner.settings import DEFAULT_IMAGE, settings_from


def test_what_a_program_came_to_survives_the_wire() -> None:
    completed = Completed(
        exit=3,
        stdout=bytes(range(256)),
        stderr=b"\xff\n",
        outputs=(Collected("a.mp4", Path("/spool/out/x-a.mp4"), "0" * 64, 7),),
        refused=(("b", "not promised"),),
        usage=Usage(1.5, 2.5, 1 << 20),
        adapter="docker",
    )
    text = line("completed", completed_as_json(completed))
    assert text.count(b"\n") == 1
    assert completed_from_json(json.loads(text)["completed"]) == completed


@pytest.mark.parametrize(
    "error",
    [
        SandboxUnavailableError("away"),
        TransientError("later"),
        LimitExceededError(Code.LIMIT_MEMORY, "too much", log_tail="last\nwords"),
        ProgramFailedError(Code.PROGRAM_FAILED, "failed"),
        PermanentError(Code.INPUT_MISSING, "gone", hint="put it"),
    ],
)
def test_whose_fault_it_is_survives_the_wire(error: ReelError) -> None:
    back = error_from_json(json.loads(json.dumps(error_as_json(error))))
    assert type(back) is type(error)
    assert back.failure == error.failure


def test_an_error_of_a_newer_runner_is_the_sandboxes() -> None:
    assert isinstance(error_from_json({"kind": "novel", "detail": "?"}), SandboxUnavailableError)


@pytest.mark.parametrize("size", [1, 3, 8, 9, 1000])
def test_frames_in_any_pieces(size: int) -> None:
    taken = {1: b"", 2: b""}

    def take(stream: int, piece: bytes) -> None:
        taken[stream] += piece

    text = b"".join(
        bytes([stream, 0, 0, 0]) + len(piece).to_bytes(4, "big") + piece
        for stream, piece in ((1, b"out"), (2, b"err" * 50), (1, b""), (1, b"put"))
    )
    frames = Frames(take)
    for n in range(0, len(text), size):
        frames.feed(text[n : n + size])
    assert taken == {1: b"output", 2: b"err" * 50}


def test_the_kept_filter_is_the_one_that_the_code_makes() -> None:
    kept = files("reel_executor.runner.adapters").joinpath("seccomp.json").read_text()
    assert json.loads(kept) == profile()


def test_the_machines_filter() -> None:
    code = machine_filter("x86_64")
    assert len(code) % 8 == 0
    assert 0 < len(code) // 8 <= 4096  # what the kernel takes
    assert machine_filter("riscv64") == b""


def test_settings_have_defaults_and_say_what_is_wrong() -> None:
    settings = settings_from({"REEL_SPOOL": "spool"})
    assert settings.spool == Path("spool").absolute()
    assert (settings.sandbox, settings.image, settings.slots) == ("auto", DEFAULT_IMAGE, 0)
    given = settings_from({"REEL_SPOOL": "/s", "REEL_SANDBOX": "confined", "REEL_RUNNER_SLOTS": "3"})
    assert (given.sandbox, given.slots) == ("confined", 3)
    for wrong, name in (
        ({}, "REEL_SPOOL"),
        ({"REEL_SPOOL": "/s", "REEL_SANDBOX": "none"}, "REEL_SANDBOX"),
        ({"REEL_SPOOL": "/s", "REEL_RUNNER_SLOTS": "-1"}, "REEL_RUNNER_SLOTS"),
    ):
        with pytest.raises(PermanentError, match=name):
            settings_from(wrong)


def test_no_control_groups_where_none_can_be_made(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("0::/user\n")
    assert find_groups(tmp_path / "missing", own) is None
    assert find_groups(tmp_path, tmp_path / "missing") is None
    (tmp_path / "memory").mkdir()
    own.write_text("4:memory:/\n5:pids:/\n")
    assert find_groups(tmp_path, own) is None  # a plain folder gets no control files
    assert os.listdir(tmp_path / "memory") == []


def test_control_groups_hold_a_program_to_its_limits() -> None:
    limits = Limits(memory_bytes=100, processes=7, cpus=1.5)
    (second,) = SecondGroups(Path("/g")).bounds(limits, 3)
    assert second["values"] == {"memory.max": "100", "pids.max": "10"}
    assert second["optional"]["cpu.max"] == "150000 100000"
    first = FirstGroups(Path("/m"), Path("/p"), Path("/c")).bounds(limits, 3)
    assert [g["folder"].rpartition("/")[0] for g in first] == ["/m", "/p", "/c"]
    assert first[0]["values"] == {"memory.limit_in_bytes": "100"}
    assert first[1]["values"] == {"pids.max": "10"}
