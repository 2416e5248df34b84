"""Ids as people type them: any prefix that only one has, or ``last``.

Ids are ordered by time and lists come newest first, so looking for a prefix ends where older ids begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reel_cli.api import Api
from reel_cli.exits import not_found, usage

LAST = "last"
SHORTEST = 8
"""Characters shown of an id at least."""
_WHOLE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PART = re.compile(r"[0-9a-f][0-9a-f-]*")
_MOST = 5000


async def resolve(api: Api, path: str, given: str) -> str:
    """The id that is meant, in the list at ``path`` (``jobs``, ``sessions``, ``assets``).

    Raises: CommandFailedError: NOT_FOUND when there is none, USAGE when there are several.
    """
    thing = path.removesuffix("s")
    given = given.strip().lower()
    if _WHOLE.fullmatch(given):
        return given
    if given == LAST:
        async for item in api.pages(path, most=1):
            return str(item["id"])
        raise not_found(f"There is no {thing} yet.")
    if not _PART.fullmatch(given):
        raise usage(
            f"{given!r} is no {thing}.", f"An id, the beginning of one, or {LAST}; reel {thing} list shows them."
        )
    found = await _matching(api, path, given)
    if not found:
        raise not_found(f"There is no {thing} {given}.", f"reel {thing} list shows them.")
    if len(found) > 1:
        raise usage(f"{given} begins more than one {thing}: {', '.join(found[:5])}.", "Type more of it.")
    return found[0]


async def _matching(api: Api, path: str, prefix: str) -> list[str]:
    found: list[str] = []
    async for item in api.pages(path, most=_MOST):
        name = str(item["id"])
        if name.startswith(prefix):
            found.append(name)
        elif name < prefix:
            break
    return found


def short(ids: Iterable[str]) -> int:
    """How many characters tell these ids apart."""
    known = set(ids)
    for length in range(SHORTEST, 36):
        if len({name[:length] for name in known}) == len(known):
            return length
    return 36
