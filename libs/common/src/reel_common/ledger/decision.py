"""From a job as it was seen and a fact about it to the rows to be written: pure, so that deciding again costs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from reel_common.domain.flow import Changes, Rule, follow
from reel_common.domain.ids import new_id
from reel_common.domain.job import TERMINAL, Ending, Job, JobState
from reel_common.domain.kinds import KindRow
from reel_common.domain.step import Claimed, Step, StepState, step_id
from reel_common.errors import Failure
from reel_common.ledger.seen import Seen, SeenStep, failure
from reel_common.messages.envelope import Envelope
from reel_common.messages.registry import MESSAGES

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened: new values of step rows by id, of the job, the events that tell it, rows that go with it.

    ``error`` is why the job ends, when it is not a step's failure. ``needs`` have been met or lost for other jobs.
    """

    steps: Mapping[str, Row] = field(default_factory=dict)
    ending: Ending | None = None
    paused: bool | None = None
    error: Failure | None = None
    events: tuple[tuple[str, Row], ...] = ()
    parts: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    revival: bool = False
    """Made by the sweeper, which expects nothing to follow."""


def _anywhere(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class RunOn:
    """A worker that would go straight on with a step of ``kinds``, unless another owner waits for one that it ``serves``."""

    worker: str
    kinds: tuple[str, ...]
    lease: float
    code_version: str = ""
    serves: tuple[str, ...] = ()
    """All kinds that the worker has handlers for, always in the same order; ``kinds`` when empty."""
    room: Callable[[str], bool] = _anywhere
    """Asked for the kind of a step that would be gone on with; who says yes keeps a slot for it until this is written."""


@dataclass(slots=True)
class Outcome:
    """What is left to do after a change was written: ring, tell, go on, look at jobs that waited."""

    orders: list[Envelope] = field(default_factory=list)
    facts: list[Envelope] = field(default_factory=list)
    next: Claimed | None = None
    needs: tuple[str, ...] = ()
    fenced: bool = False
    ended: JobState | None = None


@dataclass(slots=True)
class Decision:
    """Rows to write and their outcome; ``job`` is None when there is nothing to write."""

    outcome: Outcome
    job: Row | None = None
    parts: dict[str, Sequence[Row]] = field(default_factory=dict)
    after: Seen | None = None
    """The job as it will be when this is written, and nothing else happens."""


def decide(seen: Seen, fact: Fact, rule: Rule, kinds: Mapping[str, KindRow], run_on: RunOn | None = None) -> Decision:
    """Applies the fact, asks ``follow``, and turns both into rows."""
    paused = seen.job.paused if fact.paused is None else fact.paused
    job = replace(seen.job, ending=seen.job.ending or fact.ending, paused=paused)
    changes = follow(job, _steps_after(seen, fact), rule, seen.outside)
    return _Writer(seen, fact, job, changes, kinds, None if seen.others else run_on).decision()


def _steps_after(seen: Seen, fact: Fact) -> list[Step]:
    return [_after(s.step, fact.steps.get(s.id, {})) for s in seen.steps.values()]


def _after(step: Step, values: Row) -> Step:
    if not values:
        return step
    result = json.loads(values["result"]) if values.get("result") else step.result
    error = failure(values.get("error")) or step.error
    return replace(step, state=StepState(values["state"]), result=result, error=error)


class _Writer:
    """Builds the rows of one decision."""

    def __init__(
        self, seen: Seen, fact: Fact, job: Job, changes: Changes, kinds: Mapping[str, KindRow], run_on: RunOn | None
    ) -> None:
        self.seen, self.fact, self.job, self.changes, self.kinds, self.run_on = seen, fact, job, changes, kinds, run_on
        self.out = Outcome(needs=fact.needs)

    def decision(self) -> Decision:
        steps, new = self._changed_steps(), [self._new_step(s) for s in self.changes.insert]
        told = self._events()
        if not (steps or new or told or self.fact.parts):
            return Decision(self.out)
        parts: dict[str, Sequence[Row]] = {"steps": steps, "new_steps": new, **self.fact.parts}
        parts["events"] = [self._event(n, *event) for n, event in enumerate(told, self.seen.event_seq + 1)]
        parts["waits"] = [{"need": n, "job": self.job.id} for n in _outer_needs(self.changes.insert)]
        parts["outbox"] = [
            {"id": o.id, "type": o.type, "job": o.job_id, "owner": o.owner_id, "step": o.body["step"]}
            for o in self.out.orders
        ]
        if self.changes.state in TERMINAL:
            self._end(parts, self.changes.state)
        row = self._job_row(len(told))
        return Decision(self.out, row, {k: v for k, v in parts.items() if v}, self._after(steps, row))

    # steps

    def _changed_steps(self) -> list[Row]:
        rows: dict[str, Row] = {
            i: {"id": i, "was": self.seen.steps[i].step.state, **values} for i, values in self.fact.steps.items()
        }
        groups = (
            (self.changes.hold, StepState.BLOCKED),
            (self.changes.cancel, StepState.CANCELLED),
            (self.changes.release, StepState.READY),
        )
        for group, state in groups:
            for step in group:
                i = step_id(self.job.id, step)
                rows[i] = {"id": i, "was": self.seen.steps[i].step.state, **rows.get(i, {}), "state": state}
        for step in self.changes.release:
            self._release(step, rows)
        return list(rows.values())

    def _release(self, step: Step, rows: dict[str, Row]) -> None:
        i = step_id(self.job.id, step)
        row = self.seen.steps[i]
        if i not in self.fact.steps and self._go_on(step, i, row.attempt + 1, row.crashes, row.epoch + 1):
            rows[i] |= self._claim_values()
        elif "wait" not in rows[i]:  # one that has to wait is rung for when its time comes
            self._order(step)

    def _go_on(self, step: Step, i: str, attempt: int, crashes: int, epoch: int) -> bool:
        """Whether the worker that completes takes this step itself."""
        if self.run_on is None or self.out.next or step.kind not in self.run_on.kinds or crashes:
            return False
        if not self.run_on.room(step.kind):
            return False
        self.out.next = Claimed(
            i, self.job.id, self.seen.owner, step.step, step.item, step.rev, step.kind, step.take, attempt, crashes,
            epoch, step.input,
        )  # fmt: skip
        return True

    def _claim_values(self) -> Row:
        assert self.run_on is not None
        run_on = self.run_on
        return {"state": StepState.RUNNING, "worker": run_on.worker, "epoch": 1, "attempt": 1, "lease": run_on.lease,
                "code_version": run_on.code_version}  # fmt: skip

    def _new_step(self, step: Step) -> Row:
        row = new_step_row(self.job.id, self.seen.owner, step)
        if step.state is StepState.READY:
            if self._go_on(step, row["id"], 1, 0, 1):
                row |= self._claim_values()
            else:
                self._order(step)
        return row

    def _order(self, step: Step) -> None:
        self.out.orders.append(order(self.kinds, self.job.id, self.seen.owner, step_id(self.job.id, step), step.kind))

    # the job

    def _events(self) -> list[tuple[str, Row]]:
        told = list(self.fact.events)
        changed = self.changes
        if changed.state in TERMINAL:
            error = {"error": changed.error[1].as_json()} if changed.error else {}
            told.append(("job.finished", {"state": changed.state, **error}))
        elif (changed.state or changed.ending) and not told:
            told.append(("job.changed", {"state": changed.state or self.job.state}))
        if self.fact.revival and not told and (changed.release or changed.insert or changed.cancel or changed.hold):
            told.append(("job.revived", {}))
        return told

    def _event(self, seq: int, kind: str, data: Row) -> Row:
        self.out.facts.append(fact_of(kind, seq, self.job.id, self.seen.owner, data))
        return {"job": self.job.id, "seq": seq, "type": kind, "data": json.dumps(data)}

    def _job_row(self, events: int) -> Row:
        changes, fact = self.changes, self.fact
        error: Row | None = {"step": changes.error[0], **changes.error[1].as_json()} if changes.error else None
        if fact.error and not self.seen.job.ending:
            error = {"step": "", **fact.error.as_json()}
        values: Row = {
            "state": changes.state,
            "ending": changes.ending or (fact.ending if not self.seen.job.ending else None),
            "paused": None if fact.paused is None else int(fact.paused),
            "degraded": json.dumps(changes.degraded) if changes.degraded else None,
            "delivery": json.dumps(changes.delivery) if changes.delivery is not None else None,
            "error": json.dumps(error) if error else None,
            "ended": 1 if changes.state in TERMINAL else None,
        }
        seen = {"id": self.job.id, "seen": self.seen.version, "event_seq": self.seen.event_seq + events}
        return seen | {k: v for k, v in values.items() if v is not None}

    def _after(self, changed: Sequence[Row], row: Row) -> Seen:
        now = {i: replace(s, step=_after(s.step, self.fact.steps.get(i, {}))) for i, s in self.seen.steps.items()}
        for values in changed:
            old = now[values["id"]]
            now[old.id] = replace(
                old,
                step=replace(old.step, state=StepState(values["state"])),
                attempt=old.attempt + values.get("attempt", 0),
                crashes=old.crashes + values.get("crashes", 0),
                epoch=old.epoch + values.get("epoch", 0),
                late=False,
            )
        for step in self.changes.insert:
            i = step_id(self.job.id, step)
            on = self.out.next is not None and self.out.next.id == i
            state = StepState.RUNNING if on else step.state
            now[i] = SeenStep(i, replace(step, state=state), int(on), 0, int(on), late=False)
        job = replace(
            self.job, state=self.changes.state or self.job.state, ending=self.changes.ending or self.job.ending
        )
        return replace(self.seen, job=job, version=self.seen.version + 1, event_seq=row["event_seq"], steps=now)

    def _end(self, parts: dict[str, Sequence[Row]], state: JobState) -> None:
        """What the end of a job means for the rows of its subject."""
        self.out.ended = state
        job = self.job.id
        if any(s.step.needs and _outer_needs((s.step,)) for s in self.seen.steps.values()):
            parts["no_more_waits"] = [{"id": job}]
        if self.seen.awaited:
            self.out.needs = (*self.out.needs, f"job:{job}")
        if self.job.request.get("version"):
            ready = state is JobState.SUCCEEDED
            version: Row = {"job": job, "state": "ready" if ready else str(state)}
            parts["versions"] = [version | ({"delivery": json.dumps(self.changes.delivery)} if ready else {})]
            parts["heads"] = [{"job": job}] if ready else []
        if self.seen.subject.startswith("asset:") and state is not JobState.SUCCEEDED:
            self._reject(parts)

    def _reject(self, parts: dict[str, Sequence[Row]]) -> None:
        asset = self.seen.subject.removeprefix("asset:")
        why = self.changes.error[1] if self.changes.error else self.fact.error
        row: Row = {"id": asset, "owner": self.seen.owner, "state": "rejected"}
        parts["ingested"] = [row | ({"error": json.dumps(why.as_json())} if why else {})]
        self.out.needs = (*self.out.needs, f"asset:{asset}")


def _outer_needs(steps: Sequence[Step]) -> list[str]:
    return list(dict.fromkeys(n for s in steps for n in s.needs if ":" in n))


def new_step_row(job: str, owner: str, step: Step) -> Row:
    """A step that is not in the ledger yet, as a row of ``statements.NEW_STEPS``."""
    return {
        "id": step_id(job, step),
        "job": job,
        "owner": owner,
        "step": step.step,
        "item": step.item,
        "rev": step.rev,
        "kind": step.kind,
        "take": step.take,
        "state": step.state,
        "needs": json.dumps(step.needs),
        "input": json.dumps(dict(step.input)),
        "on_failure": step.on_failure,
    }


def order(kinds: Mapping[str, KindRow], job: str, owner: str, step: str, kind: str, message_id: str = "") -> Envelope:
    """The message that rings for a ready step."""
    return _envelope(kinds[kind].requested, job, owner, {"step": step}, message_id)


def fact_of(kind: str, seq: int, job: str, owner: str, data: Row) -> Envelope:
    """The message that tells of an event of the ledger; one without a message of its own is a change of the job."""
    known = f"{kind}.v1" if f"{kind}.v1" in MESSAGES else "job.changed.v1"
    body = {"seq": seq} | {k: data[k] for k in ("step", "state") if k in data}
    return _envelope(known, job, owner, body)


def _envelope(kind: str, job: str, owner: str, body: Row, message_id: str = "") -> Envelope:
    """With every field given, as pydantic takes its time over each default of what it does not validate."""
    return Envelope.model_construct(
        id=message_id or new_id(),
        type=kind,
        job_id=job,
        owner_id=owner,
        cause_id=None,
        trace={},
        created_at=datetime.now(UTC),
        body=body,
    )
