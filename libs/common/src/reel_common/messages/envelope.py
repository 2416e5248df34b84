"""The one form in which messages travel. A forged or doubled one can only ring a bell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reel_common.domain.ids import new_id

MOST_BYTES = 64 * 1024


class NotUnderstoodError(ValueError):
    """Bytes that are no message of ours; the text says why, without quoting them."""


class Envelope(BaseModel):
    """``type`` is the routing key; ``trace`` holds W3C trace context headers; ``body`` fits the class of ``type``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(default_factory=new_id, max_length=64)
    type: str = Field(pattern=r"^[a-z]+(\.[a-z]+)+\.v[0-9]{1,4}$", max_length=100)
    job_id: str = Field(min_length=1, max_length=64)
    owner_id: str = Field(min_length=1, max_length=200)
    cause_id: str | None = Field(default=None, max_length=64)
    trace: dict[str, str] = Field(default_factory=dict)
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    body: dict[str, Any] = Field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """UTF-8 JSON. Raises: ValueError when it is over 64 KiB."""
        data = self.model_dump_json().encode()
        if len(data) > MOST_BYTES:
            raise ValueError(f"a message of {len(data)} bytes is over {MOST_BYTES}")
        return data


def read_envelope(data: bytes) -> Envelope:
    """Raises: NotUnderstoodError."""
    if len(data) > MOST_BYTES:
        raise NotUnderstoodError(f"{len(data)} bytes are over {MOST_BYTES}")
    try:
        return Envelope.model_validate_json(data)
    except ValidationError as e:
        raise NotUnderstoodError(
            "; ".join(f"{'.'.join(map(str, x['loc']))}: {x['type']}" for x in e.errors())
        ) from None
