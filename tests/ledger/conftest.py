"""A fresh, migrated ledger on each dialect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol, TypeVar, overload

import pytest

from reel_common.domain.flow import RULES
from reel_common.domain.kinds import KINDS
from reel_common.ledger import Ledger, migrate
from reel_common.testing.flows import DRILL_KINDS, DRILL_RULES

L = TypeVar("L", bound=Ledger)


class OpenLedger(Protocol):
    """Opens another connection to the test's ledger; of a subclass if one is given."""

    @overload
    def __call__(self, **options: Any) -> Ledger: ...
    @overload
    def __call__(self, cls: type[L], **options: Any) -> L: ...


EVERYTHING: dict[str, Any] = {"rules": {**RULES, **DRILL_RULES}, "kinds": {**KINDS, **DRILL_KINDS}}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
async def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/ledger.db" if sqlite else request.getfixturevalue("postgres").fresh_database()
    await migrate(url)
    return url


@pytest.fixture
async def open_ledger(ledger_url: str) -> AsyncIterator[OpenLedger]:
    opened: list[Ledger] = []

    def open_(cls: type[Any] = Ledger, **options: Any) -> Any:
        opened.append(cls.open(ledger_url, **{**EVERYTHING, **options}))
        return opened[-1]

    yield open_
    for book in opened:
        await book.close()


@pytest.fixture
def book(open_ledger: OpenLedger) -> Ledger:
    return open_ledger()
