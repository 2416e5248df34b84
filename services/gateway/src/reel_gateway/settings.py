"""Settings of the gateway, all ``REEL_…``; read by the composition root and passed down."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """Where the gateway listens, what it calls itself, and what it takes."""

    model_config = SettingsConfigDict(env_prefix="REEL_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    """Where it listens. Off loopback it wants a token."""
    port: int = Field(default=8000, ge=0, le=65535)
    """0 takes a free one."""
    public_url: str = ""
    """The address under which users reach it, for the addresses that it gives out. Empty: the one of each request."""
    token: SecretStr = SecretStr("")
    """What a request has to carry as ``Authorization: Bearer``. Empty: nothing, which only loopback allows."""
    max_upload_bytes: int = Field(default=8 << 30, gt=0)
    """The largest upload that is taken."""
    link_s: int = Field(default=3600, ge=60)
    """Seconds for which a signed media address is good at least."""
    spool: Path = Path("/var/lib/reel/spool")
    """Folder shared with the runner; uploads under way lie in ``scratch/gateway`` of it."""

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("has to start with http:// or https://")
        return value.rstrip("/")

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)

    @property
    def secret(self) -> str:
        """The token, in the clear."""
        return self.token.get_secret_value()

    @property
    def scratch(self) -> Path:
        """The folder of uploads under way."""
        return self.spool / "scratch" / "gateway"


def is_loopback(host: str) -> bool:
    """Whether a name or an address can only mean this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
