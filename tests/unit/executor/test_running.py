"""``run``: programs in, stored outputs out; every way in which it can go wrong has its own code."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from reel_common.domain import keys
from reel_common.domain.program import Engine, Output, Program
from reel_common.errors import Code, PermanentError, ProgramFailedError
from reel_executor.running import clock, readable
from tests.unit.executor.conftest import Bench, Copying
from tests.unit.executor.ports import OWNER

SLOW = ("-filter_complex", "[0:v]loop=-1:1:0[v]", "-map", "[v]", "-t", "3600", "-c:v", "libx264", "-preset", "veryslow")


async def test_a_program_makes_an_asset(bench: Bench, clip: bytes, copying: Copying) -> None:
    step = bench.step(copying(bench.stored(clip)))
    done = await bench.handlers["run"](step, bench.told)
    [asset] = done.assets
    [output] = done.result["outputs"]
    assert output == {
        "asset_id": asset.id, "role": "final", "name": "final.mp4", "sha256": asset.sha256, "size": asset.size,
        "media_type": "video/mp4",
    }  # fmt: skip
    assert len(bench.store.objects[keys.artifact(OWNER, asset.sha256)][0]) == asset.size
    assert b"Stream #0" in bench.store.objects[done.result["log_key"]][0]
    assert done.result["log_key"] == keys.of_step(step, "log.txt")
    assert done.result["reused"] is False
    assert done.result["sandbox"] == "process"
    assert done.result["usage"]["wall"] > 0
    assert done.result["measured"] is not None
    assert done.content_key
    assert bench.clean()


async def test_it_tells_how_far_it_is(bench: Bench, clip: bytes, copying: Copying) -> None:
    await bench.handlers["run"](bench.step(copying(bench.stored(clip))), bench.told)
    assert bench.told.notes[0] == (None, "fetching", "")
    assert (1.0, "rendering", "0:02 of 0:02") in bench.told.notes
    assert bench.told.notes[-1] == (1.0, "storing", "")


async def test_the_same_again_runs_nothing(bench: Bench, clip: bytes, copying: Copying) -> None:
    program = copying(bench.stored(clip))
    first = bench.step(program)
    done = await bench.handlers["run"](first, bench.told)
    bench.library.complete(first, done)
    again = await bench.handlers["run"](bench.step(program), bench.told)
    assert len(bench.sandbox.ran) == 1
    assert again.result["reused"] is True
    assert again.assets[0].sha256 == done.assets[0].sha256
    assert again.assets[0].id != done.assets[0].id, "deleting one version leaves the other its file"
    assert again.result["outputs"][0]["asset_id"] == again.assets[0].id


async def test_another_take_sandbox_program_or_input_is_another_result(
    bench: Bench, clip: bytes, sound: bytes, copying: Copying
) -> None:
    sha256 = bench.stored(clip)
    made = [bench.step(copying(sha256)), bench.step(copying(sha256), take=1)]
    made += [bench.step(copying(bench.stored(sound))), bench.step(copying(sha256, "-c", "copy", "-an"))]
    content_keys = [(await bench.handlers["run"](step, bench.told)).content_key for step in made]
    bench.sandbox.digest = "sandbox-2"
    content_keys.append((await bench.handlers["run"](made[0], bench.told)).content_key)
    assert len(set(content_keys)) == len(content_keys) == 5


async def failing(bench: Bench, program: Program) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        await bench.handlers["run"](bench.step(program), bench.told)
    assert bench.clean()
    return caught.value


async def test_a_program_that_fails_shows_its_last_words(bench: Bench, clip: bytes, copying: Copying) -> None:
    step = bench.step(copying(bench.stored(clip), "-vf", "nosuchfilter=1"))
    with pytest.raises(ProgramFailedError) as caught:
        await bench.handlers["run"](step, bench.told)
    assert caught.value.code is Code.PROGRAM_FAILED
    assert "nosuchfilter" in caught.value.log_tail
    assert b"nosuchfilter" in bench.store.objects[keys.of_step(step, "log.txt")][0]
    assert bench.clean()


async def test_a_promised_output_that_is_not_there(bench: Bench, clip: bytes, copying: Copying) -> None:
    promised = (Output("final.mp4", "final", "video/mp4"), Output("poster.jpg", "poster", "image/jpeg"))
    error = await failing(bench, copying(bench.stored(clip), outputs=promised))
    assert error.code is Code.NO_OUTPUT
    assert "poster.jpg" in error.detail


async def test_an_optional_output_may_be_missing(bench: Bench, clip: bytes, copying: Copying) -> None:
    promised = (Output("final.mp4", "final", "video/mp4"), Output("poster.jpg", "poster", "image/jpeg", required=False))
    done = await bench.handlers["run"](bench.step(copying(bench.stored(clip), outputs=promised)), bench.told)
    assert [a.role for a in done.assets] == ["final"]


async def test_an_empty_output(bench: Bench, clip: bytes) -> None:
    inspection = Program(
        Engine.INSPECT, ("{in:script}", "{out:final.mp4}"), files={"script": "import sys; open(sys.argv[1], 'w')"},
        outputs=(Output("final.mp4", "final", "video/mp4"),),
    )  # fmt: skip
    assert (await failing(bench, inspection)).code is Code.BAD_OUTPUT


async def test_an_input_that_is_gone(bench: Bench, copying: Copying) -> None:
    assert (await failing(bench, copying("a" * 64))).code is Code.INPUT_MISSING


async def test_an_input_of_somebody_else(bench: Bench, clip: bytes, copying: Copying) -> None:
    """Even when the sandbox has the bytes already: they were brought for their owner."""
    sha256 = bench.stored(clip, owner="bob")
    (bench.sandbox.inputs / sha256).write_bytes(clip)
    assert (await failing(bench, copying(sha256))).code is Code.INPUT_MISSING


@pytest.mark.parametrize("name", ["../../etc/passwd", "A" * 64, "a" * 63, ""])
async def test_an_input_with_a_strange_name(bench: Bench, copying: Copying, name: str) -> None:
    assert (await failing(bench, copying(name))).code is Code.INPUT_MISMATCH


async def test_an_input_with_other_bytes(bench: Bench, clip: bytes, copying: Copying) -> None:
    bench.store.objects[keys.artifact(OWNER, "b" * 64)] = (clip, "video/mp4")
    assert (await failing(bench, copying("b" * 64))).code is Code.INPUT_MISMATCH


async def test_the_program_itself_is_checked(bench: Bench, clip: bytes, copying: Copying) -> None:
    step = bench.step(copying(bench.stored(clip)))
    wrong = {
        Code.INPUT_MISMATCH: [{"program_sha256": "0" * 64}, {"program_key": "u/bob/jobs/1/program.json"}],
        Code.INPUT_MISSING: [{"program_key": f"u/{OWNER}/jobs/none/program.json"}],
    }
    for code, changes in wrong.items():
        for change in changes:
            with pytest.raises(PermanentError) as caught:
                await bench.handlers["run"](replace(step, input={**step.input, **change}), bench.told)
            assert caught.value.code is code
    assert not bench.sandbox.ran


async def test_cancelled_it_leaves_nothing(bench: Bench, clip: bytes, copying: Copying) -> None:
    step = bench.step(copying(bench.stored(clip), *SLOW))
    work = asyncio.ensure_future(bench.handlers["run"](step, bench.told))
    while not any(stage == "rendering" for _, stage, _ in bench.told.notes):
        await asyncio.sleep(0.02)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert bench.clean()
    assert not any(key.endswith("log.txt") for key in bench.store.objects)


def test_a_clock() -> None:
    assert [clock(s) for s in (0, 62, 119.9, 3600, 7325)] == ["0:00", "1:02", "1:59", "1:00:00", "2:02:05"]


def test_a_log_is_made_readable() -> None:
    log = b"frame=1\rframe=2\r\n\x1b[31mred\x1b[0m \x00\x07 \xff caf\xc3\xa9\ttab\n"
    assert readable(log) == "frame=1\nframe=2\nred  � café\ttab\n"
