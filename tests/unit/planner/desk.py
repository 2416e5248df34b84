"""A library of a few assets and a claimed step, for the services that only read and write small things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reel_common.domain.media import MediaFacts
from reel_common.domain.step import Claimed
from reel_common.ports.library import Asset, AssetState

OWNER, SHA = "ann", "ab" * 32


@dataclass
class Shelf:
    """A library that knows what it was given."""

    assets: dict[str, Asset] = field(default_factory=dict)

    def add(self, asset: str, facts: MediaFacts | None, state: AssetState = AssetState.READY) -> None:
        self.assets[asset] = Asset(asset, OWNER, "original", state, "a.mp4", "video/mp4", SHA, 1000, facts)

    async def asset(self, owner: str, asset: str) -> Asset | None:
        found = self.assets.get(asset)
        return found if found and found.owner == owner else None

    async def reusable(self, owner: str, content_key: str) -> Mapping[str, Any] | None:
        return None

    async def keep(self, owner: str, path: Path, sha256: str, media_type: str) -> None:
        raise NotImplementedError


@dataclass
class Told:
    """A report that remembers its stages."""

    stages: list[str] = field(default_factory=list)

    async def __call__(self, fraction: float | None, stage: str, message: str = "") -> None:
        self.stages.append(stage)


def claimed(kind: str, given: Mapping[str, Any], owner: str = OWNER) -> Claimed:
    return Claimed("j1/s/0/0", "j1", owner, kind, 0, 0, kind, 0, 1, 0, 3, given)
