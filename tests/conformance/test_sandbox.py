"""Every sandbox passes the suite: each adapter in this process, and the client of a runner that is a process of its own."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from reel_common.adapters.runner_client import RunnerClient
from reel_common.ports.runner_spool import OUTPUTS
from reel_common.ports.sandbox import Sandbox
from reel_common.testing.sandbox import Leftovers, SandboxConformance
from tests.sandboxes import leftovers as left_in
from tests.sandboxes import opened, runner_process, spool_folder

NEEDED = {"docker": "sandbox_image", "bubblewrap": "bubblewrap"}


@pytest.fixture(
    scope="class",
    params=[
        pytest.param("docker", marks=pytest.mark.server),
        pytest.param("bubblewrap", marks=pytest.mark.server),
        "confined",
        "runner",  # over its socket, with whatever it chooses here
    ],
)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="class")
def spool(kind: str) -> Iterator[Path]:
    with spool_folder() as folder:
        yield folder
        assert list((folder / OUTPUTS).iterdir()) == []


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def sandbox(kind: str, spool: Path, request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    if kind in NEEDED:
        request.getfixturevalue(NEEDED[kind])
    if kind == "runner":
        with runner_process(spool):
            async with RunnerClient(spool) as client:
                yield client
    else:
        async with await opened(spool, kind) as local:
            yield local


@pytest.fixture(scope="class")
def leftovers(spool: Path) -> Leftovers:
    return partial(left_in, spool)


class TestSandbox(SandboxConformance):
    """All of it."""
