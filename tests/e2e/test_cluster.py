"""The five services and the runner as processes on real servers, by the commands that ``make up`` and ``make down`` are."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.command import Reel, belongs, name_of, processes, until
from tests.e2e.test_edit import PROMPT, shape
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server

pytestmark = [pytest.mark.long, pytest.mark.server]

NAMES = {"runner", "planner", "scriptgen", "executor", "composer", "gateway"}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A deployment that is up. ``folder`` has its pids and logs."""

    reel: Reel
    folder: Path
    url: str

    def pid(self, name: str) -> int:
        """Of one of its processes."""
        return int(json.loads((self.folder / f"{name}.pid").read_text())["pid"])

    def command(self, what: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """``python -m reel_cli.cluster``."""
        command = [sys.executable, "-m", "reel_cli.cluster", what, "--folder", str(self.folder)]
        return subprocess.run(
            command, cwd=self.reel.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


@pytest.fixture
def environment(
    reel: Reel, postgres: Postgres, rabbitmq: RabbitMq, redis_server: RedisServer, s3_server: S3Server
) -> Iterator[dict[str, str]]:
    """Where the servers are, each with a place of its own for this test."""
    database, vhost = postgres.fresh_database(), rabbitmq.fresh_vhost()
    yield reel.environment(
        REEL_DATABASE_URL=database,
        REEL_AMQP_URL=vhost,
        REEL_REDIS_URL=redis_server.fresh_url(),
        REEL_S3_URL=f"{s3_server.url}/{s3_server.fresh_bucket()}",
        REEL_PORT=str(free_port()),
        REEL_LEASE_S="4",
        REEL_SWEEP_S="1",
        REEL_POLL_S="1",
        REEL_GRACE_S="5",
    )
    postgres.drop_database(database)
    rabbitmq.drop_vhost(vhost)


@pytest.fixture
def cluster(reel: Reel, environment: dict[str, str]) -> Iterator[Cluster]:
    """Up, and down again whatever happened."""
    made = Cluster(reel, reel.folder / "cluster", f"http://127.0.0.1:{environment['REEL_PORT']}")
    started = made.command("up", environment)
    assert started.returncode == 0, started.stderr
    try:
        yield made
    finally:
        made.command("down", environment)


def test_an_edit_with_a_worker_killed_in_the_middle(
    cluster: Cluster, environment: dict[str, str], reel: Reel, clip: Path, long_clip: Path
) -> None:
    status = cluster.command("status", environment)
    assert status.returncode == 0, status.stdout
    assert {line.split()[0] for line in status.stdout.splitlines()} == NAMES
    assert cluster.command("up", environment).returncode == 2  # it is up already

    said = reel.run("--url", cluster.url, "edit", str(clip), PROMPT, "-o", "out.mp4")
    assert (said.code, said.text) == (0, "out.mp4\n"), said.err
    seconds, height = shape(reel.folder / "out.mp4")
    assert seconds == pytest.approx(5.0, abs=0.05)
    assert height == 90

    prompt = "keep the first 20 seconds, make it 1080p"
    job = reel.run("edit", str(long_clip), prompt, "--detach", REEL_URL=cluster.url).line
    spool = str(cluster.folder / "spool")
    until(lambda: any("ffmpeg" in name_of(p) and belongs(p, spool) for p in processes()), 60)
    os.kill(cluster.pid("executor"), signal.SIGKILL)
    revived = subprocess.Popen(
        [sys.executable, "-m", "reel_executor"],
        env={**environment, "REEL_SPOOL": spool},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        watched = reel.run("watch", job, "--json", seconds=180, REEL_URL=cluster.url)
        assert watched.code == 0, watched.err
        final = next(o for o in json.loads(watched.out)["outputs"] if o["role"] == "final")
        assert (final["height"], final["duration_s"]) == (1080, pytest.approx(20, abs=0.05))
    finally:
        revived.terminate()
        revived.wait(30)

    pids = {name: cluster.pid(name) for name in NAMES}
    down = cluster.command("down", environment)
    assert down.returncode == 0, down.stderr
    assert "killed" not in down.stdout
    assert not [name for name, pid in pids.items() if name_of(pid)]
    assert not list(cluster.folder.glob("*.pid"))
    assert not [p for p in processes() if "ffmpeg" in name_of(p) and belongs(p, spool)]
    assert cluster.command("status", environment).returncode == 1


def test_what_is_missing_is_named(reel: Reel) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    environment = reel.environment(
        REEL_DATABASE_URL=f"postgresql+asyncpg://reel:secret@{nowhere}/reel",
        REEL_AMQP_URL=f"amqp://reel:secret@{nowhere}/",
        REEL_REDIS_URL=f"redis://{nowhere}/0",
        REEL_S3_URL=f"http://reel:secret@{nowhere}/reel",
    )
    said = Cluster(reel, reel.folder / "cluster", "").command("up", environment)
    assert said.returncode == 5
    for words in ("PostgreSQL", "RabbitMQ", "Redis", "S3", "REEL_DATABASE_URL", nowhere):
        assert words in said.stderr
    assert "secret" not in said.stderr
    assert not list(reel.folder.glob("cluster/*.pid"))
