"""Addresses as users see them: under the public address, else under the one that a request came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from reel_gateway.caller import Caller
from reel_gateway.dependencies import Deps
from reel_gateway.signing import MediaLinks


@dataclass(frozen=True, slots=True)
class Addresses:
    """Absolute addresses under ``base``, for one owner."""

    base: str
    owner: str
    links: MediaLinks

    def to(self, *parts: str) -> str:
        """``/v1/<part>/<part>…``: ids and words of ours, nothing of a user's."""
        return "/".join((self.base, "v1", *parts))

    def content(self, asset: str) -> tuple[str, float | None]:
        """Where its bytes are, and until when that address is good."""
        signed = self.links.query(self.owner, asset)
        url = self.to("assets", asset, "content")
        return (url + signed[0], signed[1]) if signed else (url, None)


def addresses(request: Request, deps: Deps, owner: Caller) -> Addresses:
    """For the one who asks."""
    base = deps.settings.public_url or str(request.base_url).rstrip("/")
    return Addresses(base, owner, MediaLinks(deps.settings))


At = Annotated[Addresses, Depends(addresses)]
