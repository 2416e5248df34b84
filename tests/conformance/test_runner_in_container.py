"""The runner inside of a container, as in a deployment with Docker: the engine's socket and the spool are mounted.

The image is the sandbox's own, which has a Python; this checkout and the packages of the interpreter that runs the
tests are mounted into it, as they are mostly pure Python, and what is not has a substitute. Its Python has to be of the
same release for the rest.
"""

import asyncio
import os
import socket
import sysconfig
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reel_common.adapters.runner_client import RunnerClient
from reel_common.domain.media import MediaFacts
from reel_common.ports.runner_spool import RUNS, SOCKET
from reel_common.testing.clips import make_clip
from reel_common.testing.patience import until
from reel_common.testing.sandbox import SAFE, digest, ffmpeg, made_up, taken
from reel_tools.inspector import Look, answers, facts_of, inspection
from tests.sandboxes import leftovers, spool_folder
from tests.servers.engine import LABEL, ContainerEngine

pytestmark = pytest.mark.long

ENGINE = Path("/var/run/docker.sock")
CHECKOUT = Path(__file__).parents[2]
SOURCES = ("libs/common/src", "libs/tools/src", "services/executor/src")


@pytest.fixture
def spool() -> Iterator[Path]:
    with spool_folder() as folder:
        yield folder


@contextmanager
def contained_runner(engine: ContainerEngine, image: str, spool: Path) -> Iterator[None]:
    mounts = {str(ENGINE): {"bind": str(ENGINE), "mode": "rw"}, str(spool): {"bind": str(spool), "mode": "rw"}}
    mounts |= {str(CHECKOUT / s): {"bind": f"/src/{n}", "mode": "ro"} for n, s in enumerate(SOURCES)}
    mounts[sysconfig.get_path("purelib")] = {"bind": "/packages", "mode": "ro"}
    options: dict[str, Any] = {"user": "0:0", "network_mode": "none", "read_only": True, "init": True}
    container = engine.client.containers.run(
        image,
        ["python", "-m", "reel_executor.runner"],
        detach=True,
        volumes=mounts,
        environment={
            "PYTHONPATH": ":".join([*(f"/src/{n}" for n in range(len(SOURCES))), "/packages"]),
            "REEL_SPOOL": str(spool),
            "REEL_SANDBOX": "docker",
            "REEL_SANDBOX_IMAGE": image,
        },
        labels={LABEL: f"{socket.gethostname()}/{os.getpid()}"},
        **options,
    )
    try:
        yield
    finally:
        container.stop(timeout=10)
        words = container.logs().decode()
        container.remove(force=True)
    assert "docker: A container" in words, words


async def test_it_renders_and_cancels_through_the_shared_spool(
    docker_engine: ContainerEngine, sandbox_image: str, spool: Path, tmp_path: Path
) -> None:
    if not ENGINE.exists():
        pytest.skip("the engine has no socket at its usual place")
    clip = make_clip(tmp_path / "clip.mp4", seconds=2)
    sha256, mark = digest(clip.read_bytes()), uuid.uuid4().hex
    with contained_runner(docker_engine, sandbox_image, spool):
        await until((spool / SOCKET).exists, 30)
        async with RunnerClient(spool) as client:
            assert (await client.describe())["adapter"] == "docker"
            await client.put(clip, sha256)
            facts = await inspected(client, sha256, clip.stat().st_size)
            assert facts.duration == pytest.approx(2, abs=0.1)
            program = ffmpeg(
                *(
                    *SAFE,
                    "mov",
                    "-i",
                    "{in:clip}",
                    "-t",
                    "1",
                    "-threads",
                    "2",
                    "-movflags",
                    "+faststart",
                    "{out:o.mp4}",
                ),
                inputs={"clip": sha256},
                outputs=("o.mp4",),
            )
            completed = await client.run(program)
            assert completed.exit == 0, completed.stderr
            made = taken(completed)["o.mp4"]
            (tmp_path / "made").write_bytes(made)
            await client.put(tmp_path / "made", digest(made))
            assert (await inspected(client, digest(made), len(made))).duration == pytest.approx(1, abs=0.1)

            endless = ffmpeg(*made_up(), "-metadata", f"comment={mark}", "-f", "null", "-")
            running = asyncio.create_task(client.run(endless))
            await until(lambda: any("process" in found for found in leftovers(spool, mark)))
            running.cancel()
            await until(lambda: leftovers(spool, mark) == [], 1)
    assert list((spool / RUNS).iterdir()) == []
    assert not (spool / SOCKET).exists()


async def inspected(client: RunnerClient, sha256: str, size: int) -> MediaFacts:
    completed = await client.run(inspection([(Look.FACTS, sha256)], size))
    assert completed.exit == 0, completed.stderr
    return facts_of(answers(completed, 1)[0])
