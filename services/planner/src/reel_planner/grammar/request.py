"""Sentences: clauses in their order, the words between them, and what has no meaning, word for word.

Every word of a request ends up in exactly one part of its reading. A request with a single part that is not understood
is refused as a whole; nothing is guessed and nothing is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reel_common.errors import Code, PermanentError
from reel_planner.grammar import fading, resizing, trimming
from reel_planner.grammar.clauses import Clause, Unsupported
from reel_planner.grammar.cursor import Cursor
from reel_planner.grammar.intents import Intent
from reel_planner.grammar.tokens import Kind, tokenize

_TOPICS = (trimming, resizing, fading)
RULES = tuple(rule for topic in _TOPICS for rule in topic.RULES)
EXAMPLES = tuple(example for topic in _TOPICS for example in topic.EXAMPLES)

_JOINTS = (
    ",", ";", ".", "!", "?", "\n", "&", "and", "then", "also", "plus", "but", "after that", "afterwards", "next",
    "finally", "lastly", "and then",
)  # fmt: skip
_SEQUENCE = frozenset(
    {";", ".", "!", "?", "\n", "then", "after that", "afterwards", "next", "finally", "lastly", "and then"}
)
"""Joints after which the video is clearly the one that the clause before has left."""

_FILLERS = (
    "please", "kindly", "just", "now", "so", "ok", "okay", "hi", "hello", "hey", "thanks", "thank you", "for me",
    "can you", "could you", "would you", "will you", "can we", "let us", "let's", "i want", "i want to", "i want you to",
    "i would like", "i would like to", "i would like you to", "i'd like", "i'd like to", "i'd like you to", "i need",
    "i need to", "i need you to", "we need", "you can", "go ahead and", "first", "firstly", "secondly",
)  # fmt: skip
_BULLETS = ("-", "*", "•", "–")
_JOINING = frozenset({"with", "in", "at", "as"})
"""Words with which a clause may begin that follows another one directly: "keep seconds 3 to 8 in 720p"."""

_TWO_STRETCHES = Unsupported("of two stretches only one can be kept")


class PartKind(StrEnum):
    """What a part of a request is."""

    CLAUSE = "clause"
    JOINT = "joint"
    FILLER = "filler"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Part:
    """Tokens from ``start`` to before ``end``; ``text`` as it was written. ``reason``: why it cannot be done."""

    kind: PartKind
    start: int
    end: int
    text: str
    intents: tuple[Intent, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """All parts of a request, in order and without a gap."""

    parts: tuple[Part, ...]

    @property
    def unknown(self) -> tuple[Part, ...]:
        """What was not understood, or cannot be done."""
        return tuple(part for part in self.parts if part.kind is PartKind.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that a request asks for, and in which words."""

    text: str
    intent: Intent


def understand(request: str) -> tuple[Asked, ...]:
    """What a request asks for, in the order given.

    Raises: PermanentError(EMPTY) when there is nothing to read, PermanentError(NOT_UNDERSTOOD) with every phrase that
    has no meaning here.
    """
    reading = read_request(request)
    if not reading.parts:
        raise PermanentError(Code.EMPTY, "The request has no words in it.", hint=_hint())
    if reading.unknown:
        raise PermanentError(Code.NOT_UNDERSTOOD, _complaint(reading.unknown), hint=_hint())
    asked = [Asked(part.text, intent) for part in reading.parts for intent in part.intents]
    if not asked:
        words = " ".join(request.split())
        raise PermanentError(Code.NOT_UNDERSTOOD, f'"{words}" asks for nothing that can be done.', hint=_hint())
    return tuple(asked)


def _hint() -> str:
    return "This can be done: " + ", ".join(f'"{example}"' for example in EXAMPLES) + "; several in one request."


def _complaint(parts: tuple[Part, ...]) -> str:
    strange = ", ".join(f'"{part.text}"' for part in parts if not part.reason)
    refused = "".join(f' "{part.text}" cannot be done: {part.reason}.' for part in parts if part.reason)
    sentence = f"Not understood: {strange}." if strange else ""
    return f"{sentence}{refused} Nothing was done.".strip()


def read_request(request: str) -> Reading:
    """All parts of a request. Never raises."""
    return _Reader(request).read()


class _Reader:
    """Reads one request from left to right; what was read is never looked at again."""

    def __init__(self, request: str) -> None:
        self.cursor = Cursor(request, tokenize(request))
        self.parts: list[Part] = []
        self.last: Clause | None = None
        self.joint = "\n"
        """The joint before the clause that is read next; empty when it follows another clause directly."""

    def read(self) -> Reading:
        while self.cursor.next is not None:
            self._joints() or self._clause() or self._filler() or self._unknown()
        return Reading(tuple(self.parts))

    def _add(self, kind: PartKind, start: int, intents: tuple[Intent, ...] = (), reason: str = "") -> bool:
        text = self.cursor.text(start, self.cursor.at)
        self.parts.append(Part(kind, start, self.cursor.at, text, intents, reason))
        return True

    def _joints(self) -> bool:
        start, joint = self.cursor.at, self.cursor.take(*_JOINTS)
        if joint is None:
            return False
        self.joint = joint if self.joint not in _SEQUENCE else self.joint
        return self._add(PartKind.JOINT, start)

    def _clause(self) -> bool:
        token = self.cursor.next
        if not self.joint and (token is None or token.text not in _JOINING):
            return False
        start = self.cursor.at
        found = self.cursor.longest(*RULES)
        if found is None:
            return False
        refused = self._refused(found)
        if refused is not None:
            return self._add(PartKind.UNKNOWN, start, reason=refused.reason)
        if isinstance(found, Clause):
            self.last, self.joint = found, ""
            self._add(PartKind.CLAUSE, start, found.intents)
        return True

    def _refused(self, found: Clause | Unsupported) -> Unsupported | None:
        """Two stretches to keep may be meant as two pieces of one video, unless one follows from the other."""
        if isinstance(found, Unsupported):
            return found
        again = self.last is not None and self.last.selects and found.selects
        return _TWO_STRETCHES if again and (found.bare or self.joint not in _SEQUENCE) else None

    def _filler(self) -> bool:
        start = self.cursor.at
        if not (self._numbering() or self.cursor.skip(*_FILLERS)):
            return False
        return self._add(PartKind.FILLER, start)

    def _numbering(self) -> bool:
        """The mark of an item in a list, at the beginning of a line: a dash, ``1.``, ``2)``."""
        at, tokens = self.cursor.at, self.cursor.tokens
        if at and tokens[at - 1].text != "\n":
            return False
        return self.cursor.skip(*_BULLETS) or self.cursor.attempt(_item_number) is not None

    def _unknown(self) -> bool:
        """Up to the next joint, behind which there may be something that has a meaning."""
        start = self.cursor.at
        while self.cursor.next is not None:
            before = self.cursor.at
            if before > start and self.cursor.skip(*_JOINTS):
                self.cursor.at = before
                break
            self.cursor.at += 1
        return self._add(PartKind.UNKNOWN, start)


def _item_number(c: Cursor) -> bool | None:
    return (c.token(Kind.NUMBER) is not None and c.skip(".", ")")) or None
