"""Reads the figures that the program's filters wrote into FFmpeg's log.

A log also repeats what stands in the file (titles, comments). Those lines are indented by FFmpeg, so only lines that
begin with the name of one of our filters count, and of these only numbers.
"""

from __future__ import annotations

import re
from typing import Any

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_BLACK = re.compile(rf"^\[(?:Parsed_)?blackdetect[^\]]*\] black_start:{_NUMBER} black_end:{_NUMBER}", re.MULTILINE)
_SILENCE = re.compile(rf"^\[(?:Parsed_)?silencedetect[^\]]*\] silence_(start|end): {_NUMBER}", re.MULTILINE)
_LOUDNESS = re.compile(
    rf"^\[(?:Parsed_)?ebur128[^\]]*\] Summary:\s*\n\s*\n  Integrated loudness:\n    I: +{_NUMBER} LUFS", re.MULTILINE
)
_MOST = 200
"""Stretches that are kept of each kind; a step's result is small."""


def measured(log: str) -> dict[str, Any]:
    """``black`` and ``silence``: stretches [start, end] in seconds of the result; ``loudness``: LUFS, or None.

    A stretch whose end the log does not tell has None there: it lasts to the end of the result.
    """
    # without a terminal FFmpeg ends a line of progress by a carriage return only
    log = log.replace("\r", "\n")
    loudness = _LOUDNESS.search(log)
    return {
        "black": [[float(start), float(end)] for start, end in _BLACK.findall(log)][:_MOST],
        "silence": _stretches(_SILENCE.findall(log))[:_MOST],
        "loudness": float(loudness[1]) if loudness else None,
    }


def _stretches(marks: list[tuple[str, str]]) -> list[list[float | None]]:
    stretches: list[list[float | None]] = []
    for kind, time in marks:
        if kind == "start":
            stretches.append([max(float(time), 0.0), None])
        elif stretches:
            stretches[-1][1] = float(time)
    return stretches
