"""Cuts a request into words, numbers, clock times, quoted texts and marks, each with its place in the request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a token is."""

    WORD = "word"
    NUMBER = "number"
    CLOCK = "clock"
    """A time as on a player: ``0:03``, ``1:02:03.5``."""
    QUOTED = "quoted"
    MARK = "mark"
    """Any other character, among them the end of a line."""


@dataclass(frozen=True, slots=True)
class Token:
    """``text`` in lower case; ``start`` and ``end`` are places in the request as it was written."""

    kind: Kind
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"""
      (?P<quoted> "[^"\n]*" | “[^”\n]*” | (?<!\w)'[^'\n]*'(?!\w) )
    | (?P<clock>  (?<![0-9:.]) [0-9]{1,2} (?: :[0-9]{2} ){1,2} (?: \.[0-9]+ )? (?![0-9:]) )
    | (?P<number> [0-9]+ (?: \.[0-9]+ )? | (?<![0-9.]) \.[0-9]+ )
    | (?P<word>   [^\W\d_]+ (?: ['’] [^\W\d_]+ )* )
    | (?P<mark>   \n | \S )
    """,
    re.VERBOSE,
)

_LONGEST_NUMBER = 12
"""Characters. What is longer is no time and no size, and is left as a word that nothing knows."""


def tokenize(request: str) -> list[Token]:
    """All of the request but its spaces, in order."""
    tokens = []
    for match in _TOKEN.finditer(request):
        kind = Kind(str(match.lastgroup))
        if kind is Kind.NUMBER and match.end() - match.start() > _LONGEST_NUMBER:
            kind = Kind.WORD
        text = match[0].casefold().replace("’", "'")
        tokens.append(Token(kind, text, match.start(), match.end()))
    return tokens
