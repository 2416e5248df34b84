"""RabbitMQ: a vhost of its own for every test, made through the management API."""

import base64
import itertools
import json
import os
import time
import urllib.request
import uuid
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tests.servers.engine import Contained, Recipe
from tests.servers.probing import amqp_answers
from tests.servers.server import Server, replaced

# The management plugin costs 0.2 s of the start and saves a second for every vhost that the broker's own CLI would make.
PLUGINS = b"[rabbitmq_management].\n"
QUORUM_SECONDS = 1.5


class RabbitMq(Server):
    """`url` names the default vhost; `fresh_vhost()` is where tests work."""

    address_setting = "REEL_TEST_AMQP_URL"
    recipe = Recipe(
        name="rabbitmq",
        setting="REEL_TEST_IMAGE_RABBITMQ",
        official="rabbitmq:4",
        local="localhost/reel-test-rabbitmq:1",
        ports=(5672, 15672),
        environment={
            "RABBITMQ_DEFAULT_USER": "reel",
            "RABBITMQ_DEFAULT_PASS": "reel",
            "RABBITMQ_NODENAME": "rabbit@localhost",
        },
        files={"/etc/rabbitmq/enabled_plugins": PLUGINS},
    )

    def __init__(self, url: str, contained: Contained | None = None) -> None:
        super().__init__(url, contained)
        parts = urlsplit(url)
        self.management_url = f"http://{parts.hostname}:{contained.ports[15672] if contained else 15672}"
        if not contained:
            self.management_url = os.environ.get("REEL_TEST_AMQP_MANAGEMENT_URL", self.management_url)
        user = f"{unquote(parts.username or 'guest')}:{unquote(parts.password or 'guest')}"
        self._authorization = f"Basic {base64.b64encode(user.encode()).decode()}"
        self._numbers = itertools.count(1)
        self._vhosts: set[str] = set()

    @classmethod
    def address(cls, ports: dict[int, int]) -> str:
        return f"amqp://reel:reel@127.0.0.1:{ports[5672]}/"

    def version(self) -> str:
        parts = urlsplit(self.url)
        amqp_answers(parts.hostname or "127.0.0.1", parts.port or 5672)
        return f"RabbitMQ {self.manage('GET', '/api/overview')['rabbitmq_version']}"

    def settle(self) -> None:
        """Returns when quorum queues declared by now would survive a kill.

        Their names reach the disk half a second later. A broker killed before that forgets even confirmed messages,
        and a consumer of such a queue waits for ever (seen with 3.10.8 at 0.7 s, not at 1.2 s).
        """
        time.sleep(QUORUM_SECONDS)

    def fresh_vhost(self) -> str:
        """The URL of a new, empty vhost."""
        name = f"test-{uuid.uuid4().hex[:8]}-{next(self._numbers)}"
        self.manage("PUT", f"/api/vhosts/{name}", {})
        self._vhosts.add(name)
        return replaced(self.url, path=f"/{name}")

    def drop_vhost(self, url: str) -> None:
        """Closes its connections too. A vhost costs the broker some processes: a test that makes many drops them."""
        name = vhost_of(url)
        self.manage("DELETE", f"/api/vhosts/{quote(name, safe='')}")
        self._vhosts.discard(name)

    def queues(self, url: str) -> list[str]:
        """The names of a vhost's queues."""
        return [
            queue["name"] for queue in self.manage("GET", f"/api/queues/{quote(vhost_of(url), safe='')}?columns=name")
        ]

    def purge(self, url: str) -> list[str]:
        """Empties every queue of a vhost, of what nobody holds, and names them."""
        vhost, names = quote(vhost_of(url), safe=""), self.queues(url)
        for name in names:
            self.manage("DELETE", f"/api/queues/{vhost}/{quote(name, safe='')}/contents")
        return names

    def manage(self, method: str, path: str, body: object = None) -> Any:
        """One call of the management API."""
        request = urllib.request.Request(
            self.management_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": self._authorization, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def close(self) -> None:
        if not self.contained:
            for name in sorted(self._vhosts):
                self.manage("DELETE", f"/api/vhosts/{name}")


def vhost_of(url: str) -> str:
    return unquote(urlsplit(url).path.removeprefix("/")) or "/"
