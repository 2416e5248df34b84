"""Fixtures for real servers, and the table at the end of a run that says what it ran against.

A test names what it needs: `postgres`, `rabbitmq`, `redis_server`, `s3_server`, `docker_engine`, `sandbox_image`,
`bubblewrap`. Where that cannot be had the test skips, or fails if `REEL_TEST_REQUIRE` names it; see `tests/servers`.
"""

import os
from collections import Counter
from collections.abc import Generator, Iterable
from typing import cast

import pytest

from tests.servers.bubblewrap import Bubblewrap
from tests.servers.engine import ContainerEngine
from tests.servers.missing import ServerMissing
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server
from tests.servers.session import MISSING, NAMES, Found, Servers, required

FIXTURES = {
    "rabbitmq": "rabbitmq",
    "postgres": "postgres",
    "redis_server": "redis",
    "s3_server": "s3",
    "docker_engine": "docker",
    "sandbox_image": "docker",
    "bubblewrap": "bubblewrap",
}
SERVERS = pytest.StashKey[Servers]()
RUN, SKIPPED = pytest.StashKey[Counter[str]](), pytest.StashKey[Counter[str]]()
WANTED = pytest.StashKey[frozenset[str]]()
NOTHING: frozenset[str] = frozenset()


# --- fixtures -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Servers:
    """All of them by name; the fixtures below are what tests use."""
    return pytestconfig.stash[SERVERS]


@pytest.fixture(scope="session")
def rabbitmq(pytestconfig: pytest.Config) -> RabbitMq:
    return cast("RabbitMq", needed(pytestconfig, "rabbitmq"))


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Postgres:
    return cast("Postgres", needed(pytestconfig, "postgres"))


@pytest.fixture(scope="session")
def redis_server(pytestconfig: pytest.Config) -> RedisServer:
    return cast("RedisServer", needed(pytestconfig, "redis"))


@pytest.fixture(scope="session")
def s3_server(pytestconfig: pytest.Config) -> S3Server:
    return cast("S3Server", needed(pytestconfig, "s3"))


@pytest.fixture(scope="session")
def docker_engine(pytestconfig: pytest.Config) -> ContainerEngine:
    return cast("ContainerEngine", needed(pytestconfig, "docker"))


@pytest.fixture(scope="session")
def bubblewrap(pytestconfig: pytest.Config) -> Bubblewrap:
    return cast("Bubblewrap", needed(pytestconfig, "bubblewrap"))


@pytest.fixture(scope="session")
def sandbox_image(docker_engine: ContainerEngine) -> str:
    """The image user media are worked on in (setting REEL_SANDBOX_IMAGE)."""
    try:
        return docker_engine.image(os.environ.get("REEL_SANDBOX_IMAGE", "localhost/reel-sandbox:1"))
    except ServerMissing as error:
        raise absence("docker", error) from None


def needed(config: pytest.Config, name: str) -> Found:
    servers, wanted = config.stash[SERVERS], config.stash.get(WANTED, NOTHING)
    servers.expect(wanted)
    try:
        return servers.get(name)
    except ServerMissing as error:
        raise absence(name, error) from None


def absence(name: str, error: ServerMissing) -> BaseException:
    """A skip, or a failure; it carries the server's name for the table."""
    outcome: BaseException
    if name in required():
        outcome = pytest.fail.Exception(f"{name} is required (REEL_TEST_REQUIRE): {error}", pytrace=False)
    else:
        outcome = pytest.skip.Exception(f"{name}: {error}")
    outcome.__dict__["server"] = name
    return outcome


# --- the table ----------------------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SERVERS] = Servers()
    config.stash[RUN], config.stash[SKIPPED] = Counter(), Counter()
    try:
        required()
    except ValueError as error:  # a misspelt name stops the run here, not after it
        raise pytest.UsageError(str(error)) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVERS in config.stash:
        config.stash[SERVERS].close()


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever names one of the fixtures is marked `server`; a `getfixturevalue` in the dark needs the mark by hand."""
    for item in items:
        if names_of(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What the tests of this run will ask for, so that the first to ask starts them all."""
    wanted = {name for item in session.items for name in names_of(getattr(item, "fixturenames", ()))}
    session.config.stash[WANTED] = frozenset(wanted)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    lacking = getattr(call.excinfo.value, "server", None) if call.excinfo else None
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped or (call.when == "call" and not lacking):
        # The request, not the item, knows of what was asked for by `getfixturevalue`.
        asked = names_of(getattr(getattr(item, "_request", None), "fixturenames", ()))
        item.config.stash[SKIPPED if skipped else RUN].update(asked | ({lacking} if lacking else set()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    run, skipped, servers = config.stash[RUN], config.stash[SKIPPED], config.stash[SERVERS]
    if not config.stash.get(WANTED, NOTHING) and not run and not skipped:
        return
    rows = [("server", "what it ran against", "tests run", "tests skipped")]
    rows += [(name, servers.against(name), str(run[name]), str(skipped[name])) for name in NAMES]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    terminalreporter.section("servers")
    lost = [row for row in rows if row[1].startswith(MISSING)]
    for row in rows:
        line = " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        terminalreporter.write_line(line, bold=row is rows[0], red=row in lost)
    if lost and not required():
        terminalreporter.write_line(f"REEL_TEST_REQUIRE={','.join(NAMES)} makes a missing one a failure.", red=True)


def names_of(fixtures: Iterable[str]) -> set[str]:
    return {FIXTURES[fixture] for fixture in fixtures if fixture in FIXTURES}
