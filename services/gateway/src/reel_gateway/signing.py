"""Signed addresses of media, which a browser's player has to fetch without a header."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass

from reel_gateway.settings import GatewaySettings

STEADY_S = 600
"""An address stays the same for so long, or a player would begin anew with every look at the job."""


@dataclass(frozen=True, slots=True)
class MediaLinks:
    """Signs and checks, with a key made from the token: a new token ends all addresses."""

    settings: GatewaySettings

    def query(self, owner: str, asset: str) -> tuple[str, float] | None:
        """What makes an address of content good without a token, and until when; None where none is wanted."""
        if not self.settings.secret:
            return None
        expires = (int(time.time()) // STEADY_S + 1) * STEADY_S + self.settings.link_s
        return f"?exp={expires}&sig={self._signature(owner, asset, str(expires))}", float(expires)

    def holds(self, owner: str, asset: str, expires: str, signature: str) -> bool:
        """Whether it is ours and not over."""
        good = hmac.compare_digest(self._signature(owner, asset, expires).encode(), signature.encode())
        return good and int(expires) > time.time()

    def _signature(self, owner: str, asset: str, expires: str) -> str:
        key = hmac.digest(self.settings.secret.encode(), b"reel media address v1", hashlib.sha256)
        signed = hmac.digest(key, "\n".join((owner, asset, expires)).encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()
