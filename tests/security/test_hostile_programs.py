"""Code of an attacker's own, as if media had taken an engine over: what it sees, reaches, fills and leaves behind.

The inspecting engine runs the scripts; nothing but a test can have it accept them.
"""

import asyncio
import hashlib
import json
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from reel_common.domain.program import Engine, Limits, Output, Program
from reel_common.errors import Code, LimitExceededError
from reel_common.ports.runner_spool import OUTPUTS
from reel_common.ports.sandbox import Completed
from reel_common.testing.patience import until
from reel_common.testing.sandbox import digest
from reel_executor.runner.adapters.bubblewrap import Bubblewrap
from reel_executor.runner.adapters.engines import host_engines
from reel_executor.runner.local import LocalSandbox
from reel_executor.runner.spool import Spool
from tests.sandboxes import SLOTS, leftovers, opened, spool_folder
from tests.security.hostile_scripts import SCRIPTS

DIGESTS = {hashlib.sha256(text.encode()).hexdigest() for text in SCRIPTS.values()}
SEALED = [
    pytest.param("docker", marks=pytest.mark.server),
    pytest.param("bubblewrap", marks=pytest.mark.server),
    pytest.param("bubblewrap without groups", marks=pytest.mark.server),
]
ALL = [*SEALED, "confined"]
KNOWN_VARIABLES = {"PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE", "HOSTNAME", "PWD", "PYTHONDONTWRITEBYTECODE"}

sealed = pytest.mark.parametrize("kind", SEALED, scope="module", indirect=True)
every = pytest.mark.parametrize("kind", ALL, scope="module", indirect=True)
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]


@dataclass
class Attacked:
    """A sandbox and the spool that it has."""

    sandbox: LocalSandbox
    spool: Path
    kind: str

    def program(self, script: str, *arguments: str, outputs: tuple[str, ...] = ("out",), **limits: Any) -> Program:
        return Program(
            Engine.INSPECT,
            ("{in:script}", f"{{out:{outputs[0]}}}", *arguments),
            files={"script": SCRIPTS[script]},
            outputs=tuple(Output(name, "final", "application/octet-stream") for name in outputs),
            limits=replace(Limits(wall=timedelta(seconds=20), memory_bytes=256 << 20, processes=64), **limits),
        )

    async def run(self, script: str, *arguments: str, **options: Any) -> Completed:
        return await self.sandbox.run(self.program(script, *arguments, **options))

    async def findings(self, script: str, *arguments: str) -> dict[str, str]:
        completed = await self.run(script, *arguments)
        assert completed.exit == 0, completed.stderr
        found: dict[str, str] = json.loads(completed.stdout)
        return found

    async def stopped(self, script: str, **options: Any) -> Code:
        """The code of the limit that it was stopped at; nothing of it is left."""
        mark = uuid.uuid4().hex
        with pytest.raises(LimitExceededError) as raised:
            await self.run(script, mark, **options)
        assert leftovers(self.spool, mark) == []
        return raised.value.code


@pytest.fixture(scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def spool(kind: str) -> Iterator[Path]:
    with spool_folder() as folder:
        yield folder
        assert list((folder / OUTPUTS).iterdir()) == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def attacked(kind: str, spool: Path, request: pytest.FixtureRequest) -> AsyncIterator[Attacked]:
    if kind == "docker":
        request.getfixturevalue("sandbox_image")
    elif kind != "confined":
        request.getfixturevalue("bubblewrap")
    async with await _sandbox(kind, spool) as sandbox:
        yield Attacked(sandbox, spool, kind)


async def _sandbox(kind: str, folder: Path) -> LocalSandbox:
    if kind != "bubblewrap without groups":
        return await opened(folder, kind, scripts=DIGESTS)
    spool = Spool(folder)
    spool.open()
    return LocalSandbox(spool, Bubblewrap(host_engines(), None), slots=SLOTS, scripts=DIGESTS)


# --- what it sees and reaches ---------------------------------------------------------------------------------------


@sealed
async def test_there_is_no_network(attacked: Attacked) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        found = await attacked.findings("network", port, str(attacked.spool / "runner.sock"))
    assert "done" not in found.values()


@every
async def test_no_tcp_connection_can_be_made(attacked: Attacked) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = await attacked.findings("network", str(server.getsockname()[1]), "/")
    assert "done" not in (found["host"], found["out"], found["metadata"], found["names"])


@every
async def test_nothing_of_others_can_be_read(
    attacked: Attacked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REEL_SECRET", "s3cr3t")
    content = uuid.uuid4().bytes
    path = tmp_path / "theirs"
    path.write_bytes(content)
    await attacked.sandbox.put(path, digest(content))
    found = await attacked.findings("reading", str(attacked.spool), str(os.getpid()), digest(content))
    own = found.pop("/proc/1/environ")
    assert "s3cr3t" not in own
    assert all(error.endswith("Error") for error in found.values()), found


@every
async def test_nothing_can_be_written_but_results(attacked: Attacked, tmp_path: Path) -> None:
    found = await attacked.findings("writing", str(tmp_path / "x"), str(attacked.spool))
    assert all(error.endswith("Error") for error in found.values()), found


@every
async def test_the_environment_is_empty(attacked: Attacked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REEL_SECRET", "s3cr3t")
    found = await attacked.findings("environment")
    assert set(found) <= KNOWN_VARIABLES
    assert "s3cr3t" not in found.values()


@sealed
async def test_it_has_no_rights(attacked: Attacked) -> None:
    found = await attacked.findings("rights")
    assert int(found["user"]) == (10001 if os.geteuid() == 0 else os.geteuid())
    assert int(found["capabilities"], 16) == 0
    assert int(found["bounding"], 16) == 0
    assert found["no_new_privileges"] == "1"
    assert found["setuid"] in {"PermissionError", "OSError"}  # the second in a namespace that has no such user
    assert {found[k] for k in ("mount", "namespace", "trace", "io_uring", "keyring")} == {"PermissionError"}


# --- what it uses up ------------------------------------------------------------------------------------------------


@every
async def test_a_fork_bomb_is_held(attacked: Attacked) -> None:
    mark = uuid.uuid4().hex
    with pytest.raises(LimitExceededError) as raised:
        await attacked.run("fork_bomb", mark, processes=32, wall=timedelta(seconds=2))
    assert raised.value.code is Code.LIMIT_TIME
    assert leftovers(attacked.spool, mark) == []
    assert await attacked.stopped("spreading", processes=32, wall=timedelta(seconds=2)) is Code.LIMIT_TIME


@sealed
async def test_the_number_of_processes_is_what_was_allowed(attacked: Attacked) -> None:
    mark = uuid.uuid4().hex
    running = asyncio.ensure_future(attacked.run("fork_bomb", mark, processes=32))
    await asyncio.sleep(2)
    found = leftovers(attacked.spool, mark)
    running.cancel()
    await asyncio.wait({running})
    assert 10 < len(found) <= 32 + 8  # the sandbox's own processes carry the arguments of the program, too
    await _gone(attacked, mark, 1)


@every
async def test_a_memory_bomb_is_told_apart(attacked: Attacked) -> None:
    since = time.monotonic()
    assert await attacked.stopped("memory_bomb") is Code.LIMIT_MEMORY
    assert time.monotonic() - since < 10


@every
@pytest.mark.parametrize("script", ["flood", "false_progress"])
async def test_a_flood_of_words_is_cut_off(attacked: Attacked, script: str) -> None:
    since = time.monotonic()
    assert await attacked.stopped(script) is Code.LIMIT_OUTPUT
    assert time.monotonic() - since < 5


@sealed
@pytest.mark.parametrize("script", ["disk", "disk_by_pieces", "entries", "depth", "closed_folder"])
async def test_the_disk_is_not_filled(attacked: Attacked, script: str) -> None:
    assert await attacked.stopped(script, output_bytes=64 << 20) is Code.LIMIT_OUTPUT


# --- how it resists its end -----------------------------------------------------------------------------------------


@every
async def test_what_ignores_every_signal_is_gone_within_a_second(attacked: Attacked) -> None:
    mark = uuid.uuid4().hex
    running = asyncio.ensure_future(attacked.run("endless", mark))
    while len(leftovers(attacked.spool, mark)) < 2:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    running.cancel()
    await asyncio.wait({running})
    await _gone(attacked, mark, 1)


@every
@pytest.mark.parametrize("script", ["daemon", "daemon_that_listens"])
async def test_a_daemon_does_not_outlive_its_program(attacked: Attacked, script: str) -> None:
    mark, since = uuid.uuid4().hex, time.monotonic()
    completed = await attacked.run(script, mark)
    assert (completed.exit, completed.stdout) == (0, b"left\n")
    assert time.monotonic() - since < 5
    assert leftovers(attacked.spool, mark) == []


@every
async def test_who_says_nothing_more_is_still_waited_for(attacked: Attacked) -> None:
    completed = await attacked.run("silent", outputs=("late",))
    assert completed.exit == 0
    assert [output.path.read_text() for output in completed.outputs] == ["late"]
    completed.outputs[0].path.unlink()


# --- what it leaves as results --------------------------------------------------------------------------------------


@sealed
async def test_only_plain_files_are_results(attacked: Attacked) -> None:
    names = ("good", "link", "folder_link", "fifo", "folder", "plain", "hard", "sparse", "socket", "device", "missing")
    completed = await attacked.run("strange_outputs", outputs=names)
    assert completed.exit == 0, completed.stderr
    (good,) = completed.outputs
    assert (good.name, good.path.read_bytes(), good.path.stat().st_mode & 0o7777) == ("good", b"good", 0o644)
    assert good.path.stat().st_uid == os.geteuid()
    good.path.unlink()
    refused = dict(completed.refused)
    assert {refused[name] for name in ("link", "folder_link")} == {"a symbolic link"}
    assert {refused[name] for name in ("plain", "hard")} == {"a hard link"}
    assert {refused[name] for name in ("fifo", "folder")} == {"not a plain file"}
    assert refused["sparse"] == "mostly holes"
    assert "device" not in refused
    assert all(name.isascii() and name.isprintable() for name in refused)


async def _gone(attacked: Attacked, mark: str, seconds: float) -> None:
    await until(lambda: not leftovers(attacked.spool, mark), seconds)
