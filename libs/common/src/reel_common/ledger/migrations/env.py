"""Alembic's entry: runs on the connection that ``migrating`` hands over."""

from __future__ import annotations

from alembic import context

from reel_common.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller's transaction holds it all
)
context.run_migrations()
