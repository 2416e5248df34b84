"""The collector against somebody who is about to use the same bytes again, held still between the two."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from reel_common.adapters.embedded.store import DirectoryStore
from reel_common.ledger import Ledger
from reel_common.ledger.library import LedgerLibrary
from tests.ledger.conftest import OpenLedger
from tests.ledger.test_races import ON_POSTGRESQL
from tests.servers.postgres import dsn_of

OLD = "insert into objects (owner, sha256, size, state, touched) values ('o', :sha, 3, 'present', 1.0)"
SHA = "ab" * 32


@pytest.fixture
async def old_bytes(open_ledger: OpenLedger) -> Ledger:
    """Stored long ago, and nothing refers to them."""
    book = open_ledger()
    await book.database.query(OLD, {"sha": SHA})
    return book


@ON_POSTGRESQL
async def test_bytes_that_are_touched_meanwhile_stay(old_bytes: Ledger, ledger_url: str, tmp_path: Path) -> None:
    library = LedgerLibrary(old_bytes.database, DirectoryStore(tmp_path))
    other = await asyncpg.connect(dsn_of(ledger_url))
    try:
        async with other.transaction():
            await other.execute("update objects set touched = extract(epoch from clock_timestamp())")
            collecting = asyncio.create_task(library.collect(60.0))
            await asyncio.sleep(0.3)  # it has chosen the row and waits for it
            assert not collecting.done()
        assert await collecting == 0
        assert await library._touch("o", SHA, 3) == "present"
    finally:
        await other.close()


async def test_old_bytes_go(old_bytes: Ledger, tmp_path: Path) -> None:
    library = LedgerLibrary(old_bytes.database, DirectoryStore(tmp_path))
    assert await library.collect(60.0) == 1
    assert await library.collect(60.0) == 0
