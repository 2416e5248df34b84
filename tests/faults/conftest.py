"""A world for each test, and the clips that are edited in it."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from reel_common.testing.clips import make_clip
from tests.faults.world import Machines, World, fresh_papers, world
from tests.sandboxes import spool_folder
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def machines(
    rabbitmq: RabbitMq, postgres: Postgres, redis_server: RedisServer, s3_server: S3Server
) -> Iterator[Machines]:
    """All of them ours to kill; afterwards they run again."""
    found = Machines(rabbitmq, postgres, redis_server, s3_server)
    for server in (rabbitmq, postgres):
        if not server.can_be_killed:
            pytest.skip(f"{server.address_setting} names a server that is not ours to kill")
    yield found
    for each in (rabbitmq, postgres, redis_server, s3_server):
        each.wait(60, "it did not come back")


@pytest.fixture
def papers(request: pytest.FixtureRequest) -> Iterator[Path]:
    with fresh_papers(request.node.name) as folder:
        yield folder


@pytest.fixture
def spool() -> Iterator[Path]:
    with spool_folder() as folder:
        yield folder


@pytest.fixture
def open_world(machines: Machines, spool: Path, papers: Path) -> OpenWorld:
    """Settings as keywords."""
    return partial(world, machines, spool, papers)


@pytest.fixture
async def a_world(open_world: OpenWorld) -> AsyncIterator[World]:
    async with open_world() as made:
        yield made


@pytest.fixture
def seed() -> int:
    """Of the environment, to see a red run again; else a new one. Printed in any case."""
    chosen = int(os.environ.get("REEL_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"REEL_TEST_SEED={chosen}")
    return chosen


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [make_clip(folder / f"{n}.mp4", seconds=1 + n / 5, fps=10, size=(96, 54)) for n in range(3)]


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("broken") / "notes.mp4"
    path.write_text("Nobody can see this.\n" * 40)
    return path
