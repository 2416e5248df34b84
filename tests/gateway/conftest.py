"""The gateway, opened once for each test; with or without a token."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from reel_common.adapters.embedded.noticeboard import EmbeddedNoticeboard
from reel_common.adapters.embedded.store import DirectoryStore
from reel_common.ledger import Ledger, Outcome, migrate
from reel_common.ledger.library import LedgerLibrary
from reel_common.plugins import load_tools
from reel_gateway.app import create_app
from reel_gateway.dependencies import Dependencies
from reel_gateway.settings import GatewaySettings
from tests.gateway.house import House

OpenHouse = Callable[..., Awaitable[House]]
TOOLS = load_tools(["ffmpeg"])


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """What was logged."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated ledger, to be copied."""
    file = tmp_path_factory.mktemp("ledger") / "empty.db"
    asyncio.run(migrate(f"sqlite:///{file}"))
    return file


@pytest.fixture
async def open_house(tmp_path: Path, empty_ledger: Path) -> AsyncIterator[OpenHouse]:
    """Opens a gateway with these settings."""
    shutil.copy(empty_ledger, tmp_path / "ledger.db")
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with AsyncExitStack() as stack:

        async def open_(**settings: Any) -> House:
            book, store, board = Ledger.open(url), DirectoryStore(tmp_path / "store"), EmbeddedNoticeboard()
            announced: list[Outcome] = []
            deps = Dependencies.of(
                ledger=book, library=LedgerLibrary(book.database, store), store=store, noticeboard=board,
                announcer=announced.append, settings=GatewaySettings(spool=tmp_path / "spool", **settings), tools=TOOLS,
                adapters={"ledger": "sqlite"},
            )  # fmt: skip
            app = create_app(deps)
            transport = httpx.ASGITransport(app)
            http = await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")
            )
            for close in (board.close, store.close, book.close):
                stack.push_async_callback(close)
            stack.callback(deps.wake.close)
            return House(app, http, book, store, board, deps, announced)

        yield open_


@pytest.fixture
async def house(open_house: OpenHouse) -> House:
    """On loopback, without a token."""
    return await open_house()
