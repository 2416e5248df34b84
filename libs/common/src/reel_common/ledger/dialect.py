"""What differs between PostgreSQL and SQLite in the ledger's statements: the clock, JSON arrays as rows, and locking hints."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Dialect:
    """Fragments that stand for ``{now}``, ``{rows:NAME}``, … in a statement's text."""

    name: str
    now: str
    rows: str
    guarded_rows: str
    """Rows only if the guard of the same statement held."""
    aggregate: str
    record: str
    skip_locked: str
    nearest: Callable[[str], str]
    """Joins each owner ``o`` with ``x``: the first rows of a subquery about it."""


def _lateral(query: str) -> str:
    return f"cross join lateral ({query}) x"


def _correlated(query: str) -> str:
    return f"join steps x on x.id in ({query.replace('select id, ready_at', 'select id', 1)})"


POSTGRESQL = Dialect(
    name="postgresql",
    now="cast(extract(epoch from clock_timestamp()) as double precision)",
    rows="jsonb_array_elements(cast(:{0} as jsonb)) as e(value)",
    guarded_rows="(select value from jsonb_array_elements(cast(:{0} as jsonb)) where exists (select 1 from guard)) as e",
    aggregate="json_agg",
    record="json_build_object",
    skip_locked="for update of steps skip locked",
    nearest=_lateral,
)
SQLITE = Dialect(
    name="sqlite",
    now="((julianday('now') - 2440587.5) * 86400.0)",  # Debian's SQLite 3.40 has no unixepoch('subsec')
    rows="json_each(:{0}) as e",
    guarded_rows="json_each(:{0}) as e",
    aggregate="json_group_array",
    record="json_object",
    skip_locked="",
    nearest=_correlated,
)


@lru_cache(maxsize=256)
def statement(dialect: Dialect, text: str, kinds: Sequence[str] = (), claimed: Sequence[str] = ()) -> sa.TextClause:
    """The statement of that text in this dialect, made once.

    ``{kinds}`` and ``{claimed_kinds}`` stand for lists of step kinds: names of our own table, never of a user.
    """
    named = ", ".join(f"'{k}'" for k in kinds) or "''"
    values = ", ".join(f"('{k}')" for k in claimed) or "('')"
    fragments = {"now": dialect.now, "aggregate": dialect.aggregate, "record": dialect.record, "kinds": named,
                 "claimed_kinds": values, "skip_locked": dialect.skip_locked}  # fmt: skip
    for name, fragment in fragments.items():
        text = text.replace(f"{{{name}}}", fragment)
    text = re.sub(r"\{nearest: (.*?)\}", lambda m: dialect.nearest(m[1]), text, flags=re.DOTALL)
    text = re.sub(r"\{rows:(\w+)\}", lambda m: dialect.rows.format(m[1]), text)
    text = re.sub(r"\{guarded:(\w+)\}", lambda m: dialect.guarded_rows.format(m[1]), text)
    return sa.text(text)
