"""Brings a database to this code's schema, with Alembic. Expand first, contract a release later."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from reel_common.ledger.database import connect

HEAD = "0001"
"""The newest migration: a service that finds an older one waits, or is told to migrate."""


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: sa.Connection) -> None:
    """In the caller's transaction; two at once are serialised."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("select pg_advisory_xact_lock(7238711)"))
    command.upgrade(_config(connection), "head")


async def migrate(url: str) -> None:
    """Creates or upgrades the schema. Raises: TransientError when the database is away."""
    database = connect(url, pool=1)
    try:
        await database.transact(upgrade)
    finally:
        await database.close()
