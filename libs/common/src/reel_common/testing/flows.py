"""Synthetic jobs of a test-only composition root: a straight chain, and a fan that uses every mechanism of the flow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from reel_common.domain.flow import Rule
from reel_common.domain.flow.follow import Latest, Next
from reel_common.domain.job import Job, JobState
from reel_common.domain.kinds import KindRow
from reel_common.domain.step import OnFailure, Step, StepState

DRILLS = ("drill", "drill-a", "drill-b", "drill-c", "drill-d")
"""Kinds of empty work, each with a queue of its own."""

DRILL_KINDS: Mapping[str, KindRow] = {
    k: KindRow(k, f"reel.{k}", f"{k.replace('-', '.')}.requested.v1", "step.finished.v1", "step.failed.v1", 4,
               timedelta(minutes=5))
    for k in DRILLS
}  # fmt: skip


def chain(job: Job, latest: Latest) -> Next:
    """Steps ``s0 → s1 → …``, of the kinds that the request names (default: four drills)."""
    if latest:
        return Next()
    kinds = job.request.get("kinds", ["drill"] * 4)
    steps = tuple(
        Step(f"s{n}", kind=kind, needs=(f"s{n - 1}",) if n else (), input=job.request.get("input", {}))
        for n, kind in enumerate(kinds)
    )
    return Next(steps)


def fan(job: Job, latest: Latest) -> Next:
    """``plan`` says how many items; each item is made and then finished by a child step; ``join`` needs them all.

    An item that fails is replaced. Items come into being only when the plan is done.
    """
    if not latest:
        return Next((Step("plan", kind="drill", input=job.request),), JobState.PLANNING)
    plan = latest["plan", 0]
    if plan.state is not StepState.DONE:
        return Next(state=JobState.PLANNING)
    if ("join", 0) in latest:
        return Next(_children(latest), JobState.RUNNING, {"items": (plan.result or {})["items"]})
    items = (plan.result or {})["items"]
    makes = tuple(
        Step("make", item=n, kind="drill", needs=("plan",), input=dict(job.request), on_failure=OnFailure.REPLACE)
        for n in range(items)
    )
    join = Step("join", kind="drill", needs=("make", "finish") if items else ("plan",))
    return Next((*makes, join))


def _children(latest: Latest) -> tuple[Step, ...]:
    """A ``finish`` for every item whose newest revision is made."""
    made = [s for s in latest.values() if s.step == "make" and s.state is StepState.DONE]
    return tuple(
        Step("finish", item=s.item, kind="drill", needs=("plan",), input={"made_rev": s.rev})
        for s in made
        if ("finish", s.item) not in latest
    )


DRILL_RULES: Mapping[str, Rule] = {"chain": chain, "fan": fan}
