"""The form in which a container engine sends stdout and stderr over one connection."""

from __future__ import annotations

from reel_executor.runner.isolation import Take

_HEADER_BYTES = 8


class Frames:
    """Fed with the connection in any pieces; passes on each stream's bytes as they come, whole frame or not."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._header = b""
        self._stream, self._left = 0, 0

    def feed(self, piece: bytes) -> None:
        """Raises whatever the taker raises."""
        while piece:
            if not self._left:
                missing = _HEADER_BYTES - len(self._header)
                self._header, piece = self._header + piece[:missing], piece[missing:]
                if len(self._header) < _HEADER_BYTES:
                    return
                self._stream, self._left = self._header[0], int.from_bytes(self._header[4:], "big")
                self._header = b""
            part, piece = piece[: self._left], piece[self._left :]
            self._left -= len(part)
            if part:
                self._take(2 if self._stream == 2 else 1, part)
