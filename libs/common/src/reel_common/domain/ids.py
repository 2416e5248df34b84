"""Ids that we make: time-ordered UUIDs, so that newest-first is an index scan. Users' strings never become ids."""

from __future__ import annotations

import secrets
import time
import uuid
from typing import NewType

JobId = NewType("JobId", str)
AssetId = NewType("AssetId", str)
SessionId = NewType("SessionId", str)
VersionId = NewType("VersionId", str)
OwnerId = NewType("OwnerId", str)


def new_id() -> str:
    """A UUID of version 7 in its usual lower-case form."""
    ms = time.time_ns() // 1_000_000
    value = (ms << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
    return str(uuid.UUID(int=value))
