"""What every ``Sandbox`` must do. Subclass ``SandboxConformance`` and give it the fixtures ``sandbox`` and ``leftovers``.

Its programs are FFmpeg's alone, which every sandbox has, over media that FFmpeg makes up or that are plain text.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from reel_common.domain.program import Engine, Limits, Output, Program
from reel_common.errors import Code, LimitExceededError, PermanentError, ReelError
from reel_common.ports.sandbox import Completed, Sandbox
from reel_common.testing.patience import until

SAFE = ("-protocol_whitelist", "file,pipe", "-format_whitelist")
QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error")
PIXELS = "".join(chr(97 + n % 26) for n in range(16 * 16))
"""A picture of 16 × 16 grey pixels, and a plain text."""

RAW = (*SAFE, "rawvideo", "-f", "rawvideo", "-pixel_format", "gray", "-video_size", "16x16")
RAW_OUT = ("-c", "copy", "-f", "rawvideo")

Leftovers = Callable[[str], list[str]]
"""What is left of the program that carries a mark among its arguments: processes, containers, folders."""


def made_up(seconds: float | None = None, size: str = "320x180", rate: int = 30) -> tuple[str, ...]:
    """An input of moving test pictures, without an end if no length is given."""
    length = "" if seconds is None else f":duration={seconds}"
    return (*SAFE, "lavfi", "-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}{length}")


def ffmpeg(
    *arguments: str,
    inputs: dict[str, str] | None = None,
    files: dict[str, str] | None = None,
    outputs: tuple[str, ...] = (),
    limits: Limits | None = None,
    duration: float | None = None,
) -> Program:
    """A program that promises the outputs of these names."""
    return Program(
        Engine.FFMPEG,
        (*QUIET, *arguments),
        inputs=inputs or {},
        files=files or {},
        outputs=tuple(Output(name, "final", "application/octet-stream") for name in outputs),
        limits=limits or Limits(wall=timedelta(seconds=60)),
        duration=duration,
    )


def digest(content: bytes) -> str:
    """As inputs and outputs are named."""
    return hashlib.sha256(content).hexdigest()


def taken(completed: Completed) -> dict[str, bytes]:
    """The outputs by name; their files are removed, as is the caller's part."""
    contents = {output.name: output.path.read_bytes() for output in completed.outputs}
    for output in completed.outputs:
        assert digest(contents[output.name]) == output.sha256
        assert len(contents[output.name]) == output.size
        output.path.unlink()
    return contents


async def code_of(running: object) -> Code:
    """The code of the error that something ends with."""
    with pytest.raises(ReelError) as raised:
        await running  # type: ignore[misc]
    return raised.value.code


@pytest.mark.asyncio(loop_scope="class")
class SandboxConformance:
    """The suite. ``sandbox`` may live for the whole class."""

    async def test_it_describes_itself(self, sandbox: Sandbox) -> None:
        described = await sandbox.describe()
        assert set(described) == {"adapter", "isolation", "digest"}
        assert all(described.values())
        assert described == await sandbox.describe()

    async def test_an_input_is_there_once_it_is_put_and_stays_the_callers(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        content = uuid.uuid4().bytes
        path = tmp_path / "clip"
        path.write_bytes(content)
        assert not await sandbox.has(digest(content))
        for _ in range(2):
            await sandbox.put(path, digest(content))
            assert await sandbox.has(digest(content))
        assert path.read_bytes() == content
        path.write_bytes(b"other")  # the caller's business, not the sandbox's
        assert await sandbox.has(digest(content))

    async def test_a_file_that_nobody_may_write_to_can_be_put_twice(self, sandbox: Sandbox, tmp_path: Path) -> None:
        content = uuid.uuid4().bytes
        path = tmp_path / "clip"
        path.write_bytes(content)
        path.chmod(0o444)
        for _ in range(2):
            await sandbox.put(path, digest(content))
        path.unlink()
        assert await sandbox.has(digest(content))

    async def test_bytes_of_another_digest_are_not_put(self, sandbox: Sandbox, tmp_path: Path) -> None:
        path = tmp_path / "clip"
        for mode in (0o644, 0o444):
            path.write_bytes(uuid.uuid4().bytes)
            path.chmod(mode)
            other = digest(uuid.uuid4().bytes)
            with pytest.raises(PermanentError) as raised:
                await sandbox.put(path, other)
            assert raised.value.code is Code.INPUT_MISMATCH
            assert not await sandbox.has(other)
            path.unlink()

    async def test_inputs_and_files_are_read_and_outputs_come_out(self, sandbox: Sandbox, tmp_path: Path) -> None:
        content = digest(uuid.uuid4().bytes).encode() * 4  # 16 × 16 bytes
        path = tmp_path / "pixels"
        path.write_bytes(content)
        await sandbox.put(path, digest(content))
        program = ffmpeg(
            *(*RAW, "-i", "{in:first}", *RAW, "-i", "{in:again}", *RAW, "-i", "{in:text.txt}"),
            *("-map", "0", *RAW_OUT, "{out:one.raw}", "-map", "1", *RAW_OUT, "{out:two.raw}"),
            *("-map", "2", *RAW_OUT, "{out:three.raw}"),
            inputs={"first": digest(content), "again": digest(content)},
            files={"text.txt": PIXELS},
            outputs=("one.raw", "two.raw", "three.raw"),
        )
        completed = await sandbox.run(program)
        assert completed.exit == 0, completed.stderr
        assert completed.adapter == (await sandbox.describe())["adapter"]
        assert completed.refused == ()
        assert completed.usage.wall > 0
        assert taken(completed) == {"one.raw": content, "two.raw": content, "three.raw": PIXELS.encode()}

    async def test_progress_is_in_seconds_of_the_result(self, sandbox: Sandbox) -> None:
        told: list[tuple[float, str]] = []

        async def on_progress(seconds: float, word: str) -> None:
            told.append((seconds, word))

        arguments = ("-progress", "pipe:1", "-stats_period", "0.1", "-re", *made_up(1.5), "-f", "null", "-")
        completed = await sandbox.run(ffmpeg(*arguments, duration=1.5), on_progress)
        assert completed.exit == 0, completed.stderr
        seconds = [s for s, _ in told]
        assert seconds == sorted(seconds)
        assert 0 < seconds[-1] <= 1.6
        assert all(word for _, word in told)
        assert b"out_time" not in completed.stdout

    async def test_an_error_of_the_programs_own_is_a_result(self, sandbox: Sandbox) -> None:
        completed = await sandbox.run(
            ffmpeg(*RAW, "-i", "{in:text}", "-frames:v", "none", "-f", "null", "-", files={"text": PIXELS})
        )
        assert completed.exit not in {0, 137}
        assert b"none" in completed.stderr
        assert completed.outputs == ()

    async def test_what_was_not_promised_is_not_taken(self, sandbox: Sandbox) -> None:
        program = ffmpeg(
            *(*made_up(1, rate=4), "-f", "image2", "{out:shot%d.png}"),
            outputs=("shot%d.png",),
        )
        assert await code_of(sandbox.run(program)) is Code.INVALID
        program = ffmpeg(
            *(*made_up(1, rate=4), "-f", "segment", "-segment_list", "{out:list.txt}", "-segment_time", "9"),
            *("-c:v", "mpeg4", "{out:list.txt}%d.mp4"),
            outputs=("list.txt", "missing.mp4"),
        )
        completed = await sandbox.run(program)
        assert completed.exit == 0, completed.stderr
        assert set(taken(completed)) == {"list.txt"}
        assert completed.refused == (("list.txt0.mp4", "not promised"),)

    async def test_of_a_long_log_the_end_is_kept(self, sandbox: Sandbox) -> None:
        arguments = ("-loglevel", "info", "-progress", "pipe:2", "-stats_period", "0.00001", *made_up(20, size="16x16"))
        completed = await sandbox.run(ffmpeg(*arguments, "-vf", "showinfo", "-f", "null", "-"))
        assert completed.exit == 0
        assert len(completed.stderr) == 64 << 10
        assert b"progress=end" in completed.stderr[-1000:]

    @pytest.mark.parametrize(
        "program",
        [
            ffmpeg("-i", "{in:clip}"),
            ffmpeg("-i", "{in:../clip}", inputs={"../clip": "0" * 64}),
            ffmpeg("-i", "{in:clip}", inputs={"clip": "../../etc/passwd"}),
            ffmpeg("{out:clip}"),
            ffmpeg("-i", "{in:clip}", inputs={"clip": "0" * 64}, files={"clip": ""}),
            ffmpeg("a\0b"),
            ffmpeg(limits=Limits(memory_bytes=1)),
            ffmpeg(limits=Limits(wall=timedelta(0))),
            Program(Engine.INSPECT, ("-c", "print(1)")),
        ],
    )
    async def test_a_program_that_makes_no_sense_is_refused(self, sandbox: Sandbox, program: Program) -> None:
        assert await code_of(sandbox.run(program)) is Code.INVALID

    async def test_a_script_that_is_not_the_products_own_is_refused(self, sandbox: Sandbox) -> None:
        program = Program(Engine.INSPECT, ("{in:script}",), files={"script": "print(1)"})
        assert await code_of(sandbox.run(program)) is Code.NO_SUCH_TOOL

    async def test_an_input_that_is_not_there_is_missing(self, sandbox: Sandbox) -> None:
        program = ffmpeg(*RAW, "-i", "{in:clip}", inputs={"clip": digest(uuid.uuid4().bytes)})
        assert await code_of(sandbox.run(program)) is Code.INPUT_MISSING

    async def test_it_is_stopped_at_its_time_limit(self, sandbox: Sandbox, leftovers: Leftovers) -> None:
        mark, since = uuid.uuid4().hex, time.monotonic()
        program = ffmpeg(
            *(*made_up(), "-metadata", f"comment={mark}", "-f", "null", "-"),
            limits=Limits(wall=timedelta(seconds=0.8)),
        )
        assert await code_of(sandbox.run(program)) is Code.LIMIT_TIME
        assert time.monotonic() - since < 5
        assert leftovers(mark) == []

    async def test_it_is_stopped_at_its_memory_limit(self, sandbox: Sandbox, leftovers: Leftovers) -> None:
        mark = uuid.uuid4().hex
        program = ffmpeg(
            *(*made_up(size="1280x720"), "-vf", "reverse", "-metadata", f"comment={mark}", "-f", "null", "-"),
            limits=Limits(wall=timedelta(seconds=60), memory_bytes=256 << 20),
        )
        assert await code_of(sandbox.run(program)) is Code.LIMIT_MEMORY
        assert leftovers(mark) == []

    async def test_it_is_stopped_when_it_says_too_much(self, sandbox: Sandbox, leftovers: Leftovers) -> None:
        mark = uuid.uuid4().hex
        program = ffmpeg(
            *("-loglevel", "info", *made_up(size="16x16"), "-vf", "showinfo", "-metadata", f"comment={mark}"),
            *("-f", "null", "-"),
            limits=Limits(wall=timedelta(seconds=60), log_bytes=256 << 10),
        )
        with pytest.raises(LimitExceededError) as raised:
            await sandbox.run(program)
        assert raised.value.code is Code.LIMIT_OUTPUT
        assert "showinfo" in raised.value.log_tail
        assert leftovers(mark) == []

    @pytest.mark.parametrize("outputs", [("one.raw",), ("one.raw", "two.raw", "three.raw")])
    async def test_it_is_stopped_when_its_results_are_too_large(
        self, sandbox: Sandbox, leftovers: Leftovers, outputs: tuple[str, ...]
    ) -> None:
        mark = uuid.uuid4().hex
        kept = [word for name in outputs for word in ("-map", "0", "-f", "rawvideo", f"{{out:{name}}}")]
        program = ffmpeg(
            *(*made_up(size="1280x720"), "-metadata", f"comment={mark}", *kept),
            outputs=outputs,
            limits=Limits(wall=timedelta(seconds=60), output_bytes=64 << 20),
        )
        assert await code_of(sandbox.run(program)) is Code.LIMIT_OUTPUT
        assert leftovers(mark) == []

    async def test_cancelling_kills_within_a_second(self, sandbox: Sandbox, leftovers: Leftovers) -> None:
        mark, told = uuid.uuid4().hex, asyncio.Event()

        async def on_progress(seconds: float, _word: str) -> None:
            if seconds:
                told.set()

        arguments = ("-progress", "pipe:1", *made_up(), "-metadata", f"comment={mark}", "-f", "null", "-")
        running = asyncio.ensure_future(sandbox.run(ffmpeg(*arguments), on_progress))
        await asyncio.wait_for(told.wait(), 20)
        assert leftovers(mark) != []
        since = time.monotonic()
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()
        await until(lambda: not leftovers(mark), 1)
        assert time.monotonic() - since < 1

    async def test_cancelling_at_any_moment_leaves_nothing(self, sandbox: Sandbox, leftovers: Leftovers) -> None:
        marks = [uuid.uuid4().hex for _ in range(8)]
        for n, mark in enumerate(marks):
            program = ffmpeg(*made_up(), "-metadata", f"comment={mark}", "-f", "null", "-")
            running = asyncio.ensure_future(sandbox.run(program))
            await asyncio.sleep(n * 0.03)
            running.cancel()
            await asyncio.wait({running})
        await until(lambda: not any(map(leftovers, marks)), 2)

    async def test_more_programs_than_places_wait_for_their_turn(self, sandbox: Sandbox) -> None:
        program = ffmpeg(*RAW, "-i", "{in:text}", *RAW_OUT, "{out:o}", files={"text": PIXELS}, outputs=("o",))
        completed = await asyncio.gather(*(sandbox.run(program) for _ in range(6)))
        assert [taken(c) for c in completed] == [{"o": PIXELS.encode()}] * 6
