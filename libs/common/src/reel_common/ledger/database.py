"""How statements reach the database: one interface, PostgreSQL through asyncio, SQLite through a thread of its own.

On SQLite a whole transaction is one hop to the writer's thread and begins with ``BEGIN IMMEDIATE``: with SQLAlchemy's
default two read-modify-writes that overlap lose one of them without an error.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.util import greenlet_spawn

from reel_common.errors import TransientError
from reel_common.ledger import statements
from reel_common.ledger.dialect import POSTGRESQL, SQLITE, Dialect, statement

T = TypeVar("T")
Rows = Sequence[sa.Row[Any]]
Parts = Mapping[str, Sequence[Mapping[str, Any]]]

AWAY = ("08", "57P", "53")
"""SQLSTATE classes that mean the server is away, going away or full."""
AGAIN = ("40001", "40P01")

PLANNING = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_hashjoin": "off",
            "enable_mergejoin": "off", "jit": "off"}  # fmt: skip
"""Every statement finds its few rows by an index, and is planned once a connection, maybe while the tables are empty:
then the planner would read whole tables, and would go on doing so when they have grown."""


class ConflictError(Exception):
    """Something that the change was made from is not so any more: read and decide again."""


class Database(Protocol):
    """Every method is one transaction. Raises TransientError when the server is away, IntegrityError as it is."""

    dialect: Dialect

    async def query(self, text: str, params: Mapping[str, Any] | None = None, kinds: Sequence[str] = ()) -> Rows:
        """One statement that may write, and its rows."""

    async def read(self, text: str, params: Mapping[str, Any] | None = None, kinds: Sequence[str] = ()) -> Rows:
        """One statement that does not write, and its rows."""

    async def claim(
        self, params: Mapping[str, Any], kinds: Sequence[str], serves: Sequence[str]
    ) -> list[tuple[Any, Any]]:
        """Claimed rows (columns ``c_…``), each with the row of ``statements.READ`` of its job, read at the same moment."""

    async def submit(self, parts: Parts) -> None:
        """Writes the parts of ``statements.SUBMIT``."""

    async def change(self, job: Mapping[str, Any], parts: Parts, unless: Sequence[str] = ()) -> None:
        """Writes parts of ``statements.CHANGE`` if the job's row is as it was seen. Raises: ConflictError.

        ``unless``: kinds of which no ready step of another owner may wait.
        """

    async def transact(self, work: Callable[[sa.Connection], T]) -> T:
        """Several statements, all or none. ``work`` may be called again after a deadlock."""

    async def close(self) -> None:
        """Gives up all connections."""


def connect(url: str, pool: int = 4) -> Database:
    """``postgresql+asyncpg://…`` or ``sqlite:///file``. Connects when first used."""
    if url.startswith("sqlite"):
        return SqliteDatabase(url)
    return PostgresDatabase(url, pool)


def _in_json(parts: Parts) -> dict[str, str]:
    return {name: json.dumps(rows) for name, rows in parts.items() if rows}


class PostgresDatabase:
    """Statements that stand alone run in autocommit: no trips for BEGIN and COMMIT."""

    dialect = POSTGRESQL

    def __init__(self, url: str, pool: int) -> None:
        self._engine = create_async_engine(
            url,
            pool_size=pool,
            max_overflow=0,
            pool_timeout=10,
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
            connect_args={
                "timeout": 5,
                "command_timeout": 30,
                "server_settings": PLANNING,
            },
        )
        self._transactions = self._engine.execution_options(isolation_level="READ COMMITTED")
        self._texts: dict[tuple[tuple[str, ...], bool, tuple[str, ...]], sa.TextClause] = {}

    async def query(self, text: str, params: Mapping[str, Any] | None = None, kinds: Sequence[str] = ()) -> Rows:
        return await self._execute(statement(self.dialect, text, tuple(kinds)), params or {})

    read = query

    async def _execute(self, clause: sa.TextClause, params: Mapping[str, Any]) -> Rows:
        def work() -> Rows:  # in one go: a third less than to connect, execute and close by themselves
            with self._engine.sync_engine.connect() as connection:
                return _rows(connection.execute(clause, params))

        try:
            return await greenlet_spawn(work)
        except (OSError, sa.exc.DBAPIError, sa.exc.TimeoutError) as e:
            raise _translated(e) from e

    async def claim(
        self, params: Mapping[str, Any], kinds: Sequence[str], serves: Sequence[str]
    ) -> list[tuple[Any, Any]]:
        clause = statement(self.dialect, statements.CLAIM_AND_READ, tuple(serves), tuple(kinds))
        return [(row, row) for row in await self._execute(clause, params)]

    async def submit(self, parts: Parts) -> None:
        rows = _in_json(parts)
        await self._execute(self._joined(statements.SUBMIT, tuple(rows), None), rows)

    async def change(self, job: Mapping[str, Any], parts: Parts, unless: Sequence[str] = ()) -> None:
        rows = _in_json(parts)
        params: dict[str, Any] = {**rows, "job": json.dumps([job]), "promised": len(parts.get("steps", ()))}
        guard = statements.UNLESS_OTHERS if unless else statements.GUARD
        ((written,),) = await self._execute(self._joined(statements.CHANGE, tuple(rows), guard, tuple(unless)), params)
        if not written:
            raise ConflictError

    def _joined(
        self, texts: Mapping[str, str], names: tuple[str, ...], guard: str | None, kinds: tuple[str, ...] = ()
    ) -> sa.TextClause:
        """All parts as CTEs of one statement, which says at its end whether the guard held and every step was written."""
        key = (names, bool(guard), kinds)
        if key not in self._texts:
            ctes = [f"guard as ({guard} returning jobs.id)"] if guard else []
            for name in names:
                text = texts[name].replace("{rows:", "{guarded:") if guard else texts[name]
                ctes.append(f"w_{name} as ({text} returning 1)")
            held = "exists (select 1 from guard)" if guard else "true"
            all_written = (
                "reel_all_written((select count(*) from w_steps), :promised)" if "steps" in names else ":promised = 0"
            )
            written = f"case when {held} then {all_written} else false end" if guard else held
            self._texts[key] = statement(self.dialect, f"with {', '.join(ctes)} select {written} as written", kinds)
        return self._texts[key]

    async def transact(self, work: Callable[[sa.Connection], T]) -> T:
        for _ in range(5):
            try:
                async with self._transactions.begin() as connection:
                    return await connection.run_sync(work)
            except (OSError, sa.exc.DBAPIError, sa.exc.TimeoutError) as e:
                translated = _translated(e)
                if not isinstance(translated, ConflictError):
                    raise translated from e
        raise TransientError("The database could not agree on an order of writes.")

    async def close(self) -> None:
        await self._engine.dispose()


class SqliteDatabase:
    """One file, one writer's thread, two readers'."""

    dialect = SQLITE

    def __init__(self, url: str) -> None:
        self._writing = ThreadPoolExecutor(1, "ledger-write")
        self._reading = ThreadPoolExecutor(2, "ledger-read")
        self._writer = sa.create_engine(
            url, pool_size=1, max_overflow=0, connect_args={"check_same_thread": False, "timeout": 30}
        )
        self._reader = sa.create_engine(
            url,
            pool_size=2,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",
            connect_args={"check_same_thread": False, "timeout": 30},
        )
        sa.event.listen(self._writer, "connect", _prepare)
        sa.event.listen(self._reader, "connect", _prepare)
        sa.event.listen(self._writer, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))

    async def query(self, text: str, params: Mapping[str, Any] | None = None, kinds: Sequence[str] = ()) -> Rows:
        clause = statement(self.dialect, text, tuple(kinds))
        return await self.transact(lambda c: _rows(c.execute(clause, params or {})))

    async def read(self, text: str, params: Mapping[str, Any] | None = None, kinds: Sequence[str] = ()) -> Rows:
        clause = statement(self.dialect, text, tuple(kinds))

        def work() -> Rows:
            with self._reader.connect() as connection:
                return _rows(connection.execute(clause, params or {}))

        return await self._hop(self._reading, work)

    async def claim(
        self, params: Mapping[str, Any], kinds: Sequence[str], serves: Sequence[str]
    ) -> list[tuple[Any, Any]]:
        claiming = statement(self.dialect, statements.CLAIM, (), tuple(kinds))
        reading = statement(self.dialect, statements.READ, tuple(serves))

        def work(connection: sa.Connection) -> list[tuple[Any, Any]]:
            rows = connection.execute(claiming, params).fetchall()
            return [(row, connection.execute(reading, {"job": row.c_job}).one()) for row in rows]

        return await self.transact(work)

    async def submit(self, parts: Parts) -> None:
        rows = _in_json(parts)
        await self.transact(lambda c: [c.execute(self._part(statements.SUBMIT[n]), {n: rows[n]}) for n in rows])

    async def change(self, job: Mapping[str, Any], parts: Parts, unless: Sequence[str] = ()) -> None:
        rows, promised = _in_json(parts), len(parts.get("steps", ()))
        text = statements.UNLESS_OTHERS if unless else statements.GUARD
        guard = statement(self.dialect, text, tuple(unless))

        def work(connection: sa.Connection) -> None:
            if connection.execute(guard, {"job": json.dumps([job])}).rowcount != 1:
                raise ConflictError
            for name in rows:
                written = connection.execute(self._part(statements.CHANGE[name]), {name: rows[name]}).rowcount
                if name == "steps" and written != promised:
                    raise ConflictError

        await self.transact(work)

    def _part(self, text: str) -> sa.TextClause:
        return statement(self.dialect, text)

    async def transact(self, work: Callable[[sa.Connection], T]) -> T:
        def begun() -> T:
            with self._writer.begin() as connection:
                return work(connection)

        return await self._hop(self._writing, begun)

    async def _hop(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        except sa.exc.OperationalError as e:
            raise TransientError("The database file is busy or cannot be written.") from e

    async def close(self) -> None:
        for pool in (self._writing, self._reading):
            await asyncio.to_thread(pool.shutdown)
        self._writer.dispose()
        self._reader.dispose()


def _rows(result: sa.CursorResult[Any]) -> Rows:
    return result.fetchall() if result.returns_rows else ()


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions are begun by us, not by the driver
    for pragma in ("journal_mode=wal", "synchronous=full", "busy_timeout=30000", "foreign_keys=on"):
        connection.execute(f"pragma {pragma}")


def _translated(error: Exception) -> Exception:
    """The database's error in our words: a conflict, a server that is away, or what it is."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    if state in AGAIN:
        return ConflictError()
    if (
        isinstance(error, OSError | sa.exc.TimeoutError)
        or state.startswith(AWAY)
        or (not state and _is_connection(error))
    ):
        return TransientError("The database cannot be reached.")
    return error


def _is_connection(error: Exception) -> bool:
    return isinstance(error, sa.exc.InterfaceError | sa.exc.OperationalError | sa.exc.DBAPIError) and not isinstance(
        error, sa.exc.IntegrityError | sa.exc.DataError | sa.exc.ProgrammingError
    )
