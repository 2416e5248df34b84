"""A place in a request, from which rules read on. A rule returns what it read, or None and then has read nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Concatenate, ParamSpec, TypeVar

from reel_planner.grammar.tokens import Kind, Token

Read = TypeVar("Read")
Given = ParamSpec("Given")


class Cursor:
    """Reads tokens from left to right; ``attempt`` is the only way back."""

    def __init__(self, request: str, tokens: Sequence[Token], at: int = 0) -> None:
        self.request, self.tokens, self.at = request, tokens, at

    @property
    def next(self) -> Token | None:
        """The token that is read next, or None at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def attempt(
        self, rule: Callable[Concatenate[Cursor, Given], Read | None], *args: Given.args, **kwargs: Given.kwargs
    ) -> Read | None:
        """What the rule reads from here; when that is None, the cursor stays where it is."""
        before = self.at
        read = rule(self, *args, **kwargs)
        if read is None:
            self.at = before
        return read

    def first(self, *rules: Callable[[Cursor], Read | None]) -> Read | None:
        """What the first rule that reads anything reads."""
        return next((read for rule in rules if (read := self.attempt(rule)) is not None), None)

    def longest(self, *rules: Callable[[Cursor], Read | None]) -> Read | None:
        """What the rule that reads furthest reads; the first of those that read equally far."""
        start, best, furthest = self.at, None, self.at
        for rule in rules:
            self.at = start
            read = rule(self)
            if read is not None and self.at > furthest:
                best, furthest = read, self.at
        self.at = furthest
        return best

    def take(self, *phrases: str) -> str | None:
        """Reads the longest of these phrases that stands here. Words of a phrase may be joined by a hyphen."""
        for words in _longest_first(phrases):
            end = self._end_of(words)
            if end is not None:
                self.at = end
                return " ".join(words)
        return None

    def skip(self, *phrases: str) -> bool:
        """Reads one of these phrases if it stands here."""
        return self.take(*phrases) is not None

    def token(self, kind: Kind) -> Token | None:
        """Reads the next token if it is of this kind."""
        token = self.next
        if token is None or token.kind is not kind:
            return None
        self.at += 1
        return token

    def touches(self) -> bool:
        """Whether the next token follows without a space."""
        return 0 < self.at < len(self.tokens) and self.tokens[self.at - 1].end == self.tokens[self.at].start

    def text(self, start: int, end: int) -> str:
        """The tokens from ``start`` to before ``end`` as they were written."""
        return self.request[self.tokens[start].start : self.tokens[end - 1].end] if start < end else ""

    def _end_of(self, words: tuple[str, ...]) -> int | None:
        at = self.at
        for number, word in enumerate(words):
            if number and at < len(self.tokens) and self.tokens[at].text == "-":
                at += 1
            if at >= len(self.tokens) or self.tokens[at].text != word:
                return None
            at += 1
        return at


@cache
def _longest_first(phrases: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted((tuple(phrase.split(" ")) for phrase in phrases), key=len, reverse=True))


def phrases(firsts: Iterable[str], seconds: Iterable[str]) -> tuple[str, ...]:
    """Every first before every second."""
    seconds = tuple(seconds)
    return tuple(f"{first} {second}" for first in firsts for second in seconds)
