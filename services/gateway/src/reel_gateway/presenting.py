"""From rows of the ledger to what the API shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from reel_common.ledger.sessions import SessionRow, VersionRow
from reel_common.ledger.showing import AssetRow, JobRow, StepRow
from reel_gateway.links import Addresses
from reel_gateway.objects import (
    AssetObject,
    Cost,
    JobObject,
    Output,
    Page,
    SessionObject,
    StepObject,
    Urls,
    VersionObject,
    maybe_moment,
    moment,
)
from reel_gateway.parameters import cursor_after
from reel_gateway.problems import problem
from reel_gateway.progress import HowFar

Json = Mapping[str, Any]


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=_HasId)
O = TypeVar("O")  # noqa: E741


def page_of(rows: Sequence[R], limit: int, show: Callable[[R], O]) -> Page[O]:
    """``rows`` are up to ``limit`` and, if there are more, one more."""
    more = len(rows) > limit
    return Page(items=[show(r) for r in rows[:limit]], next_cursor=cursor_after(rows[limit - 1].id) if more else None)


def job_object(job: JobRow, far: HowFar, at: Addresses, queue_position: int | None = None) -> JobObject:
    """The job as ``how_far`` found it."""
    begun = [s.started for s in job.steps if s.started is not None]
    outputs = (job.delivery or {}).get("outputs", ()) or job.partial
    return JobObject(
        id=job.id,
        kind=job.kind,
        status=job.status,
        stage=far.stage,
        progress=far.progress,
        message=far.message,
        eta_s=far.eta_s,
        queue_position=queue_position,
        subject=job.subject or None,
        outputs=[output(o, at) for o in outputs],
        degraded=list(job.degraded),
        error=job_error(job.error),
        needs=None,
        cost=Cost(),
        metadata=dict(job.metadata),
        created_at=moment(job.created),
        started_at=maybe_moment(min(begun, default=None)),
        finished_at=maybe_moment(job.ended),
        urls=_job_urls(job, at),
    )


def job_error(error: Json | None) -> dict[str, Any] | None:
    """A problem, with the step that failed and the last words of its program."""
    if error is None:
        return None
    extra = {"step": error.get("step") or None, "log_tail": error.get("log_tail", "")}
    return problem(error["code"], error["detail"], hint=error.get("hint", ""), **extra) | {"trace_id": None}


def _job_urls(job: JobRow, at: Addresses) -> Urls:
    own = ("events", "steps", "artifacts", "log", "cancel")
    urls = {"self": at.to("jobs", job.id), **{name: at.to("jobs", job.id, name) for name in own}}
    kind, _, subject = job.subject.partition(":")
    if kind == "session":
        urls |= {"plan": at.to("jobs", job.id, "plan"), "session": at.to("sessions", subject)}
    if kind == "asset":
        urls["asset"] = at.to("assets", subject)
    if version := job.request.get("version"):
        urls["version"] = at.to("sessions", subject, "versions", version)
    return urls


def output(made: Json, at: Addresses) -> Output:
    """From an output of a delivery, or from what the ledger has of an asset."""
    url, expires = at.content(made["asset_id"])
    shape = {k: made[k] for k in ("duration_s", "width", "height") if k in made} or _shape(made.get("facts"))
    return Output(
        role=made["role"],
        asset_id=made["asset_id"],
        url=url,
        expires_at=maybe_moment(expires),
        media_type=made["media_type"],
        bytes=made["bytes"] if "bytes" in made else made["size"],
        **shape,
    )


def _shape(facts: Json | None) -> dict[str, Any]:
    video = (facts or {}).get("video") or {}
    duration = facts["duration"] if facts else None
    return {"duration_s": duration, "width": video.get("width"), "height": video.get("height")}


def step_object(step: StepRow) -> StepObject:
    """Without what is stored where."""
    names = ("step", "item", "rev", "kind", "state", "take", "attempt", "crashes")
    return StepObject(
        **{n: getattr(step, n) for n in names},
        started_at=maybe_moment(step.started),
        finished_at=maybe_moment(step.ended),
        error=dict(step.error) if step.error else None,
    )


def asset_object(asset: AssetRow, at: Addresses) -> AssetObject:
    """A media file and its renditions."""
    url, expires = at.content(asset.id)
    urls = {"self": at.to("assets", asset.id), "content": url}
    if asset.job:
        urls["job"] = at.to("jobs", asset.job)
    names = ("id", "role", "state", "name", "media_type", "sha256", "source")
    return AssetObject(
        **{n: getattr(asset, n) for n in names},
        **_shape(asset.facts),
        bytes=asset.size,
        facts=dict(asset.facts) if asset.facts else None,
        error=job_error(asset.error),
        renditions=[output(r, at) for r in asset.renditions],
        url=url,
        expires_at=maybe_moment(expires),
        created_at=moment(asset.created),
        urls=urls,
    )


def version_object(version: VersionRow, at: Addresses) -> VersionObject:
    """With the addresses of its program and report once there are any."""
    here = ("sessions", version.session, "versions", version.id)
    urls = {"self": at.to(*here), "job": at.to("jobs", version.job)}
    if version.delivery:
        urls |= {"program": at.to(*here, "program"), "report": at.to(*here, "report")}
    return VersionObject(
        id=version.id,
        session=version.session,
        parent=version.parent,
        state=version.state,
        prompt=version.prompt,
        operations=list(version.operations),
        outputs=[output(o, at) for o in (version.delivery or {}).get("outputs", ())],
        job_id=version.job,
        created_at=moment(version.created),
        urls=urls,
    )


def session_object(session: SessionRow, head: VersionRow | None, at: Addresses) -> SessionObject:
    """``head`` is the row of ``session.head``, where that is looked up."""
    here = ("sessions", session.id)
    return SessionObject(
        id=session.id,
        name=session.name,
        inputs=list(session.inputs),
        head=session.head,
        head_version=version_object(head, at) if head else None,
        versions=session.versions,
        busy=session.busy,
        created_at=moment(session.created),
        urls={"self": at.to(*here), "edits": at.to(*here, "edits"), "versions": at.to(*here, "versions")},
    )
