"""The first schema."""

from __future__ import annotations

from alembic import op

from reel_common.ledger.tables import metadata

revision = "0001"
down_revision = None

# Until the first release the schema is read from tables.py; from then on it is frozen here.
ALL_WRITTEN = """
create function reel_all_written(written bigint, promised bigint) returns boolean language plpgsql as $$
begin
  if written <> promised then
    raise exception 'a row changed meanwhile' using errcode = '40001';
  end if;
  return true;
end $$
"""


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    if op.get_bind().dialect.name == "postgresql":
        op.execute(ALL_WRITTEN)
