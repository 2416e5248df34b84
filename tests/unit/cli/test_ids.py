"""Ids as people type them."""

from __future__ import annotations

import httpx
import pytest

from reel_cli.exits import CommandFailedError, Exit
from reel_cli.ids import resolve, short
from tests.unit.cli.servers import api_of, listing

OLD = "0193a000-0000-7000-8000-000000000001"
MIDDLE = "0193b000-0000-7000-8000-000000000002"
NEW = "0193b111-0000-7000-8000-000000000003"
ALL = [OLD, MIDDLE, NEW]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("0193a", OLD),
        ("0193b0", MIDDLE),
        ("0193B1", NEW),
        (" last ", NEW),
        ("LAST", NEW),
        (OLD, OLD),
        (OLD.upper(), OLD),
    ],
)
async def test_a_prefix_that_only_one_has_or_last(given: str, meant: str) -> None:
    assert await resolve(api_of(listing(ALL)), "jobs", given) == meant


async def test_a_whole_id_is_not_looked_for() -> None:
    """It may be older than all that a list shows."""

    def unreachable(_: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing is to be asked")

    assert await resolve(api_of(unreachable), "jobs", OLD) == OLD


async def test_looking_ends_where_older_ids_begin() -> None:
    asked: list[str] = []
    ids = [f"0193{n:04x}-0000-7000-8000-00000000000a" for n in range(20)]
    assert await resolve(api_of(listing(ids, asked)), "jobs", "01930012") == ids[18]
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("given", "code"),
    [("0193b", Exit.USAGE), ("0193c", Exit.NOT_FOUND), ("xyz", Exit.USAGE), ("", Exit.USAGE), ("../x", Exit.USAGE)],
)
async def test_none_or_several(given: str, code: Exit) -> None:
    with pytest.raises(CommandFailedError) as caught:
        await resolve(api_of(listing(ALL)), "jobs", given)
    assert caught.value.exit_code is code


async def test_last_of_nothing() -> None:
    with pytest.raises(CommandFailedError, match="no session yet"):
        await resolve(api_of(listing([])), "sessions", "last")


def test_short_ids_stay_apart() -> None:
    assert short(ALL) == 8
    assert short([OLD]) == 8
    assert short([OLD, OLD[:-1] + "2"]) == 36
    assert short([]) == 8
