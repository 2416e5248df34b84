"""Everything that a run has to itself: a database, a vhost, a numbered Redis, a bucket, a spool, and folders for its papers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from reel_common.adapters import serving
from reel_common.errors import TransientError
from reel_common.ledger import Ledger, migrate
from reel_common.ledger.database import Rows
from reel_common.ports.store import ObjectStore
from reel_common.settings import ServerSettings
from tests.faults import acts
from tests.faults.drills import make_effects
from tests.faults.roots import ALL_KINDS, ALL_RULES
from tests.faults.setup import Setup
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server

LEASE_S = 4.0


@dataclass(frozen=True, slots=True)
class Machines:
    """The servers, which others may use after us."""

    rabbitmq: RabbitMq
    postgres: Postgres
    redis: RedisServer
    s3: S3Server


@dataclass(frozen=True, slots=True)
class World:
    """One run's. ``papers`` is a folder for logs, the fault log and, of a red run, all rows."""

    machines: Machines
    book: Ledger
    store: ObjectStore
    vhost: str
    spool: Path
    papers: Path
    settings: dict[str, str]
    begun: float = field(default_factory=time.monotonic)

    def setup(self, name: str, role: str, **settings: object) -> Setup:
        """A process by what it is; ``settings`` of its own, as for ``world``."""
        return Setup(name, role, self.settings | environment(settings), self.papers / f"{name}.log")

    def gateway(self, asked: acts.Asked, begun: float) -> Setup:
        """One that asks for all of it, from the second ``begun`` since 1970 on."""
        path = self.papers / "acts.json"
        acts.write(asked.acts, path)
        options = {"acts": str(path), "journal": str(self.journal), "begun": str(begun)}
        return replace(self.setup("gateway", "gateway"), options=options)

    @property
    def journal(self) -> Path:
        return self.papers / "journal"

    async def ask(self, text: str) -> Rows:
        """Asks the database; our own connections may be of before its last death."""
        for _ in range(20):
            with suppress(TransientError):
                return await self.book.database.read(text)
            await asyncio.sleep(0.2)
        raise AssertionError("the database did not come back")

    def say(self, *words: object) -> None:
        """Into the fault log, with the second."""
        line = f"{time.monotonic() - self.begun:7.2f} {' '.join(map(str, words))}"
        print(line, flush=True)
        with (self.papers / "faults.log").open("a") as log:
            log.write(line + "\n")


@asynccontextmanager
async def world(machines: Machines, spool: Path, papers: Path, **settings: object) -> AsyncIterator[World]:
    """``settings``: of ``WorkSettings``, beside those that make a run of a minute out of a day."""
    given = await asyncio.to_thread(_servers, machines)
    vhost, database = given["REEL_AMQP_URL"], given["REEL_DATABASE_URL"]
    paced = {"lease_s": LEASE_S, "poll_s": 1.0, "sweep_s": 1.0, "grace_s": 0.1, "spool": spool, **settings}
    given |= environment(paced)
    await migrate(database)
    book = Ledger.open(database, rules=ALL_RULES, kinds=ALL_KINDS)
    store = serving.open_store(ServerSettings(s3_url=given["REEL_S3_URL"]))
    try:
        await make_effects(book.database)
        yield World(machines, book, store, vhost, spool, papers, given)
    finally:
        await store.close()
        await book.close()
        await asyncio.to_thread(machines.rabbitmq.drop_vhost, vhost)
        await asyncio.to_thread(machines.postgres.drop_database, database)


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    return {f"REEL_{name.upper()}": str(value) for name, value in settings.items()}


def _servers(machines: Machines) -> dict[str, str]:
    s3 = machines.s3
    return {
        "REEL_DATABASE_URL": machines.postgres.fresh_database(),
        "REEL_AMQP_URL": machines.rabbitmq.fresh_vhost(),
        "REEL_REDIS_URL": machines.redis.fresh_url(),
        "REEL_S3_URL": f"{s3.url.rstrip('/')}/{s3.fresh_bucket()}",
    }


@contextmanager
def fresh_papers(name: str) -> Iterator[Path]:
    """``build/faults/<name>``, emptied; it stays to be read."""
    folder = Path(__file__).parents[2] / "build" / "faults" / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    yield folder
