"""Every bell, held to the same suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from reel_common.adapters import rabbitmq as adapter
from reel_common.adapters.embedded.bell import EmbeddedBell
from reel_common.ports.bell import Bell
from reel_common.testing.bell import TOPOLOGY, BellConformance, Bells
from tests.servers.rabbitmq import RabbitMq


class TestEmbedded(BellConformance):
    @pytest.fixture
    async def bells(self) -> AsyncIterator[Bells]:
        made = [EmbeddedBell(TOPOLOGY)]

        async def another() -> Bell:
            made.append(made[0].beside())
            return made[-1]

        yield another
        for bell in made:
            await bell.close()


class TestRabbitMq(BellConformance):
    @pytest.fixture
    def vhost(self, rabbitmq: RabbitMq) -> Iterator[str]:
        url = rabbitmq.fresh_vhost()
        yield url
        rabbitmq.drop_vhost(url)

    @pytest.fixture
    async def bells(self, vhost: str) -> AsyncIterator[Bells]:
        async with AsyncExitStack() as stack:

            async def another() -> Bell:
                return await stack.enter_async_context(adapter.connect(vhost, TOPOLOGY))

            yield another
            await asyncio.sleep(0)
