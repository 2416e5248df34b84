"""The bodies of messages. A class name carries the version, ``TYPE`` is the routing key and the name of its schema.

Rules: frozen; readers ignore unknown fields, so adding an optional field is not a new version, everything else is.
Bodies carry ids and small facts, never prompts, secrets, addresses or media.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """What every body is: frozen, lenient to fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    TYPE: ClassVar[str]


class StepOrderV1(Body):
    """A step became ready: look. ``step`` is its row's id; who reads it trusts the ledger instead."""

    step: str


class JobRequestedV1(StepOrderV1):
    """A job was accepted and its plan can be made."""

    TYPE = "job.requested.v1"


class ScriptRequestedV1(StepOrderV1):
    """Programs are to be written."""

    TYPE = "script.requested.v1"


class StepRequestedV1(StepOrderV1):
    """A program is to be run."""

    TYPE = "step.requested.v1"


class AssetUploadedV1(StepOrderV1):
    """An upload is to be looked at."""

    TYPE = "asset.uploaded.v1"


class CompositionRequestedV1(StepOrderV1):
    """Results are to be checked and delivered."""

    TYPE = "composition.requested.v1"


class StepFactV1(Body):
    """A step ended. ``seq`` is the number of the event in the ledger."""

    step: str
    seq: int


class PlanMadeV1(StepFactV1):
    """The plan is there."""

    TYPE = "plan.made.v1"


class PlanFailedV1(StepFactV1):
    """No plan could be made."""

    TYPE = "plan.failed.v1"


class ScriptWrittenV1(StepFactV1):
    """The programs are there."""

    TYPE = "script.written.v1"


class ScriptExhaustedV1(StepFactV1):
    """No program could be written that works."""

    TYPE = "script.exhausted.v1"


class StepFinishedV1(StepFactV1):
    """A program has run."""

    TYPE = "step.finished.v1"


class StepFailedV1(StepFactV1):
    """A program has failed."""

    TYPE = "step.failed.v1"


class AssetReadyV1(StepFactV1):
    """An upload can be used, or a rendition of it is there."""

    TYPE = "asset.ready.v1"


class AssetRejectedV1(StepFactV1):
    """An upload cannot be used."""

    TYPE = "asset.rejected.v1"


class CompositionFinishedV1(StepFactV1):
    """The result is delivered."""

    TYPE = "composition.finished.v1"


class CompositionFailedV1(StepFactV1):
    """The result is not what was promised."""

    TYPE = "composition.failed.v1"


class JobFactV1(Body):
    """Something of the job itself changed. ``seq`` is the number of the event in the ledger."""

    seq: int


class JobChangedV1(JobFactV1):
    """A step was retried, given back or lost; or the job went on to another stage."""

    TYPE = "job.changed.v1"


class JobApprovedV1(JobFactV1):
    """Somebody approved the plan."""

    TYPE = "job.approved.v1"


class JobPausedV1(JobFactV1):
    """Nothing more is started until it is resumed."""

    TYPE = "job.paused.v1"


class JobResumedV1(JobFactV1):
    """It goes on."""

    TYPE = "job.resumed.v1"


class JobCancelledV1(JobFactV1):
    """Whoever works for this job stops; the ledger says so too, at the next heartbeat."""

    TYPE = "job.cancelled.v1"


class JobFinishedV1(JobFactV1):
    """The job has ended. ``state``: succeeded, failed or cancelled."""

    TYPE = "job.finished.v1"

    state: str
