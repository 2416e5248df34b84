"""What a handler returns: the result of its step, and what becomes visible together with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reel_common.domain.media import MediaFacts


@dataclass(frozen=True, slots=True)
class NewAsset:
    """A file that the step made. Its bytes are in the store already, at ``keys.artifact(owner, sha256)``."""

    id: str
    role: str
    name: str
    sha256: str
    size: int
    media_type: str
    facts: MediaFacts | None = None
    source: str | None = None
    """The asset that this one is a rendition of."""


@dataclass(frozen=True, slots=True)
class Done:
    """The step's work is done. Everything in here is written in one transaction, or none of it.

    ``result`` is JSON of at most 64 KiB. ``content_key`` lets the same owner reuse the result. ``facts`` makes an
    ingested asset ready: asset id → what it is.
    """

    result: Mapping[str, Any] = field(default_factory=dict)
    assets: tuple[NewAsset, ...] = ()
    content_key: str | None = None
    facts: Mapping[str, MediaFacts] = field(default_factory=dict)
