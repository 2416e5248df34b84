"""The sandbox port over this very process: what the runner serves, and what the single process and tests use directly."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from reel_common.domain.program import Program
from reel_common.errors import SandboxUnavailableError
from reel_common.ports.runner_spool import OUTPUTS
from reel_common.ports.sandbox import Collected, Completed, OnProgress
from reel_executor.runner.admission import Admission
from reel_executor.runner.checking import check_program, own_scripts
from reel_executor.runner.choose import choose
from reel_executor.runner.collector import collect
from reel_executor.runner.isolation import Isolation, Prepared
from reel_executor.runner.running import perform, to_its_end
from reel_executor.runner.settings import DEFAULT_IMAGE
from reel_executor.runner.spool import Keeping, Spool

_EVICT_SECONDS = 60.0

T = TypeVar("T")


class LocalSandbox:
    """A ``Sandbox`` that starts programs itself. ``scripts`` are the digests of those that may be used to inspect.

    It owns the spool and the isolation, and gives both up with ``close``.
    """

    def __init__(
        self, spool: Spool, isolation: Isolation, *, slots: int = 0, scripts: Collection[str] | None = None
    ) -> None:
        self.admission = Admission(slots or _cores())
        self._spool, self._isolation = spool, isolation
        self._scripts = own_scripts() if scripts is None else scripts
        # Of our own: the default threads are few, and a disk that hangs would take them all.
        self._threads = ThreadPoolExecutor(self.admission.slots + 4, "runner")
        self._runs: set[asyncio.Task[object]] = set()
        self._evicted = time.monotonic()
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def put(self, path: Path, sha256: str) -> None:
        await self._in_thread(partial(self._spool.put, path, sha256))

    async def has(self, sha256: str) -> bool:
        return self._spool.has(sha256)

    async def run(self, program: Program, on_progress: OnProgress | None = None) -> Completed:
        # In a task of its own, which closing can end without ending whoever waits for it.
        task = asyncio.ensure_future(self._run(program, on_progress))
        self._runs.add(task)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._closing and task.cancelled() and not _is_being_cancelled():
                raise SandboxUnavailableError("the runner is stopping") from None
            task.cancel()
            await _in_any_case(task)
            raise
        finally:
            self._runs.discard(task)

    async def describe(self) -> dict[str, str]:
        digest = await self._isolation.digest()
        return {"adapter": self._isolation.name, "isolation": self._isolation.sentence, "digest": digest}

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        runs = list(self._runs)
        for task in runs:
            task.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        await self._isolation.close()
        self._threads.shutdown(wait=False)
        self._spool.close()

    async def _run(self, program: Program, on_progress: OnProgress | None) -> Completed:
        if self._closing:
            raise SandboxUnavailableError("the runner is stopping")
        check_program(program, self._isolation.engines, self._scripts)
        self._isolation.check(program)
        async with self._prepared(program) as run, self.admission.place(_waiting(on_progress)):
            self._spool.check_room()
            await self._in_thread(partial(self._spool.verify, run))
            completed = await perform(self._isolation, run, self._spool.check_room, on_progress)
            return await self._collected(run, completed)

    @asynccontextmanager
    async def _prepared(self, program: Program) -> AsyncIterator[Prepared]:
        """The run's folder, and with it a hold on its inputs, for as long as it waits and runs."""
        run = await self._in_thread(partial(self._spool.prepare, program), self._spool.discard)
        try:
            yield run
        finally:
            await to_its_end(self._in_thread(partial(self._spool.discard, run)))
            self._evict_sometimes()

    async def _collected(self, run: Prepared, completed: Completed) -> Completed:
        limit = run.program.limits.output_bytes
        take = partial(collect, run.folder / OUTPUTS, run.program.outputs, self._spool.outputs, run.id, limit)
        outputs, refused = await self._in_thread(take, _forget)
        return replace(completed, outputs=outputs, refused=refused)

    async def _in_thread(self, work: Callable[[], T], undo: Callable[[T], object] | None = None) -> T:
        """A thread cannot be cancelled: what it made for nobody is undone."""
        working = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            (result,) = await _in_any_case(working)
            if undo is not None and not isinstance(result, BaseException):
                undo(result)
            raise

    def _evict_sometimes(self) -> None:
        if time.monotonic() - self._evicted > _EVICT_SECONDS and not self._closing:
            self._evicted = time.monotonic()
            self._threads.submit(self._spool.evict)


async def open_local(
    folder: Path,
    *,
    sandbox: str = "auto",
    image: str = DEFAULT_IMAGE,
    slots: int = 0,
    keeping: Keeping | None = None,
    scripts: Collection[str] | None = None,
) -> LocalSandbox:
    """The sandbox in ``folder``, by the adapter of that name, with ``slots`` programs at once (0: one for each core).

    Raises: SandboxUnavailableError when the adapter does not work here, or another runner is at work in the folder.
    """
    spool = Spool(folder, keeping)
    await asyncio.to_thread(spool.open)
    try:
        isolation = await choose(sandbox, spool, image)
        await asyncio.to_thread(spool.tidy)
    except BaseException:
        spool.close()
        raise
    return LocalSandbox(spool, isolation, slots=slots, scripts=scripts)


def _forget(taken: tuple[tuple[Collected, ...], object]) -> None:
    for output in taken[0]:
        output.path.unlink(missing_ok=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _in_any_case(work: asyncio.Future[T]) -> list[T | BaseException]:
    """Its result or its error, after it was cancelled for."""
    with suppress(asyncio.CancelledError):  # a second one, of which the caller has the first
        await to_its_end(asyncio.wait({work}))
    return list(await asyncio.gather(work, return_exceptions=True))


def _waiting(on_progress: OnProgress | None) -> Callable[[], Awaitable[None]] | None:
    return None if on_progress is None else partial(on_progress, 0.0, "waiting for a free core")
