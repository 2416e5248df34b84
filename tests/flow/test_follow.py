"""Properties of ``follow`` over random histories, in memory, for every job kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel_common.domain.flow import RULES, Changes, follow
from reel_common.domain.job import MOVES, TERMINAL, Ending, Job, JobState
from reel_common.domain.step import ENDED, OnFailure, Step, StepState
from reel_common.errors import Code, Failure
from reel_common.testing.flows import DRILL_RULES

ALL = {**RULES, **DRILL_RULES}
REQUESTS: dict[str, dict[str, Any]] = {
    "edit": {"inputs": ["a1"], "prompt": "x", "operations": None, "base_operations": [], "plan_only": False},
    "ingest": {"asset": "a1"},
    "chain": {},
    "fan": {},
}
RESULT = {
    "operations": [], "tool": "ffmpeg", "program_key": "k", "program_sha256": "s", "promise": {}, "outputs": [],
    "measured": {}, "report_key": "r",
}  # fmt: skip
BAD = Failure(Code.PROGRAM_FAILED, "it broke")


def apply(job: Job, steps: list[Step], changes: Changes) -> tuple[Job, list[Step]]:
    rows = {s.key: s for s in steps}
    groups = (
        (changes.release, StepState.READY),
        (changes.hold, StepState.BLOCKED),
        (changes.cancel, StepState.CANCELLED),
    )
    for group, state in groups:
        rows |= {s.key: replace(s, state=state) for s in group}
    assert not {s.key for s in changes.insert} & set(rows), "a step is never made twice"
    rows |= {s.key: s for s in changes.insert}
    if changes.state:
        assert changes.state in MOVES[job.state], f"{job.state} to {changes.state} is no legal move"
    return replace(job, state=changes.state or job.state, ending=changes.ending or job.ending), list(rows.values())


class History:
    """A job whose steps are claimed, done, failed, retried, and which is paused, resumed and cancelled."""

    def __init__(self, kind: str, items: int) -> None:
        self.job, self.steps, self.items = Job("j", kind, request=REQUESTS[kind]), list[Step](), items
        self.outside: dict[str, bool | Failure] = {"asset:a1": False}
        self.follow()

    def follow(self) -> None:
        before = self.job
        changes = follow(self.job, self.steps, ALL[self.job.kind], self.outside)
        self.job, self.steps = apply(self.job, self.steps, changes)
        again = follow(self.job, self.steps, ALL[self.job.kind], self.outside)
        assert again == Changes(), f"applying twice is not applying once: {again}"
        assert before.state not in TERMINAL or self.job == before

    def of(self, state: StepState) -> list[Step]:
        return [s for s in self.steps if s.state is state]

    def set(self, step: Step, **values: Any) -> None:
        self.steps = [replace(s, **values) if s.key == step.key else s for s in self.steps]

    def move(self, move: str, pick: Any) -> None:
        ready, running = self.of(StepState.READY), self.of(StepState.RUNNING)
        if move == "claim" and ready:
            self.set(pick(ready), state=StepState.RUNNING)
            return  # a claim is no fact of the job
        if move == "done" and running:
            self.set(pick(running), state=StepState.DONE, result={**RESULT, "items": self.items})
        elif move == "fail" and running:
            self.set(pick(running), state=StepState.FAILED, error=BAD)
        elif move == "retry" and running:
            self.set(pick(running), state=StepState.BLOCKED)
        elif move == "cancel":
            self.job = replace(self.job, ending=self.job.ending or Ending.CANCELLED)
        elif move in ("pause", "resume"):
            self.job = replace(self.job, paused=move == "pause")
        elif move in ("asset ready", "asset rejected") and self.outside["asset:a1"] is False:
            self.outside["asset:a1"] = True if move == "asset ready" else BAD
        self.follow()


MOVES_OF_HISTORY = ["claim"] * 4 + ["done"] * 5 + ["fail", "retry", "pause", "resume", "cancel"] + ["asset ready"] * 3 + [
    "asset rejected"
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(ALL)), st.integers(0, 8), st.data())
def test_every_history_ends_once_and_consistently(kind: str, items: int, data: st.DataObject) -> None:
    history = History(kind, items)
    for _ in range(90):
        if history.job.state in TERMINAL:
            break
        history.move(data.draw(st.sampled_from(MOVES_OF_HISTORY)), lambda rows: data.draw(st.sampled_from(rows)))
        if history.job.paused or history.job.ending:
            assert not history.of(StepState.READY), "ready exists only in jobs that are neither paused nor ending"
    _check_end(history)


def _check_end(history: History) -> None:
    job, steps = history.job, history.steps
    if job.state in TERMINAL:
        assert all(s.state in ENDED for s in steps)
    elif not job.paused and history.outside["asset:a1"] is not False:
        assert history.of(StepState.READY) or history.of(StepState.RUNNING), "stuck"
    if job.state is JobState.SUCCEEDED and job.kind == "fan":
        made = {s.item for s in steps if s.step == "make" and s.state is StepState.DONE}
        finished = {s.item for s in steps if s.step == "finish" and s.state is StepState.DONE}
        assert made == finished == set(range(history.items))
        assert [s for s in steps if s.step == "join" and s.state is StepState.DONE]
    if job.state is JobState.SUCCEEDED:
        assert not [s for s in steps if s.state is StepState.FAILED and s.on_failure is OnFailure.FAIL]


@pytest.mark.parametrize("kind", sorted(ALL))
def test_a_straight_run_succeeds(kind: str) -> None:
    history = History(kind, 3)
    history.move("asset ready", None)
    for _ in range(40):
        if history.job.state in TERMINAL:
            break
        history.move("claim", lambda rows: rows[0])
        history.move("done", lambda rows: rows[0])
    assert history.job.state is JobState.SUCCEEDED


def test_an_edit_waits_for_its_upload_and_fails_with_it() -> None:
    history = History("edit", 0)
    assert [s.state for s in history.steps] == [StepState.BLOCKED]
    history.move("asset rejected", None)
    assert history.job.state is JobState.FAILED


def test_a_replaced_item_degrades_the_job() -> None:
    history = History("fan", 1)
    history.move("claim", lambda rows: rows[0])
    history.move("done", lambda rows: rows[0])
    history.move("claim", lambda rows: rows[0])
    history.move("fail", lambda rows: rows[0])
    assert [(s.step, s.rev, s.input.get("placeholder")) for s in history.of(StepState.READY)] == [("make", 1, True)]
    while history.job.state not in TERMINAL:
        history.move("claim", lambda rows: rows[0])
        running = history.of(StepState.RUNNING)[0]
        history.set(running, state=StepState.DONE, result={"items": 1})
        changes = follow(history.job, history.steps, ALL["fan"], {})
        history.follow()
    assert changes.state is JobState.SUCCEEDED
    assert changes.degraded == ("make 0: was replaced by a simpler one: it broke",)


def test_a_plan_only_edit_ends_with_its_plan() -> None:
    job = Job("j", "edit", request={**REQUESTS["edit"], "plan_only": True}, state=JobState.PLANNING)
    plan = Step("plan", kind="plan", state=StepState.DONE, result={"operations": [{"op": "trim"}]})
    changes = follow(job, [plan], RULES["edit"], {"asset:a1": True})
    assert changes.state is JobState.SUCCEEDED
    assert changes.delivery == {"operations": [{"op": "trim"}]}
