"""Claims, and every way in which a job can change: each a fact, decided with ``follow`` and written if nothing moved."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import sqlalchemy as sa

from reel_common.domain.flow import RULES, Rule
from reel_common.domain.job import TERMINAL, Ending
from reel_common.domain.kinds import KINDS, KindRow
from reel_common.domain.outcome import Done, NewAsset
from reel_common.domain.step import Claimed, StepState
from reel_common.errors import Code, Failure, TransientError
from reel_common.ledger import statements
from reel_common.ledger.database import ConflictError, Database, connect
from reel_common.ledger.decision import Decision, Fact, Outcome, Row, RunOn, decide, order
from reel_common.ledger.seen import Seen, claimed_from, seen, with_claims
from reel_common.ledger.submission import NewJob, submission
from reel_common.ledger.views import Views
from reel_common.messages.envelope import Envelope

Facts = Callable[[Seen], Fact | None]
"""What happened, seen from the rows as they are; None when it no longer can have happened (fenced, ended)."""

MOST_JSON = 64 * 1024
MOST_CRASHES = 10
"""So often a step may take its worker down before it is failed as poison. In a storm an innocent one reached six."""


class Ledger:
    """Raises TransientError when the database is away, from every method."""

    def __init__(
        self,
        database: Database,
        *,
        lease: float = 60.0,
        rules: Mapping[str, Rule] = RULES,
        kinds: Mapping[str, KindRow] = KINDS,
        code_version: str = "",
    ) -> None:
        self.database, self.lease, self.rules, self.kinds = database, lease, rules, kinds
        self.code_version = code_version
        self._views = Views()

    @classmethod
    def open(cls, url: str, *, pool: int = 4, **options: Any) -> Self:
        """Connects when first used; options as for the constructor."""
        return cls(connect(url, pool), **options)

    async def close(self) -> None:
        await self.database.close()

    # a new job

    async def submit(self, job: NewJob) -> Outcome:
        """Accepts a job. Raises: IntegrityError when its id, its idempotency key or its branch is taken."""
        parts, outcome = submission(job, self.rules[job.kind], self.kinds)
        await self.database.submit(parts)
        if parts["waits"]:
            await self._look_at(job.id, outcome)
        return outcome

    async def _look_at(self, job: str, outcome: Outcome) -> None:
        """What a new job needs may have been there before it: then nobody else will look. It is accepted in any case."""
        with contextlib.suppress(TransientError):
            looked = await self.change(job, lambda _: Fact())
            outcome.orders += looked.orders
            outcome.facts += looked.facts
            outcome.needs, outcome.ended = looked.needs, looked.ended

    # work

    async def claim(self, worker: str, kinds: Sequence[str], n: int, serves: Sequence[str] = ()) -> list[Claimed]:
        """The next fair ready steps, now running by this worker under a lease. ``serves``: all kinds that it works on."""
        params = {"worker": worker, "code_version": self.code_version, "n": n, "wide": n + 32, "lease": self.lease}
        rows = await self.database.claim(params, kinds, serves or kinds)
        claimed = [claimed_from(row) for row, _ in rows]
        for job in {row.id: row for _, row in rows}.values():
            self._views.put(with_claims(seen(job), claimed))
        return claimed

    async def heartbeat(self, held: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """Renews leases. For each (step id, epoch): ``ok``, ``stop`` (its job is ending) or ``fenced``."""
        if not held:
            return {}
        rows = [{"id": i, "epoch": epoch} for i, epoch in held]
        kept = await self.database.query(statements.HEARTBEAT, {"held": json.dumps(rows), "lease": self.lease})
        said = {(r.id, r.epoch): "stop" if r.ending else "ok" for r in kept}
        return {h: said.get(h, "fenced") for h in held}

    async def complete(self, step: Claimed, done: Done, run_on: RunOn | None = None) -> Outcome:
        """The step is done; what it made becomes visible, and what follows is released, in the same transaction."""
        result = json.dumps(dict(done.result))
        if len(result) > MOST_JSON:
            reason = Failure(Code.BUG, f"A result of {len(result)} bytes is over {MOST_JSON}.")
            return await self.fail(step, reason)
        values: Row = {"state": StepState.DONE, "result": result, "content_key": done.content_key}
        parts: dict[str, Sequence[Row]] = {"assets": [_asset_row(step, a) for a in done.assets]}
        if done.content_key:
            parts["results"] = [{"owner": step.owner, "content_key": done.content_key, "result": result}]
        if done.facts:
            parts["ingested"] = [
                {"id": a, "owner": step.owner, "state": "ready", "facts": json.dumps(f.as_json())}
                for a, f in done.facts.items()
            ]
        event = self._event_of(step.kind, ended=True)
        needs = tuple(f"asset:{a}" for a in done.facts)
        return await self._end(step, values, event, parts=parts, needs=needs, run_on=run_on)

    async def fail(self, step: Claimed, why: Failure) -> Outcome:
        """The step failed for good."""
        error = why.as_json()
        values: Row = {"state": StepState.FAILED, "error": json.dumps(error)}
        return await self._end(step, values, self._event_of(step.kind, ended=False), error=error)

    async def retry(self, step: Claimed, why: Failure, after: float) -> Outcome:
        """The step is to be tried again in so many seconds."""
        values: Row = {"state": StepState.BLOCKED, "error": json.dumps(why.as_json()), "wait": after}
        return await self._end(step, values, "step.retried", error=why.as_json(), after=round(after, 3))

    async def stopped(self, step: Claimed) -> Outcome:
        """The worker has stopped a running step of a job that is ending."""
        return await self._end(step, {"state": StepState.CANCELLED}, "step.cancelled")

    async def give_back(self, step: Claimed) -> Outcome:
        """A graceful stop: another worker takes the step, and it cost no attempt."""
        return await self._end(step, {"state": StepState.BLOCKED, "attempt": -1}, "step.returned")

    async def _end(
        self,
        step: Claimed,
        values: Row,
        event: str,
        *,
        parts: Mapping[str, Sequence[Row]] | None = None,
        needs: tuple[str, ...] = (),
        run_on: RunOn | None = None,
        **told: Any,
    ) -> Outcome:
        data = {
            "step": step.step,
            "item": step.item,
            "rev": step.rev,
            "attempt": step.attempt,
            "epoch": step.epoch,
            **told,
        }

        def facts(now: Seen) -> Fact | None:
            if not self.holds(now, step):
                return None
            return Fact(steps={step.id: values}, events=((event, data),), parts=parts or {}, needs=needs)

        return await self.change(step.job, facts, run_on, view=self._views.take(step.job))

    def holds(self, now: Seen, step: Claimed) -> bool:
        """The fence: whether this claim is still the one that may write."""
        row = now.steps.get(step.id)  # a view may be from before the step
        return row is not None and row.step.state is StepState.RUNNING and row.epoch == step.epoch

    def _event_of(self, kind: str, *, ended: bool) -> str:
        row = self.kinds[kind]
        return (row.ended if ended else row.failed).removesuffix(".v1")

    # wishes of people

    async def cancel(self, job: str) -> Outcome:
        """Fenced when the job has ended; cancelling again changes nothing."""
        return await self.change(job, lambda now: _wish(now, "job.cancelled", ending=Ending.CANCELLED))

    async def pause(self, job: str) -> Outcome:
        """Nothing more is started; what runs finishes. Fenced when the job has ended or is ending."""
        return await self.change(job, lambda now: _wish(now, "job.paused", paused=True))

    async def resume(self, job: str) -> Outcome:
        return await self.change(job, lambda now: _wish(now, "job.resumed", paused=False))

    # the one way to change a job

    async def change(self, job: str, facts: Facts, run_on: RunOn | None = None, *, view: Seen | None = None) -> Outcome:
        """Read, decide, write if the job is still as it was read; else all again. Fenced when there is no such job.

        ``view`` is the job as it was seen a moment ago, to be tried first: the guard finds out whether it moved since.
        """
        for n in range(60):
            if n > 2:
                await asyncio.sleep(random.uniform(0, 0.004 * n))
            now = view or await self.see(job, (run_on.serves or run_on.kinds) if run_on else ())
            fresh, view = view is None, None
            fact = facts(now) if now else None
            decision = decide(now, fact, self.rules[now.job.kind], self.kinds, run_on) if now and fact else None
            if fresh and (decision is None or decision.job is None):
                return decision.outcome if decision else Outcome(fenced=True)
            await self.between()
            if decision and decision.job and await self._written(decision, run_on):
                return decision.outcome
        raise TransientError("The job changed too often while it was being written.")

    async def _written(self, decision: Decision, run_on: RunOn | None) -> bool:
        assert decision.job is not None
        unless = (run_on.serves or run_on.kinds) if run_on and decision.outcome.next else ()
        try:
            await self.database.change(decision.job, decision.parts, unless)
        except (ConflictError, sa.exc.IntegrityError):  # (job, seq) of events is the last guard
            return False
        if decision.after and not decision.outcome.ended:
            self._views.put(decision.after)
        return True

    async def see(self, job: str, kinds: Sequence[str] = ()) -> Seen | None:
        """The job as it is; ``kinds`` are those of which another owner's ready steps matter."""
        rows = await self.database.read(statements.READ, {"job": job}, kinds)
        return seen(rows[0]) if rows else None

    async def between(self) -> None:
        """After the rows are read, before anything is written: where a test of interleavings holds a change."""

    async def revisit(self, needs: Sequence[str]) -> list[Outcome]:
        """Looks again at the jobs that wait for these needs, each in a transaction of its own."""
        given = {"needs": json.dumps([{"need": n} for n in needs])}
        rows = await self.database.read(statements.WAITING_JOBS, given)
        return [await self.change(r.job, lambda _: Fact()) for r in rows]

    # what was lost

    async def sent(self, ids: Sequence[str]) -> None:
        """These orders are safe with the broker."""
        await self.database.query(statements.SENT, {"sent": json.dumps([{"id": i} for i in ids])})

    async def expired(self, n: int = 50) -> list[tuple[str, str, int]]:
        """(job, step id, epoch) of running steps whose lease is over."""
        return [(r.job, r.id, r.epoch) for r in await self.database.read(statements.EXPIRED, {"n": n})]

    async def revive(self, job: str, step: str, epoch: int, *, crash: bool = True) -> Outcome:
        """The worker of this claim is gone: the step is tried again, at the tenth crash no more."""

        def facts(now: Seen) -> Fact | None:
            row = now.steps.get(step)
            if row is None or row.step.state is not StepState.RUNNING or row.epoch != epoch or (crash and not row.late):
                return None
            told = {"step": row.step.step, "item": row.step.item, "rev": row.step.rev, "epoch": epoch}
            if now.job.ending:
                return Fact(steps={step: {"state": StepState.CANCELLED}}, events=(("step.cancelled", told),))
            if not crash:
                return Fact(
                    steps={step: {"state": StepState.BLOCKED, "attempt": -1}}, events=(("step.returned", told),)
                )
            if row.crashes + 1 >= MOST_CRASHES:
                why = Failure(
                    Code.POISON, f"The step {row.step.step} took its worker down {MOST_CRASHES} times."
                ).as_json()
                values: Row = {"state": StepState.FAILED, "crashes": 1, "error": json.dumps(why)}
                return Fact(steps={step: values}, events=(("step.failed", {**told, "error": why}),))
            wait = min(self.lease, self.lease / 12 * 2**row.crashes)
            return Fact(
                steps={step: {"state": StepState.BLOCKED, "crashes": 1, "wait": wait}}, events=(("step.lost", told),)
            )

        return await self.change(job, facts)

    async def free_all(self) -> list[Outcome]:
        """For the only process on this ledger, at its start: nothing can be running, and nothing has crashed."""
        rows = await self.database.read(statements.HELD_BY_ANY)
        return [await self.revive(r.job, r.id, r.epoch, crash=False) for r in rows]

    async def stalled(self, quiet: float, n: int = 50) -> list[str]:
        """Live jobs with nothing running or ready that wait for nothing: not for a person, an upload or another job."""
        return [r.id for r in await self.database.read(statements.STALLED, {"quiet": quiet, "n": n})]

    async def follow_again(self, job: str) -> Outcome:
        """Whatever follows from the rows as they are."""
        return await self.change(job, lambda now: None if now.job.state in TERMINAL else Fact(revival=True))

    async def overdue(self, n: int = 50) -> list[Outcome]:
        """Fails the jobs whose deadline has passed."""
        why = Failure(Code.DEADLINE, "The job did not end before its deadline.")

        def facts(now: Seen) -> Fact | None:
            live = now.overdue and not now.job.ending and now.job.state not in TERMINAL
            return Fact(ending=Ending.FAILED, error=why, events=(("job.overdue", {}),)) if live else None

        rows = await self.database.read(statements.OVERDUE, {"n": n})
        return [await self.change(r.id, facts) for r in rows]

    async def unsent(self, quiet: float, n: int = 200) -> list[Envelope]:
        """Orders that were written and never marked as sent."""
        rows = await self.database.read(statements.UNSENT, {"quiet": quiet, "n": n})
        return [
            Envelope.model_construct(id=r.id, type=r.type, job_id=r.job, owner_id=r.owner, body={"step": r.step})
            for r in rows
        ]

    async def untouched(self, quiet: float, n: int = 40) -> list[Envelope]:
        """Orders anew for ready steps that nobody took; for each step not again before three times as long."""
        params = {"quiet": quiet, "again": 3 * quiet, "n": n}
        rows = await self.database.query(statements.UNTOUCHED, params)
        return [order(self.kinds, r.job, r.owner, r.id, r.kind) for r in rows]

    async def forget_keys(self, age: float) -> None:
        """Idempotency keys are remembered for so many seconds."""
        await self.database.query(statements.FORGET_KEYS, {"age": age})

    async def backlog(self) -> list[tuple[str, str, int, float]]:
        """(kind, state, how many, age in seconds of the oldest) of ready and running steps."""
        rows = await self.database.read(statements.BACKLOG)
        return [(r.kind, r.state, r.n, float(r.oldest or 0.0)) for r in rows]


def _wish(now: Seen, event: str, **values: Any) -> Fact | None:
    """A wish that comes too late is no fact; one that is granted already changes nothing."""
    if now.job.state in TERMINAL:
        return None
    if now.job.ending:
        return Fact() if "ending" in values else None
    if values.get("paused") == now.job.paused:
        return Fact()
    return Fact(events=((event, {}),), **values)


def _asset_row(step: Claimed, asset: NewAsset) -> Row:
    return {
        "id": asset.id,
        "owner": step.owner,
        "job": step.job,
        "step": step.id,
        "source": asset.source,
        "role": asset.role,
        "state": "ready",
        "name": asset.name,
        "media_type": asset.media_type,
        "sha256": asset.sha256,
        "size": asset.size,
        "facts": json.dumps(asset.facts.as_json()) if asset.facts else None,
    }
