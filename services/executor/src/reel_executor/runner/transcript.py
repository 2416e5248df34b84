"""What a program says on stdout and stderr: counted, bounded, and only the end of it kept."""

from __future__ import annotations

import time

from reel_common.errors import Code, LimitExceededError
from reel_executor.runner.progress import FFmpegProgress

TAIL_BYTES = 64 << 10
_PROGRESS_BYTES, _PROGRESS_BYTES_A_SECOND = 64 << 10, 8 << 10
"""How much progress is read without being counted: more than FFmpeg ever writes, and no way round the bound."""


class Transcript:
    """Takes pieces of the two streams. ``progress`` when stdout carries FFmpeg's."""

    def __init__(self, limit_bytes: int, progress: FFmpegProgress | None) -> None:
        self.progress = progress
        self._limit = limit_bytes
        self._counted = 0
        self._uncounted = 0
        self._since = time.monotonic()
        self._tails = {1: bytearray(), 2: bytearray()}

    def take(self, stream: int, piece: bytes) -> None:
        """Raises: LimitExceededError(LIMIT_OUTPUT) as soon as more was written than may be."""
        rest = piece
        if stream == 1 and self.progress is not None:
            rest = self.progress.feed(piece)
            self._uncounted += len(piece) - len(rest)
        self._keep(stream, rest)
        allowance = _PROGRESS_BYTES + _PROGRESS_BYTES_A_SECOND * (time.monotonic() - self._since)
        if self._counted + max(0.0, self._uncounted - allowance) > self._limit:
            raise LimitExceededError(
                Code.LIMIT_OUTPUT, f"the program wrote more than {self._limit} bytes of log", log_tail=self.log_tail()
            )

    def end(self) -> tuple[bytes, bytes]:
        """The ends of stdout and stderr, at most 64 KiB each."""
        if self.progress is not None:
            self._keep(1, self.progress.end())
        return bytes(self._tails[1]), bytes(self._tails[2])

    @property
    def stderr(self) -> bytes:
        """The end of stderr so far."""
        return bytes(self._tails[2])

    def log_tail(self) -> str:
        """The last words for people, without control characters."""
        text = bytes(self._tails[2][-2048:]).decode(errors="replace")
        return "".join(c if c.isprintable() or c == "\n" else " " for c in text).strip()

    def _keep(self, stream: int, piece: bytes) -> None:
        self._counted += len(piece)
        tail = self._tails[stream]
        tail += piece[-TAIL_BYTES:]
        del tail[:-TAIL_BYTES]
