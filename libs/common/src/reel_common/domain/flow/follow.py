"""What follows from the rows of a job, common to all kinds: no clock, no I/O, no randomness.

Whoever changes a fact of a job asks ``follow`` about the rows as they then are and writes its answer together with the
fact. Asking again about the result gives nothing more to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reel_common.domain.job import MOVES, TERMINAL, Ending, Job, JobState
from reel_common.domain.step import OnFailure, Step, StepState
from reel_common.errors import Code, Failure

Latest = Mapping[tuple[str, int], Step]
"""The newest revision of each (step, item)."""

Outside = Mapping[str, "bool | Failure"]
"""For each need outside of the job (``asset:…``, ``job:…``): met, not yet, or never and why."""


@dataclass(frozen=True, slots=True)
class Next:
    """What a job kind says of a job as it now stands: steps still to be made, its state while it lives, what it delivers."""

    insert: tuple[Step, ...] = ()
    state: JobState = JobState.RUNNING
    delivery: Mapping[str, Any] | None = None


Rule = Callable[[Job, Latest], Next]


@dataclass(frozen=True, slots=True)
class Changes:
    """What to write. ``state``, ``ending``, ``error`` and ``delivery`` are the job's new values; None leaves them."""

    insert: tuple[Step, ...] = ()
    release: tuple[Step, ...] = ()
    hold: tuple[Step, ...] = ()
    cancel: tuple[Step, ...] = ()
    state: JobState | None = None
    ending: Ending | None = None
    error: tuple[str, Failure] | None = None
    """The step that the job failed of ("" for none) and why."""
    degraded: tuple[str, ...] = ()
    delivery: Mapping[str, Any] | None = field(default=None)


def follow(job: Job, steps: Sequence[Step], rule: Rule, outside: Outside | None = None) -> Changes:
    """What follows from these rows. ``outside`` need only name what blocked steps wait for."""
    if job.state in TERMINAL:
        return Changes()
    outside = outside or {}
    latest = {(s.step, s.item): s for s in sorted(steps, key=lambda s: s.rev)}
    lost = next(_lost(latest, outside), None)
    if job.ending or lost:
        return _wind_up(job, steps, lost)
    said = rule(job, latest)
    insert = (*said.insert, *_replacements(latest))
    latest |= {(s.step, s.item): s for s in insert}
    met = {s.key for s in latest.values() if all(_met(n, steps, latest, outside) for n in s.needs)}
    if not insert and all(_settled(s) for s in latest.values()):
        return Changes(state=JobState.SUCCEEDED, delivery=said.delivery or {}, degraded=tuple(_degradations(steps)))
    waiting = StepState.BLOCKED if job.paused else StepState.READY
    return Changes(
        insert=tuple(replace(s, state=waiting if s.key in met else StepState.BLOCKED) for s in insert),
        release=() if job.paused else tuple(s for s in steps if s.state is StepState.BLOCKED and s.key in met),
        hold=tuple(s for s in steps if s.state is StepState.READY) if job.paused else (),
        state=said.state if said.state in MOVES[job.state] else None,
    )


def _wind_up(job: Job, steps: Sequence[Step], lost: tuple[str, Failure] | None) -> Changes:
    """What waits is cancelled, what runs is left to stop, and the job ends when nothing runs any more."""
    ending = job.ending or Ending.FAILED
    running = any(s.state is StepState.RUNNING for s in steps)
    return Changes(
        cancel=tuple(s for s in steps if s.state in (StepState.BLOCKED, StepState.READY)),
        state=None if running else JobState(ending),
        ending=None if job.ending else ending,
        error=None if job.ending else lost,
    )


def _lost(latest: Latest, outside: Outside) -> Iterator[tuple[str, Failure]]:
    """Steps that the job cannot do without and that will never be done."""
    for s in latest.values():
        if s.state is StepState.FAILED and s.on_failure is OnFailure.FAIL:
            yield s.step, s.error or Failure(Code.BUG, f"The step {s.step} failed without a reason.")
        if s.state is StepState.BLOCKED:
            for need in s.needs:
                reason = outside.get(need)
                if isinstance(reason, Failure):
                    yield s.step, reason


def _settled(s: Step) -> bool:
    return s.state is StepState.DONE or (s.state is StepState.FAILED and s.on_failure is OnFailure.DROP)


def _met(need: str, steps: Sequence[Step], latest: Latest, outside: Outside) -> bool:
    if ":" in need:
        return outside.get(need) is True
    items = {k: s for k, s in latest.items() if s.step == need}
    done = {(s.step, s.item) for s in steps if s.state is StepState.DONE}
    return bool(items) and all(k in done or _settled(s) for k, s in items.items())


def _replacements(latest: Latest) -> Iterator[Step]:
    for s in latest.values():
        if s.state is StepState.FAILED and s.on_failure is OnFailure.REPLACE:
            yield replace(
                s,
                rev=s.rev + 1,
                state=StepState.BLOCKED,
                input={**s.input, "placeholder": True},
                result=None,
                error=None,
                on_failure=OnFailure.FAIL,
            )


def _degradations(steps: Sequence[Step]) -> Iterator[str]:
    for s in steps:
        if s.state is StepState.FAILED:
            what = "was replaced by a simpler one" if s.on_failure is OnFailure.REPLACE else "was left out"
            yield f"{s.step} {s.item}: {what}: {s.error.detail if s.error else 'no reason given'}"
