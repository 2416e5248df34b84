"""Settings from the environment, one class a concern, read once in ``__main__`` and passed down.

Every name has the prefix ``REEL_``. Passwords live in addresses, which are never logged or shown.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

LEFT_BEHIND = 3600.0
"""Seconds after which a download that is under way is nobody's any more."""


class ServerSettings(BaseSettings):
    """Where the servers are."""

    model_config = SettingsConfigDict(env_prefix="REEL_", extra="ignore", frozen=True)

    database_url: str = "postgresql+asyncpg://reel:reel@127.0.0.1:5432/reel"
    """The ledger: ``postgresql+asyncpg://…``, or ``sqlite:///file`` for a single process."""
    amqp_url: str = "amqp://reel:reel@127.0.0.1:5672/"
    """RabbitMQ, 3.10 or newer."""
    redis_url: str = "redis://127.0.0.1:6379/0"
    """Progress and other things that may be lost."""
    s3_url: str = "http://reel:reelwright@127.0.0.1:9000/reel"
    """``http(s)://access:secret@host:port/bucket``. The bucket is made when it is missing."""
    s3_public_url: str = ""
    """The address under which browsers reach the object store, when it differs."""


class WorkSettings(BaseSettings):
    """How a worker paces itself."""

    model_config = SettingsConfigDict(env_prefix="REEL_", extra="ignore", frozen=True)

    slots: int | None = Field(default=None, ge=1)
    """Steps at a time per queue, instead of the number in the table of kinds."""
    lease_s: float = Field(default=60.0, gt=0)
    """Seconds after which the work of a silent worker is given to another."""
    poll_s: float = Field(default=5.0, gt=0)
    """Seconds between looks for work without being rung."""
    sweep_s: float = Field(default=5.0, gt=0)
    """Seconds between looks for what was lost."""
    grace_s: float = Field(default=20.0, ge=0)
    """Seconds that running work may go on after a stop was asked for."""
    health_host: str = "127.0.0.1"
    health_port: int = Field(default=0, ge=0, le=65535)
    """Port of health and metrics; 0 for none."""
    log_level: str = "info"
    spool: Path = Path("/var/lib/reel/spool")
    """Folder shared with the runner, under the same path inside and outside of containers."""
    collect_age_s: float = Field(default=86_400, ge=0)
    """Seconds after which stored bytes that nothing refers to are deleted."""

    def scratch(self, service: str) -> Path:
        """A folder for downloads under way, on the spool's file system so that they can be linked.

        Those that nobody has written to for an hour are removed: whoever began them has died.
        """
        folder = self.spool / "scratch" / service
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # others of this service may be doing the same
                if time.time() - path.stat().st_mtime > LEFT_BEHIND:
                    path.unlink()
        return folder


class ToolSettings(BaseSettings):
    """What may be used."""

    model_config = SettingsConfigDict(env_prefix="REEL_", extra="ignore", frozen=True)

    tools: tuple[str, ...] = ("ffmpeg",)
    """Enabled tools, a JSON list of names; installed but not enabled is ignored."""
