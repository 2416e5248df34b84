"""``ingest``: first the facts, after which the upload can be used; then its renditions, which it can be used without."""

from __future__ import annotations

from reel_common.domain.flow.follow import Latest, Next
from reel_common.domain.job import Job, JobState
from reel_common.domain.kinds import StepKind
from reel_common.domain.step import OnFailure, Step, StepState


def rule(job: Job, latest: Latest) -> Next:
    """Two steps, both made at the start."""
    if latest:
        made = latest["renditions", 0]
        outputs = (made.result or {}).get("outputs", []) if made.state is StepState.DONE else []
        return Next(state=JobState.RUNNING, delivery={"outputs": outputs})
    asset = job.request["asset"]
    facts = Step("facts", kind=StepKind.INGEST, input={"asset": asset, "part": "facts"})
    renditions = Step(
        "renditions",
        kind=StepKind.INGEST,
        needs=("facts",),
        input={"asset": asset, "part": "renditions"},
        on_failure=OnFailure.DROP,
    )
    return Next((facts, renditions), JobState.RUNNING)
