"""What the four servers have in common: an address that stays, and a life that a test can end and renew.

Every method blocks; from a coroutine call it by `asyncio.to_thread`.
"""

import time
from abc import ABC, abstractmethod
from typing import ClassVar, Self
from urllib.parse import SplitResult, urlsplit, urlunsplit

from tests.servers.engine import Contained, ContainerEngine, Recipe
from tests.servers.missing import ServerMissing

START_SECONDS = 60
ADDRESS_SECONDS = 5


class Server(ABC):
    """A running server. `url` has user and password in it; `against` says for people what it is."""

    address_setting: ClassVar[str]
    recipe: ClassVar[Recipe]

    def __init__(self, url: str, contained: Contained | None = None) -> None:
        self.url = url
        self.contained = contained

    @classmethod
    @abstractmethod
    def address(cls, ports: dict[int, int]) -> str:
        """The URL of a container whose ports are published so."""

    @abstractmethod
    def version(self) -> str:
        """Asks the server for its version, which is also the question whether it answers; raises when it does not."""

    @classmethod
    def connect(cls, url: str) -> Self:
        """A server that somebody else runs."""
        server = cls(url)
        server.wait(ADDRESS_SECONDS, f"{cls.address_setting} is set, but nothing answers there")
        return server

    @classmethod
    def launch(cls, engine: ContainerEngine) -> Self:
        contained = engine.launch(cls.recipe)
        server = cls(cls.address(contained.ports), contained)
        server.wait(START_SECONDS, f"{contained.image} was started, but does not answer")
        return server

    @property
    def can_be_killed(self) -> bool:
        return self.contained is not None

    @property
    def against(self) -> str:
        where = (
            f"image {self.contained.image}"
            if self.contained
            else f"{self.address_setting}={without_password(self.url)}"
        )
        return f"{self._version}, {where}"

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._ours().kill()

    def start(self) -> None:
        """Revives a killed server at the same address, with its data, and returns when it answers."""
        contained = self._ours()
        contained.start()
        self.wait(START_SECONDS, f"{contained.image} was started again, but does not answer")

    def freeze(self) -> None:
        """Stops every process of the server, as a dead network would: connections stay open, nothing answers."""
        self._ours().freeze()

    def thaw(self) -> None:
        self._ours().thaw()

    def wait(self, seconds: float, complaint: str) -> None:
        """Returns as soon as the server answers."""
        end = time.monotonic() + seconds
        while True:
            try:
                self._version = self.version()
            except Exception as error:
                if time.monotonic() > end:
                    words = f"\n{self.contained.last_words()}" if self.contained else ""
                    raise ServerMissing(f"{complaint} ({type(error).__name__}: {error}){words}") from error
                time.sleep(0.05)
            else:
                return

    def close(self) -> None:  # noqa: B027 - most leave nothing behind
        """Removes what tests made on a server that is not ours; a container goes as a whole."""

    def _ours(self) -> Contained:
        if self.contained is None:
            raise AssertionError(
                f"{self.address_setting} names a server that tests may not kill; unset it for this test"
            )
        return self.contained


def replaced(url: str, **parts: str) -> str:
    return urlunsplit(urlsplit(url)._replace(**parts))


def without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=host_and_port(parts)))


def host_and_port(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]
