"""Reads what FFmpeg writes with ``-progress pipe:1``: how many seconds of the result are made, and how fast."""

from __future__ import annotations

import re

LONGEST_LINE = 256
_KEYS = re.compile(
    rb"(?:frame|fps|stream_\d+_\d+_q|bitrate|total_size|out_time_us|out_time_ms|out_time|dup_frames|drop_frames|speed"
    rb"|progress)=[^\r\n]*"
)


class FFmpegProgress:
    """Fed with stdout in any pieces. ``seconds`` and ``speed`` are the latest; what is not progress is given back."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.speed = ""
        self._line = b""

    def feed(self, piece: bytes) -> bytes:
        """Takes the lines of progress out of a piece and returns all the rest."""
        *lines, self._line = (self._line + piece).split(b"\n")
        rest = b"".join(line + b"\n" for line in lines if not self._read(line))
        if len(self._line) > LONGEST_LINE:
            rest, self._line = rest + self._line, b""
        return rest

    def end(self) -> bytes:
        """What was left over without an end of line."""
        rest, self._line = self._line, b""
        return b"" if self._read(rest) else rest

    def _read(self, line: bytes) -> bool:
        line = line.rstrip(b"\r")
        if len(line) > LONGEST_LINE or not _KEYS.fullmatch(line):
            return False
        key, _, value = line.partition(b"=")
        value = value.strip()
        # FFmpeg says N/A before the first frame, and a negative time for a moment of some files.
        if key == b"out_time_us" and value.isdigit():
            self.seconds = max(self.seconds, int(value[:15]) / 1e6)
        elif key == b"speed" and re.fullmatch(rb"[0-9.e+-]{1,16}x", value):
            self.speed = value.decode()
        return True
