"""The servers that tests run against: alone in their own corner, and the same after a kill."""

import io
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
import asyncpg
import pytest
from redis import Redis

from tests.servers.bubblewrap import Bubblewrap
from tests.servers.engine import LABEL, PORTS, ContainerEngine
from tests.servers.postgres import Postgres, dsn_of
from tests.servers.rabbitmq import RabbitMq
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server
from tests.servers.server import Server


def must_be_ours(server: Server) -> None:
    if not server.can_be_killed:
        pytest.skip(f"{server.address_setting} names a server that tests may not kill")


def kill_and_start(server: Server) -> None:
    before = server.url
    server.kill()
    with pytest.raises(Exception, match=r".*"):
        server.version()
    started = time.monotonic()
    server.start()
    print(f"{server.recipe.name} answers again after {time.monotonic() - started:.1f} s")
    assert server.url == before


async def test_postgres_keeps_address_and_data_over_a_kill(postgres: Postgres) -> None:
    must_be_ours(postgres)
    url = postgres.fresh_database()
    connection = await asyncpg.connect(dsn_of(url))
    await connection.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
    kill_and_start(postgres)
    connection.terminate()
    again = await asyncpg.connect(dsn_of(url))
    assert await again.fetchval("SELECT id FROM kept") == 7
    await again.close()
    copy = await asyncpg.connect(dsn_of(postgres.fresh_database(like=url)))
    assert await copy.fetchval("SELECT id FROM kept") == 7
    await copy.close()
    postgres.drop_database(url)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(dsn_of(url))


async def test_rabbitmq_keeps_address_and_messages_over_a_kill(rabbitmq: RabbitMq) -> None:
    must_be_ours(rabbitmq)
    url, other = rabbitmq.fresh_vhost(), rabbitmq.fresh_vhost()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(b"7", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, routing_key="kept")
    rabbitmq.settle()
    kill_and_start(rabbitmq)
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("kept", passive=True)
        assert (await queue.get(timeout=10)).body == b"7"
    assert rabbitmq.queues(url) == ["kept"]
    assert rabbitmq.queues(other) == []


async def test_rabbitmq_purges_what_waits(rabbitmq: RabbitMq) -> None:
    url = rabbitmq.fresh_vhost()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("full", durable=True, arguments={"x-queue-type": "quorum"})
        await channel.default_exchange.publish(aio_pika.Message(b"7"), routing_key="full")
        assert rabbitmq.purge(url) == ["full"]
        assert await queue.get(fail=False) is None
    rabbitmq.drop_vhost(url)
    with pytest.raises(aio_pika.exceptions.AMQPError):
        await aio_pika.connect(url)


def test_redis_keeps_address_and_data_over_a_kill(redis_server: RedisServer) -> None:
    must_be_ours(redis_server)
    url, other = redis_server.fresh_url(), redis_server.fresh_url()
    with Redis.from_url(url, decode_responses=True) as client:
        client.set("kept", "7")
        time.sleep(1.1)  # `appendfsync everysec`
        kill_and_start(redis_server)
        assert client.get("kept") == "7"
        with Redis.from_url(other) as elsewhere:
            assert elsewhere.get("kept") is None
        redis_server.flush()
        assert client.get("kept") is None


def test_s3_keeps_address_and_objects_over_a_kill(s3_server: S3Server) -> None:
    must_be_ours(s3_server)
    bucket = s3_server.fresh_bucket()
    path = "a/kept"
    s3_server.client().put_object(bucket, path, data=io.BytesIO(b"7"), length=1)
    kill_and_start(s3_server)
    answer = s3_server.client().get_object(bucket, path)
    try:
        assert answer.read() == b"7"
    finally:
        answer.close()
        answer.release_conn()
    assert list(s3_server.client().list_objects(s3_server.fresh_bucket())) == []


@pytest.mark.server
@pytest.mark.parametrize("name", ["rabbitmq", "postgres", "redis_server", "s3_server"])
def test_servers_are_published_on_loopback_at_ports_no_client_is_given(
    name: str, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(name)
    if server.contained is None:
        pytest.skip("runs elsewhere")
    assert urlsplit(server.url).hostname == "127.0.0.1"
    assert all(port in PORTS for port in server.contained.ports.values())
    server.contained.container.reload()
    published = server.contained.container.attrs["NetworkSettings"]["Ports"].values()
    assert {binding["HostIp"] for bindings in published for binding in bindings or ()} == {"127.0.0.1"}


def test_a_frozen_server_answers_again_when_thawed(redis_server: RedisServer) -> None:
    must_be_ours(redis_server)
    redis_server.freeze()
    try:
        with (
            Redis.from_url(redis_server.url, socket_timeout=0.3, retry=None) as client,
            pytest.raises(Exception, match=r"imeout"),
        ):
            client.ping()
    finally:
        redis_server.thaw()
    assert redis_server.version().startswith("Redis ")


def test_a_session_that_was_killed_leaves_nothing_for_the_next(
    docker_engine: ContainerEngine, redis_server: RedisServer
) -> None:
    if redis_server.contained is None:
        pytest.skip("runs elsewhere")
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    label = {LABEL: f"{os.uname().nodename}/{orphan.pid}"}
    container = docker_engine.client.containers.create(redis_server.contained.image, labels=label)

    def left() -> list[str]:
        ContainerEngine().client.close()
        found = docker_engine.client.containers.list(all=True, filters={"label": LABEL})
        return [str(each.id) for each in found]

    assert container.id in left()
    orphan.send_signal(signal.SIGKILL)
    orphan.wait()
    assert container.id not in left()


def test_the_sandbox_image_has_no_way_up(docker_engine: ContainerEngine, sandbox_image: str) -> None:
    def says(*command: str) -> str:
        output: bytes = docker_engine.client.containers.run(
            sandbox_image, list(command), remove=True, network_mode="none"
        )
        return output.decode().strip()

    assert says("id", "-u") == "10001"
    assert says("find", "/usr", "/bin", "/opt", "-xdev", "-perm", "/6000", "-type", "f") == ""
    assert says("/usr/local/bin/ffmpeg", "-hide_banner", "-version").startswith("ffmpeg version")
    assert says("python", "-c", "import av; print(av.__version__)")


def test_the_sandbox_image_has_the_releases_of_the_lock() -> None:
    root = Path(__file__).parents[2]
    locked: dict[str, set[str]] = {}
    for package in tomllib.loads((root / "uv.lock").read_text())["package"]:
        locked.setdefault(package["name"], set()).add(package["version"])
    lines = (root / "deploy/images/sandbox/requirements.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {name: version in locked[name] for name, version in pins.items()} == {"av": True, "imageio-ffmpeg": True}


def test_bubblewrap_makes_namespaces(bubblewrap: Bubblewrap) -> None:
    command = [
        str(bubblewrap.path),
        "--unshare-all",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--",
        "readlink",
        "/proc/self/ns/net",
    ]
    inside = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert inside != os.readlink("/proc/self/ns/net")


def timed(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


def test_a_corner_of_its_own_is_cheap(
    postgres: Postgres, rabbitmq: RabbitMq, redis_server: RedisServer, s3_server: S3Server
) -> None:
    makers = (postgres.fresh_database, rabbitmq.fresh_vhost, redis_server.fresh_url, s3_server.fresh_bucket)
    for maker in makers:
        costs = sorted(timed(maker) for _ in range(5))
        print(f"{maker.__qualname__}: {costs[2] * 1000:.0f} ms")
        assert costs[2] < 2
