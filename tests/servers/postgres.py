"""PostgreSQL: a database of its own for every test, empty or a copy of another."""

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import asyncpg

from tests.servers.engine import Contained, Recipe
from tests.servers.server import Server, replaced

T = TypeVar("T")


class Postgres(Server):
    """URLs are SQLAlchemy's: `postgresql+asyncpg://…`; `dsn_of(url)` is the same for anything else."""

    address_setting = "REEL_TEST_DATABASE_URL"
    recipe = Recipe(
        name="postgres",
        setting="REEL_TEST_IMAGE_POSTGRES",
        official="postgres:17",
        local="localhost/reel-test-postgres:1",
        ports=(5432,),
        environment={"POSTGRES_USER": "reel", "POSTGRES_PASSWORD": "reel", "POSTGRES_DB": "reel"},
        command=("postgres", "-c", "max_connections=400"),
    )

    def __init__(self, url: str, contained: Contained | None = None) -> None:
        super().__init__(replaced(url, scheme="postgresql+asyncpg"), contained)
        self._numbers = itertools.count(1)
        self._databases: set[str] = set()
        # A thread of its own: a test may ask from within a running event loop.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="postgres-admin")

    @classmethod
    def address(cls, ports: dict[int, int]) -> str:
        return f"postgresql+asyncpg://reel:reel@127.0.0.1:{ports[5432]}/reel"

    def version(self) -> str:
        return f"PostgreSQL {self._ask(lambda it: it.fetchval('SHOW server_version'))}"

    def fresh_database(self, like: str | None = None) -> str:
        """The URL of a new database: empty, or a copy of the one at `like`, to which nobody may be connected then."""
        name = f"test_{uuid.uuid4().hex[:8]}_{next(self._numbers)}"
        template = f' TEMPLATE "{database_of(like)}"' if like else ""
        self._ask(lambda it: it.execute(f'CREATE DATABASE "{name}"{template}'))
        self._databases.add(name)
        return replaced(self.url, path=f"/{name}")

    def drop_database(self, url: str) -> None:
        """Ends its connections too."""
        name = database_of(url)
        self._ask(lambda it: it.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        self._databases.discard(name)

    def close(self) -> None:
        if not self.contained:
            for name in sorted(self._databases):
                self.drop_database(replaced(self.url, path=f"/{name}"))
        self._thread.shutdown()

    def _ask(self, question: Callable[["asyncpg.Connection"], Awaitable[T]]) -> T:
        async def asking() -> T:
            connection = await asyncpg.connect(dsn_of(self.url), timeout=5)
            try:
                return await question(connection)
            finally:
                await connection.close()

        return self._thread.submit(asyncio.run, asking()).result()


def dsn_of(url: str) -> str:
    return replaced(url, scheme="postgresql")


def database_of(url: str) -> str:
    return unquote(urlsplit(url).path.removeprefix("/"))
