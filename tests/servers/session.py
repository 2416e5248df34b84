"""The servers of one test session: each is looked for or started once, all that are asked for at the same time."""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from tests.servers.bubblewrap import find_bubblewrap
from tests.servers.engine import ContainerEngine
from tests.servers.missing import ServerMissing
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server
from tests.servers.server import Server

KINDS: dict[str, type[Server]] = {"rabbitmq": RabbitMq, "postgres": Postgres, "redis": RedisServer, "s3": S3Server}
NAMES = (*KINDS, "docker", "bubblewrap")
MISSING = "MISSING"


class Found(Protocol):
    """Anything the table can name."""

    @property
    def against(self) -> str: ...


class Servers:
    """Asked by name; raises `ServerMissing`, the same for every test that asks."""

    def __init__(self) -> None:
        self._asked: dict[str, Future[Found]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(len(NAMES), thread_name_prefix="servers")

    def expect(self, names: Iterable[str]) -> None:
        """Starts them side by side; a broker takes seconds, and tests wait for one at a time."""
        for name in names:
            self._future(name)

    def get(self, name: str) -> Found:
        return self._future(name).result()

    def against(self, name: str) -> str:
        if name not in self._asked:
            return "not asked for"
        try:
            return self.get(name).against
        except ServerMissing as error:
            return f"{MISSING}: {str(error).splitlines()[0]}"

    def close(self) -> None:
        found = {name: future.result() for name, future in self._asked.items() if future.exception() is None}
        for server in found.values():
            if isinstance(server, Server):
                server.close()
        engine = found.get("docker")
        if isinstance(engine, ContainerEngine):
            engine.close()
        self._pool.shutdown()

    def _future(self, name: str) -> Future[Found]:
        with self._lock:
            if name not in self._asked:
                self._asked[name] = self._pool.submit(self._finding(name))
            return self._asked[name]

    def _finding(self, name: str) -> Callable[[], Found]:
        if name == "docker":
            return ContainerEngine
        if name == "bubblewrap":
            return find_bubblewrap
        return lambda: self._server(KINDS[name])

    def _server(self, kind: type[Server]) -> Server:
        if url := os.environ.get(kind.address_setting):
            return kind.connect(url)
        engine = self.get("docker")
        assert isinstance(engine, ContainerEngine)
        return kind.launch(engine)


def required() -> frozenset[str]:
    names = frozenset(name.strip() for name in os.environ.get("REEL_TEST_REQUIRE", "").split(",") if name.strip())
    if unknown := names - set(NAMES):
        raise ValueError(f"REEL_TEST_REQUIRE: unknown {sorted(unknown)}; known are {list(NAMES)}")
    return names
