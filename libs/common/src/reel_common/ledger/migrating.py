"""Brings a database to this code's schema, with Alembic. Expand first, contract a release later."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from reel_common.ledger.database import connect

HEAD = "0001"
"""The newest migration."""


def upgrade(connection: sa.Connection) -> None:
    """In the caller's transaction; two at once are serialised."""
    from alembic import command  # noqa: PLC0415 - 9 MB that no service needs for its work
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("select pg_advisory_xact_lock(7238711)"))
    command.upgrade(config, "head")


async def migrate(url: str) -> None:
    """Creates or upgrades the schema. Raises: TransientError when the database is away."""
    database = connect(url, pool=1)
    try:
        await database.transact(upgrade)
    finally:
        await database.close()
