"""The container engine as tests use it: which image, which port, and nothing left behind.

Containers carry the label `org.reelwright.test=<host>/<pid>`. A session removes its own at its end, and at its start
those of sessions on this host that died before they could.
"""

import os
import random
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.containers import Container
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from tests.servers.missing import ServerMissing

LABEL = "org.reelwright.test"
# Below 32768: above, a client's own port may take the server's while it is down.
PORTS = range(20_000, 32_000)
ENGINE_SECONDS = 5
REGISTRY_SECONDS = 5
PULL_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one server is started: its images in order of preference, its ports inside, and what it is told."""

    name: str
    setting: str
    official: str
    local: str
    ports: tuple[int, ...]
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contained:
    """A server in a container: `ports` says where, on loopback, each of its ports is published."""

    container: Container
    image: str
    ports: dict[int, int]

    def kill(self) -> None:
        """SIGKILL; what it had not written is gone, its volume and its address stay."""
        self.container.kill()
        self.container.wait(timeout=30)

    def start(self) -> None:
        self.container.start()

    def freeze(self) -> None:
        self.container.pause()

    def thaw(self) -> None:
        self.container.unpause()

    def last_words(self) -> str:
        return self.container.logs(tail=20).decode(errors="replace")

    def remove(self) -> None:
        self.container.remove(force=True, v=True)


class ContainerEngine:
    """A container engine that answers; the fixture `docker_engine` is one."""

    def __init__(self) -> None:
        try:
            asking = docker.from_env(timeout=ENGINE_SECONDS)
            self.version = str(asking.version()["Version"])
            asking.close()
        except DockerException as error:
            where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
            raise ServerMissing(f"no container engine answers at {where}") from error
        self.client = docker.from_env()  # with its patience of a minute: a busy engine is not a missing one
        self._started: list[Contained] = []
        self._lock = threading.Lock()
        testcontainers_config.ryuk_disabled = True  # we clean up ourselves; its image could not be pulled everywhere
        self._remove_leftovers()

    @cached_property
    def against(self) -> str:
        return f"Docker engine {self.version}"

    def image(self, *candidates: str) -> str:
        """The first image that is here, else the first that can be pulled."""
        for candidate in candidates:
            if self.has(candidate):
                return candidate
        for candidate in candidates:
            if not candidate.startswith("localhost/") and self._pull(candidate):
                return candidate
        raise ServerMissing(f"image {candidates[0]} is neither here nor can it be pulled (see deploy/images/build)")

    def has(self, image: str) -> bool:
        try:
            self.client.images.get(image)
        except ImageNotFound:
            return False
        return True

    def launch(self, recipe: Recipe) -> Contained:
        named = os.environ.get(recipe.setting)
        image = self.image(named) if named else self.image(recipe.official, recipe.local)
        for attempt in range(5):
            try:
                return self._launch(recipe, image)
            except APIError as error:
                # Another session may take a port between our look and the engine's.
                if attempt == 4 or not taken(error):
                    raise ServerMissing(f"{image} does not start ({shortened(error)})") from error
        raise AssertionError("unreachable")

    def remove(self, contained: Contained) -> None:
        with self._lock:
            self._started.remove(contained)
        contained.remove()

    def close(self) -> None:
        for contained in list(self._started):
            self.remove(contained)
        self.client.close()

    def _launch(self, recipe: Recipe, image: str) -> Contained:
        ports = dict(zip(recipe.ports, free_ports(), strict=False))
        starting = (
            DockerContainer(image)
            .with_kwargs(labels={LABEL: f"{socket.gethostname()}/{os.getpid()}"})
            .with_envs(**recipe.environment)
            .with_command(list(recipe.command) or None)  # type: ignore[arg-type]
        )
        # Given directly: `with_bind_ports` publishes on every interface.
        starting.ports = {str(inside): ("127.0.0.1", outside) for inside, outside in ports.items()}  # type: ignore[misc]
        for path, content in recipe.files.items():
            starting.with_copy_into_container(content, path, 0o644)
        try:
            starting.start()
        except APIError:
            starting.stop()
            raise
        contained = Contained(starting.get_wrapped_container(), image, ports)
        with self._lock:
            self._started.append(contained)
        return contained

    def _pull(self, image: str) -> bool:
        """Asks the registry first, through the engine, and briefly: a machine without a network must not wait."""
        asking = docker.from_env(timeout=REGISTRY_SECONDS)
        pulling = docker.from_env(timeout=PULL_SECONDS)
        try:
            asking.images.get_registry_data(image)
            pulling.images.pull(image)
        except (DockerException, OSError):
            return False
        finally:
            asking.close()
            pulling.close()
        return True

    def _remove_leftovers(self) -> None:
        for container in self.client.containers.list(all=True, filters={"label": LABEL}):
            host, _, pid = container.labels[LABEL].rpartition("/")
            if host == socket.gethostname() and not alive(int(pid)):
                container.remove(force=True, v=True)


def free_ports() -> Iterator[int]:
    """Ports nobody listens at, from a random place on, so that two sessions seldom try the same."""
    first = random.randrange(len(PORTS))
    for port in (*PORTS[first:], *PORTS[:first]):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def taken(error: APIError) -> bool:
    return "port is already allocated" in str(error) or "address already in use" in str(error)


def shortened(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
