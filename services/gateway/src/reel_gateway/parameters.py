"""Parts of requests that many routes share: ids, pages of lists, waiting, idempotency keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import uuid
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from reel_common.errors import Code
from reel_gateway.problems import RefusedError

LONGEST_WAIT_S = 60
LONGEST_KEY = 255
UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

_id = AfterValidator(str.lower)
Id = Annotated[str, Field(pattern=f"^{UUID}$"), _id]
"""An id in a body."""
JobId = Annotated[str, Path(pattern=f"^{UUID}$", alias="job", description="A job's id."), _id]
AssetId = Annotated[str, Path(pattern=f"^{UUID}$", alias="asset", description="An asset's id."), _id]
SessionId = Annotated[str, Path(pattern=f"^{UUID}$", alias="session", description="A session's id."), _id]
VersionId = Annotated[str, Path(pattern=f"^{UUID}$", alias="version", description="A version's id."), _id]

_PREFERENCE = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)


class PageQuery(BaseModel):
    """A page of a list, newest first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=100, description="Items of a page.")] = 50
    cursor: Annotated[str | None, Field(max_length=64, description="``next_cursor`` of the page before.")] = None

    @property
    def before(self) -> str | None:
        """The id after which the page begins. Raises: RefusedError for a cursor that is none of ours."""
        return read_cursor(self.cursor) if self.cursor is not None else None


def cursor_after(last: str) -> str:
    """Where the next page begins."""
    return base64.urlsafe_b64encode(uuid.UUID(last).bytes).rstrip(b"=").decode()


def read_cursor(text: str) -> str:
    """The reverse of ``cursor_after``. Raises: RefusedError for what that never makes."""
    try:
        found = uuid.UUID(bytes=base64.b64decode(f"{text}==", b"-_", validate=True))
    except (ValueError, binascii.Error):
        found = uuid.UUID(int=0)
    if found.version != 7 or cursor_after(str(found)) != text:
        reason = "is not one that this list gave"
        raise RefusedError(Code.INVALID, f"cursor {reason}.", fields=(("cursor", reason),))
    return str(found)


def wanted_wait(
    wait: Annotated[int | None, Query(ge=0, le=LONGEST_WAIT_S, description="Seconds to wait for the end.")] = None,
    prefer: Annotated[str | None, Header(description="``wait=n``, as in RFC 7240.")] = None,
) -> float:
    """Seconds; the address says it before the header does, of which more is asked for than can be had."""
    if wait is not None:
        return float(wait)
    match = _PREFERENCE.search(prefer or "")
    return float(min(int(match[1]), LONGEST_WAIT_S)) if match else 0.0


Wait = Annotated[float, Depends(wanted_wait)]


def idempotency_key(
    key: Annotated[
        str | None, Header(alias="Idempotency-Key", description="The same request again is done once.")
    ] = None,
) -> str | None:
    """Raises: RefusedError for one that is empty, too long or not printable ASCII."""
    if key is None:
        return None
    if not key or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        reason = f"has to be 1 to {LONGEST_KEY} printable ASCII characters"
        raise RefusedError(Code.INVALID, f"Idempotency-Key {reason}.", fields=(("Idempotency-Key", reason),))
    return key


Key = Annotated[str | None, Depends(idempotency_key)]


def fingerprint(*parts: Any) -> str:
    """What tells whether a request is the same as the one before under its key."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
