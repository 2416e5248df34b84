"""How far a job is, from 0 to 1: from its steps and from what the steps under way told last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from reel_common.ledger.showing import JobRow, JobStep
from reel_common.ports.noticeboard import Progress

STAGES: Mapping[str, Mapping[str, float]] = {
    "edit": {"plan": 0.04, "write": 0.02, "run": 0.84, "compose": 0.10},
    "ingest": {"facts": 0.2, "renditions": 0.8},
}
"""What part of the time of a job of this kind each of its steps usually takes."""
MOST_REMEMBERED = 4096

Notes = Mapping[str, Progress]
"""The newest note of each step, by ``step/item/rev``."""


@dataclass(frozen=True, slots=True)
class HowFar:
    """``stage`` is the step that the job is at; ``message`` is for people."""

    stage: str | None
    progress: float
    message: str
    eta_s: float | None


class Heights:
    """How far each job was when it was last shown: a step that is tried again does not take a bar back."""

    def __init__(self) -> None:
        self._heights: OrderedDict[str, float] = OrderedDict()

    def raised(self, job: str, fraction: float) -> float:
        """At least as high as ever before."""
        height = max(self._heights.pop(job, 0.0), fraction)
        self._heights[job] = height
        if len(self._heights) > MOST_REMEMBERED:
            self._heights.popitem(last=False)
        return height


def how_far(job: JobRow, notes: Notes, heights: Heights) -> HowFar:
    """For a job as it is now."""
    if job.status == "succeeded":
        return HowFar(None, 1.0, "", None)
    progress = round(heights.raised(job.id, _fraction(job, notes)), 4)
    if job.ended is not None:
        return HowFar(None, progress, "", None)
    at = _current(job)
    note = notes.get(name_of(at)) if at and at.state == "running" else None
    eta = note.eta_s if note and job.status == "running" and not job.stopping else None
    return HowFar(at.step if at else None, progress, _message(job, at, note), eta)


def name_of(step: JobStep) -> str:
    """What notes and rows of the ledger call it within its job."""
    return f"{step.step}/{step.item}/{step.rev}"


def _weights(job: JobRow) -> Mapping[str, float]:
    if job.request.get("plan_only"):
        return {"plan": 1.0}
    known = STAGES.get(job.kind)
    names = dict.fromkeys(s.step for s in job.steps)
    return known or {name: 1 / len(names) for name in names}


def _fraction(job: JobRow, notes: Notes) -> float:
    total = 0.0
    for name, weight in _weights(job).items():
        items = {(s.step, s.item): s for s in job.steps if s.step == name}  # the newest revision of each
        if items:
            total += weight * sum(_done(s, notes) for s in items.values()) / len(items)
    return min(total, 0.99)


def _done(step: JobStep, notes: Notes) -> float:
    if step.state == "done":
        return 1.0
    note = notes.get(name_of(step))
    return (note.fraction or 0.0) if note and step.state == "running" and note.epoch == step.epoch else 0.0


def _current(job: JobRow) -> JobStep | None:
    """The step at work that was begun last, else the first that waits."""
    running = [s for s in job.steps if s.state == "running"]
    waiting = [s for s in job.steps if s.state in {"ready", "blocked"}]
    return running[-1] if running else next(iter(waiting), None)


def _message(job: JobRow, at: JobStep | None, note: Progress | None) -> str:
    if job.stopping:
        return "Stopping"
    if job.status == "paused":
        return "Paused"
    if note:
        return note.message or note.stage.capitalize()
    if at and at.state != "running" and at.error:
        return f"Trying again: {at.error.get('detail', '')}"
    if at and at.state == "blocked" and job.status == "queued":
        return "Waiting for the upload to be looked at"
    return "Waiting for a free worker" if at and at.state == "ready" else ""
