"""The weather: what breaks when, drawn from a seed and told in the fault log."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from redis.asyncio import Redis

from reel_common.messages.topology import topology
from tests.faults.herd import Herd
from tests.faults.roots import ALL_KINDS
from tests.faults.world import LEASE_S, World
from tests.servers.rabbitmq import vhost_of

FROZEN_S = 1.5 * LEASE_S
Act = Callable[[], Awaitable[object]]


@dataclass
class Storm:
    """``blow`` it once. ``counts`` says what happened."""

    world: World
    herd: Herd
    rng: random.Random
    seconds: float
    counts: Counter[str] = field(default_factory=Counter)

    async def blow(self) -> None:
        """Servers die at set times, processes about every second."""
        whens: list[tuple[float, str, Act]] = [
            (0.10, "purge", self._purge), (0.17, "kill RabbitMQ", self._crash_rabbitmq),
            (0.35, "kill PostgreSQL", self._crash_postgres), (0.45, "purge", self._purge),
            (0.50, "kill RabbitMQ", self._crash_rabbitmq), (0.65, "purge", self._purge),
            (0.68, "kill PostgreSQL", self._crash_postgres), (0.80, "kill RabbitMQ", self._crash_rabbitmq),
        ]  # fmt: skip
        whens += [(at, "flush Redis", self._flush) for at in (0.2, 0.4, 0.6, 0.8)]
        freezes = (0.04, 0.14, 0.25, 0.33, 0.42, 0.55, 0.62, 0.75, 0.84, 0.9)
        whens += [(at * self.rng.uniform(0.9, 1.05), "freeze", self._freeze) for at in freezes]
        async with asyncio.TaskGroup() as tasks:
            for share, name, act in whens:
                tasks.create_task(self._at(share * self.seconds, name, act))
            tasks.create_task(self._kill_on())

    async def roll(self) -> None:
        """SIGTERM for each in turn, under load."""
        for name in self.herd.names:
            self.world.say(f"{name} went within {await self.herd.stop(name):.2f} s")
            await asyncio.sleep(0.2)

    async def _at(self, when: float, name: str, act: Act) -> None:
        await asyncio.sleep(when)
        self.world.say(name)
        await act()
        self.counts[name] += 1
        self.world.say(name, "is over")

    async def _kill_on(self) -> None:
        end = asyncio.get_running_loop().time() + self.seconds
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(self.rng.uniform(0.7, 1.3))
            name = self.rng.choice(self.herd.free)
            if self.rng.random() < 0.15 and name in self.herd.free:
                self.world.say("SIGTERM", name)
                await self.herd.stop(name)
                self.counts["SIGTERM"] += 1
            else:
                self.world.say("kill -9", name)
                await asyncio.to_thread(self.herd.kill, name)
                self.counts["kill -9"] += 1

    async def _freeze(self) -> None:
        """Of those whose work takes longest, so that somebody wakes up with a step that is another's by now."""
        name = self.rng.choice([n for n in self.herd.free if n.startswith(("drill", "executor", "composer"))])
        self.world.say("frozen:", name)
        await self.herd.freeze(name, FROZEN_S)

    async def _purge(self) -> None:
        """Needs a broker that answers; by the schedule there is one, but it may just be starting."""
        for _ in range(40):
            try:
                return await asyncio.to_thread(self._purge_once)
            except OSError:
                await asyncio.sleep(0.5)
        raise AssertionError("the queues could not be purged")

    def _purge_once(self) -> None:
        """The queues of work; those of connections come and go with the processes."""
        vhost = quote(vhost_of(self.world.vhost), safe="")
        for queue in topology(ALL_KINDS).queues:
            self.world.machines.rabbitmq.manage("DELETE", f"/api/queues/{vhost}/{queue}/contents")

    async def _crash_rabbitmq(self) -> None:
        await asyncio.to_thread(self.world.machines.rabbitmq.kill)
        await asyncio.sleep(self.rng.uniform(0.1, 1.0))
        await asyncio.to_thread(self.world.machines.rabbitmq.start)

    async def _crash_postgres(self) -> None:
        await asyncio.to_thread(self.world.machines.postgres.kill)
        await asyncio.sleep(self.rng.uniform(0.1, 2.0))
        await asyncio.to_thread(self.world.machines.postgres.start)

    async def _flush(self) -> None:
        """What is lost is progress; a few seconds later there is some again, because steps go on telling theirs."""
        url = self.world.settings["REEL_REDIS_URL"]
        await asyncio.to_thread(self.world.machines.redis.flush)
        async with Redis.from_url(url) as board, asyncio.timeout(20):
            while not await board.dbsize():
                await asyncio.sleep(0.1)
