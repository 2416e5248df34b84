"""Inputs as clients put them and as runs hold them; folders of runs; what is forgotten, and when."""

import hashlib
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from reel_common.domain.program import Engine, Program
from reel_common.errors import Code, PermanentError, SandboxUnavailableError
from reel_common.ports.runner_spool import place
from reel_executor.runner.spool import Keeping, Spool


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


CONTENT = b"content" * 1000
DIGEST = digest(CONTENT)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool", Keeping(budget_bytes=1 << 20, age=timedelta(hours=1)))
    made.open()
    yield made
    made.close()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip"
    path.write_bytes(CONTENT)
    return path


def program(**inputs: str) -> Program:
    return Program(Engine.FFMPEG, (), inputs=inputs, files={"text": "words\r\n"})


def test_an_input_is_copied_and_closed_to_writing(spool: Spool, clip: Path) -> None:
    place(clip, DIGEST, spool.inputs)
    placed = spool.inputs / DIGEST
    assert placed.read_bytes() == CONTENT
    assert placed.stat().st_mode & 0o777 == 0o444
    assert not placed.samefile(clip)
    assert [p.name for p in spool.inputs.iterdir()] == [DIGEST]


def test_a_file_that_nobody_writes_to_is_linked(spool: Spool, clip: Path) -> None:
    clip.chmod(0o444)
    for _ in range(2):
        place(clip, DIGEST, spool.inputs)
        assert (spool.inputs / DIGEST).samefile(clip)
    assert [p.name for p in spool.inputs.iterdir()] == [DIGEST]
    clip.chmod(0o400)  # the user that programs run as could not read it
    (spool.inputs / DIGEST).unlink()
    place(clip, DIGEST, spool.inputs)
    assert not (spool.inputs / DIGEST).samefile(clip)


def test_a_failure_leaves_nothing(spool: Spool, clip: Path) -> None:
    for mode in (0o644, 0o444):
        clip.chmod(mode)
        with pytest.raises(PermanentError):
            place(clip, digest(b"other"), spool.inputs)
    assert list(spool.inputs.iterdir()) == []
    with pytest.raises(SandboxUnavailableError):
        place(clip, DIGEST, spool.root / "missing")
    with pytest.raises(PermanentError):
        place(clip, "../" + DIGEST, spool.inputs)


def test_one_runner_at_a_time(spool: Spool) -> None:
    second = Spool(spool.root)
    with pytest.raises(SandboxUnavailableError, match="another runner"):
        second.open()
    spool.close()
    second.open()
    second.close()


def test_a_run_has_what_it_needs_and_then_is_gone(spool: Spool, clip: Path) -> None:
    spool.put(clip, DIGEST)
    run = spool.prepare(program(one=DIGEST, two=DIGEST))
    spool.verify(run)
    assert (run.folder / "in" / "one").read_bytes() == CONTENT
    assert (run.folder / "in" / "two").read_bytes() == CONTENT
    assert (run.folder / "in" / "text").read_bytes() == b"words\r\n"
    assert (run.folder / "out").stat().st_uid == run.user
    spool.discard(run)
    assert list(spool.runs.iterdir()) == []
    assert spool.has(DIGEST)


def test_a_run_holds_its_inputs_whatever_becomes_of_their_names(spool: Spool, clip: Path) -> None:
    spool.put(clip, DIGEST)
    run = spool.prepare(program(one=DIGEST))
    (spool.inputs / DIGEST).unlink()
    (spool.inputs / DIGEST).write_bytes(b"other")
    spool.verify(run)
    assert (run.folder / "in" / "one").read_bytes() == CONTENT
    spool.discard(run)


def test_what_is_not_there_is_missing_and_leaves_no_folder(spool: Spool) -> None:
    with pytest.raises(PermanentError) as raised:
        spool.prepare(program(one=DIGEST))
    assert raised.value.code is Code.INPUT_MISSING
    assert list(spool.runs.iterdir()) == []


def test_other_bytes_than_the_name_says_are_refused_and_forgotten(spool: Spool) -> None:
    (spool.inputs / DIGEST).write_bytes(b"forged")
    run = spool.prepare(program(one=DIGEST))
    with pytest.raises(PermanentError) as raised:
        spool.verify(run)
    assert raised.value.code is Code.INPUT_MISMATCH
    assert not spool.has(DIGEST)
    spool.discard(run)


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_an_input_is_a_plain_file(spool: Spool, kind: str, tmp_path: Path) -> None:
    path = spool.inputs / DIGEST
    if kind == "link":
        (tmp_path / "secret").write_bytes(CONTENT)
        path.symlink_to(tmp_path / "secret")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(PermanentError) as raised:
        spool.verify(spool.prepare(program(one=DIGEST)))
    assert raised.value.code is Code.INPUT_MISMATCH


def test_a_file_that_its_writer_still_holds_is_copied_before_it_counts(spool: Spool) -> None:
    with (spool.inputs / DIGEST).open("wb") as file:
        file.write(CONTENT)
        file.flush()
        run = spool.prepare(program(one=DIGEST))
        spool.verify(run)
        file.seek(0)
        file.write(b"changed")
    assert (run.folder / "in" / "one").read_bytes() == CONTENT
    assert (spool.inputs / DIGEST).read_bytes() == CONTENT
    assert (spool.inputs / DIGEST).samefile(run.folder / "in" / "one")
    spool.discard(run)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_clients_file_becomes_the_runners(spool: Spool, clip: Path) -> None:
    spool.put(clip, DIGEST)
    os.chown(spool.inputs / DIGEST, 12345, 12345)
    run = spool.prepare(program(one=DIGEST))
    spool.verify(run)
    assert (spool.inputs / DIGEST).stat().st_uid == 0
    spool.discard(run)


def test_leftovers_go_at_the_next_start(spool: Spool) -> None:
    (spool.runs / "dead" / "out" / "x").mkdir(parents=True)
    old, new = spool.outputs / "old", spool.outputs / "new"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    spool.tidy()
    assert list(spool.runs.iterdir()) == []
    assert list(spool.outputs.iterdir()) == [new]


def test_the_least_used_inputs_are_forgotten_first(spool: Spool) -> None:
    now = time.time()
    ages = {"fresh": 0, "recent": 700, "older": 800, "oldest": 900, "ancient": 4000}
    for name, age in ages.items():
        path = spool.inputs / name
        path.write_bytes(bytes(400 << 10))
        os.utime(path, (now - age, now - age))
    spool.evict()
    assert {p.name for p in spool.inputs.iterdir()} == {"fresh", "recent"}


def test_what_was_asked_for_is_kept_for_a_while(spool: Spool, clip: Path) -> None:
    spool.put(clip, DIGEST)
    os.utime(spool.inputs / DIGEST, (0, 0))
    assert spool.has(DIGEST)
    spool.evict()
    assert spool.has(DIGEST)
    assert not spool.has("../in/" + DIGEST)


def test_nothing_runs_on_a_full_disk(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", Keeping(floor_bytes=1 << 60))
    spool.open()
    with pytest.raises(SandboxUnavailableError, match="full"):
        spool.check_room()
    spool.close()
