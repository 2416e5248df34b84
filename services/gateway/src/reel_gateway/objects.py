"""What the API shows, as models: the job, its outputs, assets, sessions, versions, steps, and pages of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

T = TypeVar("T")
Urls = dict[str, str]


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a point in time, in UTC."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def maybe_moment(seconds: float | None) -> datetime | None:
    """The same for what may not have happened."""
    return None if seconds is None else moment(seconds)


class Output(BaseModel):
    """A file that a job made. ``url`` is good until ``expires_at``, or for as long as the file is there."""

    role: str
    asset_id: str
    url: str
    expires_at: datetime | None = None
    media_type: str
    bytes: int
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None


class Cost(BaseModel):
    """In millionths of the account's currency. ``cap`` is None without one."""

    estimate: int = 0
    reserved: int = 0
    actual: int = 0
    cap: int | None = None


class JobObject(BaseModel):
    """A job: one attempt. ``subject`` is what lasts: ``session:<id>``, ``asset:<id>``."""

    id: str
    kind: str
    status: str
    stage: str | None
    progress: float
    message: str
    eta_s: float | None
    queue_position: int | None
    subject: str | None
    outputs: list[Output]
    degraded: list[str]
    error: dict[str, Any] | None
    needs: dict[str, Any] | None
    cost: Cost
    metadata: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    urls: Urls


class StepObject(BaseModel):
    """One piece of a job's work. ``attempt`` counts tries, ``crashes`` those that took their worker down."""

    step: str
    item: int
    rev: int
    kind: str
    state: str
    take: int
    attempt: int
    crashes: int
    started_at: datetime | None
    finished_at: datetime | None
    error: dict[str, Any] | None


class AssetObject(BaseModel):
    """A media file. ``error`` says why it was rejected; ``source`` is what it is a rendition of."""

    id: str
    role: str
    state: str
    name: str
    media_type: str
    bytes: int
    sha256: str
    duration_s: float | None
    width: int | None
    height: int | None
    facts: dict[str, Any] | None
    error: dict[str, Any] | None
    source: str | None
    renditions: list[Output]
    url: str
    expires_at: datetime | None
    created_at: datetime
    urls: Urls


class VersionObject(BaseModel):
    """A state of a session. ``operations`` is the whole list from the originals."""

    id: str
    session: str
    parent: str | None
    state: str
    prompt: str | None
    operations: list[dict[str, Any]]
    outputs: list[Output]
    job_id: str
    created_at: datetime
    urls: Urls


class SessionObject(BaseModel):
    """An edit project. ``head`` is the version that an edit goes on from, None for the original.

    ``head_version`` is shown with a single session, not in lists.
    """

    id: str
    name: str
    inputs: list[str]
    head: str | None
    head_version: VersionObject | None = None
    versions: int
    busy: str | None = Field(description="The job that is making the next version.")
    created_at: datetime
    urls: Urls


class Page(BaseModel, Generic[T]):
    """Newest first; ``next_cursor`` is None on the last page."""

    items: list[T]
    next_cursor: str | None = None
