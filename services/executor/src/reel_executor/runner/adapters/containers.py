"""A container engine, as the adapter uses it: a time limit on each call, threads of its own, and our errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

import docker
from docker.errors import APIError, DockerException
from docker.utils import kwargs_from_env
from requests.exceptions import RequestException

from reel_common.errors import SandboxUnavailableError

_CALL_SECONDS = 15
_THREADS = 8

P = ParamSpec("P")
T = TypeVar("T")


class Containers:
    """The engine. ``api`` is its client, to be used within ``call`` only."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "docker")
        try:
            self.api = docker.APIClient(**kwargs_from_env(), timeout=_CALL_SECONDS)
        except (DockerException, RequestException, OSError) as error:
            raise unavailable(error) from error

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Raises: SandboxUnavailableError for whatever the engine says or does not say in time."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *args, **kwargs))
        except (DockerException, RequestException, OSError) as error:
            raise unavailable(error) from error

    async def remove(self, container: str) -> None:
        """Kills and removes it; it may be gone already."""
        with suppress(APIError):
            await self.call(_ignoring_gone(self.api.remove_container), container, force=True, v=True)

    async def close(self) -> None:
        """Gives up the connection and the threads."""
        await self.call(self.api.close)
        self._threads.shutdown(wait=False, cancel_futures=True)


def unavailable(error: Exception) -> SandboxUnavailableError:
    """What the engine said, as the sandbox's error."""
    return SandboxUnavailableError(f"the container engine: {' '.join(str(error).split())[:300]}")


def _ignoring_gone(function: Callable[P, T]) -> Callable[P, T | None]:
    def called(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return function(*args, **kwargs)
        except APIError as error:
            if error.status_code in {404, 409}:  # gone, or being removed by somebody else
                return None
            raise

    return called
