"""``edit``: plan → write → run → compose. Each step gets all it needs in its input; nothing is read back from others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reel_common.domain.flow.follow import Latest, Next
from reel_common.domain.job import Job, JobState
from reel_common.domain.kinds import StepKind
from reel_common.domain.step import Step, StepState


def rule(job: Job, latest: Latest) -> Next:
    """One step at a time: the next is made from the result of the one before."""
    plan = _result(latest, "plan")
    if plan is None:
        return Next(() if ("plan", 0) in latest else (_plan(job),), JobState.PLANNING)
    if job.request.get("plan_only"):
        return Next(delivery={"operations": plan["operations"]})
    written = _result(latest, "write")
    if written is None:
        return Next(() if ("write", 0) in latest else (_write(job, plan),), JobState.RUNNING)
    ran = _result(latest, "run")
    if ran is None:
        return Next(() if ("run", 0) in latest else (_run(written),), JobState.RUNNING)
    composed = _result(latest, "compose")
    if composed is None:
        return Next(() if ("compose", 0) in latest else (_compose(plan, written, ran),), JobState.COMPOSING)
    return Next(
        state=JobState.COMPOSING,
        delivery={
            "operations": plan["operations"],
            "outputs": composed["outputs"],
            "program_key": written["program_key"],
            "report_key": composed["report_key"],
        },
    )


def _result(latest: Latest, step: str) -> Mapping[str, Any] | None:
    found = latest.get((step, 0))
    return (found.result or {}) if found and found.state is StepState.DONE else None


def _plan(job: Job) -> Step:
    request = job.request
    return Step(
        "plan",
        kind=StepKind.PLAN,
        needs=tuple(f"asset:{a}" for a in request["inputs"]),
        input={k: request.get(k) for k in ("prompt", "operations", "inputs", "base_operations")},
    )


def _write(job: Job, plan: Mapping[str, Any]) -> Step:
    given = {"operations": plan["operations"], "inputs": job.request["inputs"]}
    return Step("write", kind=StepKind.WRITE, needs=("plan",), input=given)


def _run(written: Mapping[str, Any]) -> Step:
    given = {k: written[k] for k in ("tool", "program_key", "program_sha256", "promise")}
    return Step("run", kind=StepKind.RUN, needs=("write",), input=given)


def _compose(plan: Mapping[str, Any], written: Mapping[str, Any], ran: Mapping[str, Any]) -> Step:
    given = {
        "operations": plan["operations"],
        "program_key": written["program_key"],
        "promise": written["promise"],
        "outputs": ran["outputs"],
        "measured": ran["measured"],
        "usage": ran.get("usage", {}),
        "sandbox": ran.get("sandbox", ""),
    }
    return Step("compose", kind=StepKind.COMPOSE, needs=("run",), input=given)
