"""What handlers read of the ledger: assets, and results that can be used again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from reel_common.domain.media import MediaFacts


class AssetState(StrEnum):
    """``uploading → ingesting → ready | rejected``; made assets are ready from the start; ``deleted`` keeps its row."""

    UPLOADING = "uploading"
    INGESTING = "ingesting"
    READY = "ready"
    REJECTED = "rejected"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Asset:
    """A media file of an owner. ``role``: original, final, proxy, poster, …; ``size`` in bytes."""

    id: str
    owner: str
    role: str
    state: AssetState
    name: str
    media_type: str
    sha256: str
    size: int
    facts: MediaFacts | None = None


class Library(Protocol):
    """Reads and the one write that comes before bytes. Raises TransientError when the ledger is away."""

    async def asset(self, owner: str, asset: str) -> Asset | None:
        """An asset of this owner, in whatever state, or None."""

    async def reusable(self, owner: str, content_key: str) -> Mapping[str, Any] | None:
        """The result of an earlier step with this content key, with its assets still there, or None."""

    async def keep(self, owner: str, path: Path, sha256: str, media_type: str) -> None:
        """Puts a file into the store at ``keys.artifact(owner, sha256)``.

        The object's row is written before bytes are sent or reused, so that the collector cannot take them between
        this call and the step's completion.
        """
