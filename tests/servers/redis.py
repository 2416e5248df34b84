"""Redis: a numbered database of its own for every test."""

import itertools
import threading

from redis import Redis

from tests.servers.engine import Contained, Recipe
from tests.servers.server import Server, replaced


class RedisServer(Server):
    """`url` names database 0; `fresh_url()` an empty one."""

    address_setting = "REEL_TEST_REDIS_URL"
    recipe = Recipe(
        name="redis",
        setting="REEL_TEST_IMAGE_REDIS",
        official="redis:8",
        local="localhost/reel-test-redis:1",
        ports=(6379,),
        command=("redis-server", "--appendonly", "yes", "--databases", "1024"),
    )

    def __init__(self, url: str, contained: Contained | None = None) -> None:
        super().__init__(url, contained)
        self._databases: itertools.cycle[int] | None = None
        self._lock = threading.Lock()

    @classmethod
    def address(cls, ports: dict[int, int]) -> str:
        return f"redis://127.0.0.1:{ports[6379]}/0"

    def version(self) -> str:
        with self._client(self.url) as client:
            return f"Redis {client.info('server')['redis_version']}"

    def fresh_url(self) -> str:
        """The URL of an empty database. After the last number comes the first again, emptied."""
        with self._lock:
            if self._databases is None:
                with self._client(self.url) as client:
                    self._databases = itertools.cycle(range(1, int(client.config_get("databases")["databases"])))
            url = replaced(self.url, path=f"/{next(self._databases)}")
        with self._client(url) as client:
            client.flushdb()
        return url

    def flush(self) -> None:
        """Loses everything, in every database: what Redis holds may be lost."""
        with self._client(self.url) as client:
            client.flushall()

    def _client(self, url: str) -> Redis:
        return Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2, decode_responses=True)
