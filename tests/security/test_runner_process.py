"""The runner as a process: what it takes from whoever can reach its socket, and what is left when it dies."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reel_common.adapters.runner_client import RunnerClient
from reel_common.domain.program import Program
from reel_common.errors import Code, SandboxUnavailableError
from reel_common.ports.runner_spool import RUNS, SOCKET
from reel_common.testing.patience import until
from reel_common.testing.sandbox import ffmpeg, made_up
from tests.sandboxes import leftovers, runner_process, spool_folder
from tests.servers.engine import ContainerEngine

KINDS = [
    pytest.param("docker", marks=[pytest.mark.server, pytest.mark.long]),
    pytest.param("bubblewrap", marks=pytest.mark.server),
    "confined",
]


@pytest.fixture
def spool() -> Iterator[Path]:
    with spool_folder() as folder:
        yield folder


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param != "confined":
        request.getfixturevalue({"docker": "sandbox_image"}.get(request.param, request.param))
    return str(request.param)


def endless(mark: str) -> Program:
    return ffmpeg("-progress", "pipe:1", *made_up(), "-metadata", f"comment={mark}", "-f", "null", "-")


async def begun(client: RunnerClient, spool: Path, mark: str) -> "asyncio.Task[object]":
    running = asyncio.create_task(client.run(endless(mark)))
    await until(lambda: running.done() or any("process" in found for found in leftovers(spool, mark)))
    assert not running.done(), running.exception()
    return running


async def test_who_asks_for_anything_else_is_refused(spool: Path) -> None:
    transport = httpx.AsyncHTTPTransport(uds=str(spool / SOCKET))
    good = ffmpeg("-version").as_json()
    with runner_process(spool, REEL_SANDBOX="confined"):
        assert (spool / SOCKET).stat().st_mode & 0o777 == 0o660
        async with httpx.AsyncClient(transport=transport, base_url="http://runner") as http:
            for body, code in (
                (b"", Code.MALFORMED),
                (b"[" * 100_000, Code.MALFORMED),
                (b"x" * (5 << 20), Code.TOO_LARGE),
                (json.dumps([]).encode(), Code.INVALID),
                (json.dumps(good | {"image": "other:1"}).encode(), Code.INVALID),
                (json.dumps(good | {"engine": "sh"}).encode(), Code.INVALID),
                (json.dumps(good | {"inputs": {"a": "../../x"}}).encode(), None),
            ):
                answer = await http.post("/runs", content=body)
                last = json.loads(answer.text.splitlines()[-1])
                assert last["error"]["kind"] == "permanent"
                assert last["error"]["code"] == (code or Code.INVALID)
                assert answer.status_code == (422 if code else 200)
            assert (await http.get("/runs")).status_code == 405
            assert (await http.get("/in/x")).status_code == 404
            assert (await http.get("/inputs/..%2F..%2Fetc%2Fpasswd")).status_code in {200, 404}
            assert (await http.get("/inputs/" + "0" * 64)).json() == {"present": False}


async def test_nobody_there() -> None:
    async with RunnerClient(Path("/nowhere")) as client:
        for asking in (
            client.describe(),
            client.has("0" * 64),
            client.run(endless("")),
            client.put(Path(__file__), "0" * 64),
        ):
            with pytest.raises(SandboxUnavailableError):
                await asking


async def test_a_second_runner_of_one_spool_gives_up(spool: Path) -> None:
    with runner_process(spool, REEL_SANDBOX="confined"):
        second = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "reel_executor.runner"],
            env={"REEL_SPOOL": str(spool), "PATH": os.environ["PATH"]},
            capture_output=True,
            timeout=20,
        )
        assert second.returncode == 1
        assert b"another runner is at work" in second.stderr
        async with RunnerClient(spool) as client:
            assert (await client.describe())["adapter"] == "confined"


async def test_a_setting_that_is_wrong_is_named() -> None:
    for settings in ({}, {"REEL_SPOOL": "/tmp/" + "x" * 120, "REEL_SANDBOX": "podman"}):
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "reel_executor.runner"],
            env={"PATH": os.environ["PATH"], **settings},
            capture_output=True,
            timeout=20,
        )
        assert done.returncode == 1
        assert b"REEL_S" in done.stderr
        assert b"Traceback" not in done.stderr


async def test_told_to_stop_it_ends_what_runs(spool: Path, kind: str) -> None:
    mark = uuid.uuid4().hex
    with runner_process(spool, REEL_SANDBOX=kind) as runner:
        async with RunnerClient(spool) as client:
            running = await begun(client, spool, mark)
            waiting = [asyncio.create_task(client.run(endless(mark))) for _ in range(3)]
            await asyncio.sleep(0.1)
            since = time.monotonic()
            runner.send_signal(signal.SIGTERM)
            await asyncio.wait([running, *waiting])
            assert time.monotonic() - since < 1
            assert leftovers(spool, mark) == []
            for task in (running, *waiting):
                assert isinstance(task.exception(), SandboxUnavailableError)
            assert await asyncio.to_thread(runner.wait, 10) == 0
    assert not (spool / SOCKET).exists()


async def test_killed_it_takes_its_programs_along(spool: Path, kind: str) -> None:
    mark = uuid.uuid4().hex
    with runner_process(spool, REEL_SANDBOX=kind) as runner:
        async with RunnerClient(spool) as client:
            running = await begun(client, spool, mark)
            runner.kill()
            with pytest.raises(SandboxUnavailableError):
                await running
    (spool / SOCKET).unlink()
    if kind != "docker":  # there, the next runner does it
        await until(lambda: not any("process" in found for found in leftovers(spool, mark)), 1)
    with runner_process(spool, REEL_SANDBOX=kind):
        assert leftovers(spool, mark) == []
        async with RunnerClient(spool) as client:
            assert (await client.run(ffmpeg("-version"))).exit == 0


async def test_a_client_that_dies_takes_its_program_along(spool: Path) -> None:
    mark = uuid.uuid4().hex
    code = (
        "import asyncio, sys; from pathlib import Path; from reel_common.adapters.runner_client import RunnerClient;"
        "from tests.security.test_runner_process import endless;"
        "asyncio.run(RunnerClient(Path(sys.argv[1])).run(endless(sys.stdin.read())))"
    )
    with runner_process(spool):
        client = subprocess.Popen([sys.executable, "-c", code, str(spool)], stdin=subprocess.PIPE)
        assert client.stdin is not None
        client.stdin.write(mark.encode())
        client.stdin.close()
        await until(lambda: any("process" in found for found in leftovers(spool, mark)), 20)
        client.kill()
        await until(lambda: not leftovers(spool, mark), 1)
        client.wait()


@pytest.mark.long
async def test_no_container_is_left(docker_engine: ContainerEngine, sandbox_image: str, spool: Path) -> None:
    with runner_process(spool, REEL_SANDBOX="docker"):
        async with RunnerClient(spool) as client:
            running = await begun(client, spool, uuid.uuid4().hex)
            await client.run(ffmpeg("-version"))
            running.cancel()
            await asyncio.wait([running])
            await until(lambda: list((spool / RUNS).iterdir()) == [], 1)
    ours: dict[str, str | list[str] | bool] = {"label": f"org.reelwright.spool={spool}"}
    assert await asyncio.to_thread(docker_engine.client.containers.list, all=True, filters=ours) == []
