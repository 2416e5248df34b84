"""What a run must not leave behind: messages, objects without a job, files of the spool, processes, containers."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aio_pika
import docker

from reel_common.ports.runner_spool import OUTPUTS
from reel_common.settings import WorkSettings
from reel_executor.runner.adapters.docker import SPOOL_LABEL
from reel_executor.runner.spool import Spool
from tests.faults.world import World
from tests.sandboxes import leftovers

QUEUE_S = 15
LONG_AGO_S = 25 * 3600
"""Older than what a runner or a service takes for abandoned."""


async def queued(world: World) -> list[str]:
    """Queues that are not empty, after some patience; while the processes still listen."""
    names = await asyncio.to_thread(world.machines.rabbitmq.queues, world.vhost)
    end = time.monotonic() + QUEUE_S
    while (found := await _waiting(world.vhost, names)) and time.monotonic() < end:
        await asyncio.sleep(0.5)
    return [f"{n} messages are in {queue}" for queue, n in found.items()]


async def _waiting(vhost: str, names: list[str]) -> dict[str, int]:
    connection = await aio_pika.connect(vhost, timeout=5)
    async with connection:
        channel = await connection.channel()
        found = {}
        for name in names:
            if name.startswith("reel."):  # the others belong to one connection each
                declared = await channel.declare_queue(name, passive=True)
                found[name] = declared.declaration_result.message_count or 0
        return {name: n for name, n in found.items() if n}


async def left_behind(world: World) -> list[str]:
    """After all processes have ended."""
    return [
        *await queued(world),
        *[wrong async for wrong in _objects(world)],
        *await asyncio.to_thread(lambda: list(_spool(world.spool))),
        *await asyncio.to_thread(lambda: list(_containers(world.spool))),
    ]


async def _objects(world: World) -> AsyncIterator[str]:
    """Bytes of assets are looked at by the invariants; all others belong to a job."""
    jobs = {row.id for row in await world.book.database.read("select id from jobs")}
    async for stored in world.store.list(""):
        parts = stored.key.split("/")
        if parts[2] != "artifacts" and not (parts[2] == "jobs" and parts[3] in jobs):
            yield f"the object {stored.key} belongs to nothing"


def _spool(spool: Path) -> Iterator[str]:
    """What killed processes had fetched or not fetched yet is what the next take for abandoned, when it is old enough."""
    yield from (f"left behind: {each}" for each in leftovers(spool, str(spool)))
    services, outputs = [path.name for path in (spool / "scratch").iterdir()], spool / OUTPUTS
    for path in (*outputs.iterdir(), *(spool / "scratch").glob("*/*")):
        os.utime(path, (time.time() - LONG_AGO_S,) * 2)
    again = Spool(spool)
    again.open()
    again.tidy()
    again.close()
    folders = [outputs, *(WorkSettings(spool=spool).scratch(service) for service in services)]
    yield from (f"left behind: {path}" for folder in folders for path in folder.iterdir())


def _containers(spool: Path) -> Iterator[str]:
    try:
        engine = docker.from_env()
    except docker.errors.DockerException:
        return
    for container in engine.containers.list(all=True, filters={"label": f"{SPOOL_LABEL}={spool}"}):
        yield f"left behind: container {container.name}"
    engine.close()
