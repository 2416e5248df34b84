"""The schema that all services share. Changed only by migrations: expand first, contract a release later.

JSON is kept as text: it is written and read whole, and one form serves both dialects. Times are seconds since 1970 by
the database's clock.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

_live_job = sa.text("ended is null")
_ready = sa.text("state = 'ready'")
_running = sa.text("state = 'running'")
_pending = sa.text("state = 'pending'")

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, server_default=""),  # session:<id>, asset:<id>
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("metadata", sa.Text, nullable=False, server_default="{}"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("ending", sa.Text),
    sa.Column("paused", sa.Integer, nullable=False, server_default="0"),
    sa.Column("degraded", sa.Text),
    sa.Column("delivery", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column(
        "version", sa.BigInteger, nullable=False, server_default="0"
    ),  # of this row: guards every change of the job
    sa.Column("event_seq", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("deadline", sa.Double),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("ended", sa.Double),
    sa.Index("jobs_live", "created", postgresql_where=_live_job, sqlite_where=_live_job),
    sa.Index("jobs_of_owner", "owner", "id"),
    sa.Index("jobs_of_subject", "subject", "id"),
)

steps = sa.Table(
    "steps",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),  # <job>/<step>/<item>/<rev>
    sa.Column("job", sa.Text, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("item", sa.Integer, nullable=False),
    sa.Column("rev", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("take", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("crashes", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("worker", sa.Text),
    sa.Column("lease_until", sa.Double),
    sa.Column("not_before", sa.Double, nullable=False),
    sa.Column("ready_at", sa.Double),
    sa.Column("rung_at", sa.Double, nullable=False),
    sa.Column("started", sa.Double),
    sa.Column("ended", sa.Double),
    sa.Column("needs", sa.Text, nullable=False),
    sa.Column("input", sa.Text, nullable=False),
    sa.Column("result", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("on_failure", sa.Text, nullable=False),
    sa.Column("content_key", sa.Text),
    sa.Column("code_version", sa.Text),
    sa.Index("steps_ready", "kind", "owner", "ready_at", postgresql_where=_ready, sqlite_where=_ready),
    sa.Index("steps_running", "kind", "owner", "lease_until", postgresql_where=_running, sqlite_where=_running),
    sa.Index("steps_of_job", "job"),
)

waits = sa.Table(  # which live jobs wait for something outside of them
    "waits",
    metadata,
    sa.Column("need", sa.Text, primary_key=True),  # asset:<id>, job:<id>
    sa.Column("job", sa.Text, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Index("waits_of_job", "job"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("job", sa.Text, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Index("outbox_age", "created"),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_sha256", sa.Text, nullable=False),
    sa.Column("made", sa.Text, nullable=False),  # job:<id>, session:<id>, asset:<id>
    sa.Column("created", sa.Double, nullable=False),
    sa.Index("idempotency_age", "created"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("inputs", sa.Text, nullable=False),  # asset ids, the clip first
    sa.Column("head", sa.Text),  # the version that an edit goes on from; null: the original
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("deleted", sa.Double),
    sa.Index("sessions_of_owner", "owner", "id"),
)

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("session", sa.Text, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("parent", sa.Text),  # lineage only: ``operations`` is the whole list from the originals
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # pending, ready, failed, cancelled
    sa.Column("prompt", sa.Text),
    sa.Column("delivery", sa.Text),
    sa.Column("created", sa.Double, nullable=False),
    sa.Index(
        "versions_one_pending", "session", "branch", unique=True, postgresql_where=_pending, sqlite_where=_pending
    ),
    sa.Index("versions_of_session", "session", "id"),
    sa.Index("versions_of_job", "job"),
)

assets = sa.Table(
    "assets",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("job", sa.Text),  # that made it, or that looks at it
    sa.Column("step", sa.Text),  # the row whose effect it is
    sa.Column("source", sa.Text),  # the asset that it is a rendition of
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("facts", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("created", sa.Double, nullable=False),
    sa.Index("assets_of_owner", "owner", "id"),
    sa.Index("assets_of_job", "job"),
    sa.Index("assets_of_source", "source"),
    sa.Index("assets_of_bytes", "owner", "sha256"),
)

objects = sa.Table(  # stored bytes: upserted before they are sent or reused, locked by the collector
    "objects",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # present, deleting
    sa.Column("touched", sa.Double, nullable=False),
    sa.Index("objects_age", "touched"),
)

results = sa.Table(
    "results",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("content_key", sa.Text, primary_key=True),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
)
