"""The worker of a process: its desks, the settling of what handlers return or raise, and a graceful stop.

The only place that claims, completes and retries. A handler never acknowledges anything; a lost connection to the
broker cancels nothing here, because work runs in tasks of its own and a ring only makes a desk look.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

import structlog
from structlog.contextvars import bound_contextvars

from reel_common.domain.outcome import Done
from reel_common.domain.step import Claimed
from reel_common.errors import Code, Failure, LimitExceededError, PermanentError, ReelError, TransientError
from reel_common.ledger import Ledger, Outcome, RunOn
from reel_common.messages.envelope import Envelope
from reel_common.metrics import Metrics
from reel_common.ports.bell import Bell, OnRing
from reel_common.ports.handler import Handler
from reel_common.ports.noticeboard import Noticeboard
from reel_common.worker.alone import Alone
from reel_common.worker.desk import Desk, Onward
from reel_common.worker.heartbeat import Heartbeat, Key
from reel_common.worker.options import Options
from reel_common.worker.relay import Relay
from reel_common.worker.reporting import Reporter
from reel_common.worker.retrying import backoff, persistently
from reel_common.worker.sweeper import Sweeper

log = structlog.get_logger(__name__)

Settle = Callable[[], Awaitable[Outcome]]
CANCELLED = "job.cancelled.v1"
LINGER = 0.1
"""Seconds for which a slot stays taken when the worker has gone on at another desk. Without it every short step would
make room for a new job, until all desks are full and nothing can be gone on with."""
FAREWELL = 10.0
"""Seconds for giving back what the grace was not enough for."""


class Worker:
    """Does the work of the kinds that it has handlers for. ``open_ledger`` makes the heartbeat's own."""

    def __init__(
        self,
        book: Ledger,
        bell: Bell,
        board: Noticeboard,
        handlers: Mapping[str, Handler],
        *,
        open_ledger: Callable[[], Ledger],
        relay: Relay | None = None,
        metrics: Metrics | None = None,
        options: Options | None = None,
    ) -> None:
        self.book, self.bell, self.board, self.handlers = book, bell, board, handlers
        self.options, self.metrics = options or Options(), metrics or Metrics()
        self._shared_relay = relay is not None
        self.relay = relay or Relay(book, bell)
        self.sweeper = Sweeper(book, self.relay, self.metrics, every=self.options.sweep, quiet=self.options.quiet)
        self._heartbeat = Heartbeat(open_ledger, self._cut)
        self._alone = Alone()
        self._work: dict[Key, asyncio.Future[Done]] = {}
        self._why: dict[Key, str] = {}
        self._stopping = False
        self._leaving = False
        self.kinds = tuple(handlers)
        self.desks = self._make_desks()

    def _make_desks(self) -> list[Desk]:
        by_queue: dict[str, list[str]] = {}
        for kind in self.handlers:
            by_queue.setdefault(self.book.kinds[kind].queue, []).append(kind)
        return [self._desk(queue, tuple(kinds)) for queue, kinds in by_queue.items()]

    def _desk(self, queue: str, kinds: tuple[str, ...]) -> Desk:
        slots = self.options.slots or max(self.book.kinds[k].slots for k in kinds) or os.cpu_count() or 1
        return Desk(queue, kinds, slots, self._claim, self._slot, self._takes_work, self.options.poll)

    def _takes_work(self) -> bool:
        return not self._stopping and not self._alone.wanted

    async def _claim(self, kinds: Sequence[str], n: int) -> list[Claimed]:
        return await self.book.claim(self.options.name, kinds, n, self.kinds)

    # the loops

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; then what runs may finish within the grace, and the rest is given back."""
        loops = [self._forever(partial(desk.run, self.bell.ready)) for desk in self.desks]
        loops += [self._forever(self._listen), self._forever(self.sweeper.run)]
        if not self._shared_relay:
            loops.append(self._forever(self.relay.run))
        async with self._heartbeat:
            tasks = [asyncio.create_task(each) for each in loops]
            try:
                await stop.wait()
                await self._stop()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _forever(self, loop: Callable[[], Awaitable[None]]) -> None:
        """A server that is away, or a mistake of ours, ends no loop."""
        while True:
            try:
                return await loop()
            except Exception as e:  # noqa: BLE001 - see above
                log.warning("loop restarts", error=repr(e))
            await asyncio.sleep(random.uniform(0.1, 0.5))

    async def _listen(self) -> None:
        await self.bell.listen_hints(self._hinted, [CANCELLED])
        for desk in self.desks:
            await self.bell.listen([desk.queue], self._ear(desk))

    @staticmethod
    def _ear(desk: Desk) -> OnRing:
        async def rung(_: Envelope) -> bool:
            return await desk.rung()  # whatever the message says, it means "look": the ledger says what there is to do

        return rung

    def _hinted(self, fact: Envelope) -> None:
        if fact.type == CANCELLED and any(i.startswith(f"{fact.job_id}/") for i, _ in self._work):
            self._heartbeat.now()

    # one step

    async def _slot(self, desk: Desk, step: Claimed) -> None:
        """A step, and those that the worker goes straight on with."""
        onward = Onward(desk, self.desks)
        current: Claimed | None = step
        try:
            while current and current.kind in desk.kinds:
                current = await self._one(current, onward)
            if current:
                await asyncio.wait([onward.start(current)], timeout=LINGER)
        finally:
            onward.give_back()

    async def _one(self, step: Claimed, onward: Onward) -> Claimed | None:
        key = (step.id, step.epoch)
        self._heartbeat.hold(key)
        begun = time.monotonic()
        with bound_contextvars(job=step.job, step=step.id, kind=step.kind, attempt=step.attempt):
            try:
                async with self._company(step) as let_in:
                    settle, name = await self._done(step, key, onward) if let_in else self._back(step)
                outcome = await persistently(settle) if settle else Outcome(fenced=True)
            except TransientError as e:  # away for longer than our patience: another takes it when the lease is over
                log.warning("step abandoned", error=e.detail)
                return None
            except Exception:  # a mistake of ours in writing it, with the same end
                log.exception("step abandoned of a bug")
                return None
            finally:
                self._heartbeat.release(key)
                self._why.pop(key, None)
                self.metrics.seconds.labels(step.kind).observe(time.monotonic() - begun)
            self.metrics.steps.labels(step.kind, "fenced" if outcome.fenced else name).inc()
        self.relay.announce(outcome)
        return outcome.next

    def _company(self, step: Claimed) -> AbstractAsyncContextManager[bool]:
        return self._alone.alone() if step.crashes >= self.options.suspect_crashes else self._alone.beside()

    async def _done(self, step: Claimed, key: Key, onward: Onward) -> tuple[Settle | None, str]:
        """Does the work. Returns what is to be written of it, and what to call that."""
        if self._leaving:  # claimed, gone on with or let in only now
            return self._back(step)
        work: asyncio.Future[Done] = asyncio.ensure_future(self._handle(step))
        self._work[key] = work
        try:
            done = await work
        except asyncio.CancelledError:
            return self._cancelled(step, self._why.get(key, ""))
        except TransientError as e:
            return self._again(step, e)
        except (PermanentError, LimitExceededError) as e:
            failure = e.failure
            return (lambda: self.book.fail(step, failure)), "failed"
        except Exception as e:  # whatever it is, the step must end
            log.exception("step failed of a bug")
            bug = e.failure if isinstance(e, ReelError) else Failure(Code.BUG, f"Our fault: {type(e).__name__}.")
            return (lambda: self.book.fail(step, bug)), "bug"
        finally:
            self._work.pop(key, None)
        return (lambda: self._complete(step, done, onward)), "done"

    async def _handle(self, step: Claimed) -> Done:
        limit = self.book.kinds[step.kind].limit
        try:
            async with asyncio.timeout(limit.total_seconds()):
                return await self.handlers[step.kind](step, Reporter(self.board, step))
        except TimeoutError as e:
            raise LimitExceededError(Code.LIMIT_TIME, f"The step took longer than {limit}.") from e

    def _cancelled(self, step: Claimed, why: str) -> tuple[Settle | None, str]:
        if why == "stop":
            return (lambda: self.book.stopped(step)), "cancelled"
        return self._back(step) if why == "back" else (None, "fenced")

    def _back(self, step: Claimed) -> tuple[Settle | None, str]:
        return (lambda: self.book.give_back(step)), "returned"

    def _again(self, step: Claimed, error: TransientError) -> tuple[Settle, str]:
        wait = backoff(step.attempt - step.crashes, error)  # a crash is no answer of what this step depends on
        if wait is None:
            return (lambda: self.book.fail(step, error.failure)), "failed"
        return (lambda: self.book.retry(step, error.failure, wait)), "retried"

    async def _complete(self, step: Claimed, done: Done, onward: Onward) -> Outcome:
        """Completes, and goes straight on with what follows: at this desk, or at another that has room to spare."""
        if not self._takes_work():
            return await self.book.complete(step, done)
        run_on = RunOn(self.options.name, self.kinds, self.book.lease, self.book.code_version, room=onward.room)
        return await self.book.complete(step, done, run_on)

    # stopping

    def _cut(self, key: Key, why: str) -> None:
        work = self._work.get(key)
        if work and not work.done():
            self._why.setdefault(key, why)
            work.cancel()

    async def _stop(self) -> None:
        self._stopping = True
        await self._idle(self.options.grace)
        self._leaving = True
        for key in list(self._work):
            self._cut(key, "back")
        await self._idle(FAREWELL)
        await self.relay.flush()

    async def _idle(self, seconds: float) -> None:
        """Returns when nothing is being claimed and nothing is at work, or after so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for desk in self.desks:
                    await desk.settled()
                while busy := {task for desk in self.desks for task in desk.busy}:
                    await asyncio.wait(busy)
