"""One program from its start to its end: read, watched, stopped at its limits, and never left alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

from reel_common.domain.program import Engine
from reel_common.errors import Code, LimitExceededError, SandboxUnavailableError
from reel_common.ports.runner_spool import OUTPUTS
from reel_common.ports.sandbox import Completed, OnProgress
from reel_executor.runner.isolation import Ended, Isolation, Prepared, Process
from reel_executor.runner.progress import FFmpegProgress
from reel_executor.runner.transcript import Transcript
from reel_executor.runner.trees import measure

_LOOK_SECONDS = 0.1
"""How often the folder of results is measured: a fast disk takes a hundred megabytes in that time."""
_TELL_SECONDS = 0.25
_FILE_TOO_LARGE = 128 + 25
_OUT_OF_MEMORY_WORDS = (b"Cannot allocate memory", b"MemoryError", b"bad_alloc")

T = TypeVar("T")


async def to_its_end(work: Awaitable[T]) -> T:
    """Waits for something that must not be left half done; a cancellation in the meantime is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except BaseException:  # noqa: BLE001, S110  # raised below, by the task itself
            pass
    if cancelled is not None:
        task.exception()  # seen, so that it does not complain
        raise cancelled
    return task.result()


async def perform(
    isolation: Isolation, run: Prepared, check_room: Callable[[], None], on_progress: OnProgress | None = None
) -> Completed:
    """Runs a prepared program; its outputs are still to be collected. Whatever happens, nothing of it runs afterwards.

    Raises: LimitExceededError, SandboxUnavailableError.
    """
    since = time.monotonic()
    limits = run.program.limits
    progress = FFmpegProgress() if run.program.engine is Engine.FFMPEG else None
    transcript = Transcript(limits.log_bytes, progress)
    process = await _start(isolation, run)
    try:
        async with asyncio.timeout(limits.wall.total_seconds()):
            ended = await _until_ended(
                process,
                process.drain(transcript.take),
                _guard(run, check_room),
                _tell(progress, on_progress) if progress and on_progress else asyncio.sleep(0),
            )
    except TimeoutError as error:
        seconds = limits.wall.total_seconds()
        raise LimitExceededError(
            Code.LIMIT_TIME, f"the program was not done after {seconds:g} seconds", log_tail=transcript.log_tail()
        ) from error
    except LimitExceededError as error:
        error.log_tail = error.log_tail or transcript.log_tail()
        raise
    finally:
        await to_its_end(process.kill())
    _judge(run, ended, transcript)
    stdout, stderr = transcript.end()
    usage = replace(ended.usage, wall=time.monotonic() - since)
    return Completed(ended.exit, stdout, stderr, (), (), usage, isolation.name)


async def _start(isolation: Isolation, run: Prepared) -> Process:
    starting = asyncio.ensure_future(isolation.start(run))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # What is half started can be neither left nor killed: a moment later it can.
        await to_its_end(_end_started(starting))
        raise


async def _end_started(starting: asyncio.Future[Process]) -> None:
    try:
        process = await starting
    except SandboxUnavailableError:
        return
    await process.kill()


async def _until_ended(process: Process, *companions: Awaitable[None]) -> Ended:
    """Waits for the program's end; the companions go along, and the first error of any is ours."""
    ending = asyncio.ensure_future(process.wait())
    others = [asyncio.ensure_future(c) for c in companions]
    pending: set[asyncio.Future[Any]] = {ending, *others}
    try:
        while not ending.done():
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                _raise_sole(task)
        await asyncio.wait({others[0]}, timeout=2)  # the last of what it said
        _raise_sole(others[0])
        return ending.result()
    finally:
        for task in (ending, *others):
            task.cancel()
        await asyncio.gather(ending, *others, return_exceptions=True)


def _raise_sole(task: asyncio.Future[Any]) -> None:
    error = task.exception() if task.done() else None
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is not None:
        raise error


async def _guard(run: Prepared, check_room: Callable[[], None]) -> None:
    """Stops a program that fills the disk."""
    limit = run.program.limits.output_bytes
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        found = measure(run.folder / OUTPUTS)
        if found.excess or found.bytes > limit:
            raise LimitExceededError(
                Code.LIMIT_OUTPUT, found.excess or f"the program wrote more than {limit} bytes of results"
            )
        check_room()


async def _tell(progress: FFmpegProgress, on_progress: OnProgress) -> None:
    """Passes progress on, at most a few times a second, whatever the pace of either side."""
    told = 0.0
    while True:
        await asyncio.sleep(_TELL_SECONDS)
        if progress.seconds > told:
            told = progress.seconds
            await on_progress(told, f"{progress.speed} of playing speed" if progress.speed else "working")


def _judge(run: Prepared, ended: Ended, transcript: Transcript) -> None:
    """Raises: LimitExceededError when a limit ended the program, rather than it itself."""
    words = transcript.stderr[-4096:]
    out_of_memory = ended.out_of_memory or (
        ended.address_limited and ended.exit and any(w in words for w in _OUT_OF_MEMORY_WORDS)
    )
    if out_of_memory:
        limit = run.program.limits.memory_bytes
        raise LimitExceededError(
            Code.LIMIT_MEMORY, f"the program needs more than {limit} bytes of memory", log_tail=transcript.log_tail()
        )
    limit = run.program.limits.output_bytes
    found = measure(run.folder / OUTPUTS)
    full = bool(found.excess) or found.bytes >= limit
    if ended.exit == _FILE_TOO_LARGE or (ended.exit and full):
        raise LimitExceededError(
            Code.LIMIT_OUTPUT, f"the program wrote {limit} bytes of results", log_tail=transcript.log_tail()
        )
