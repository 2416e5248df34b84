"""Numbers, lengths and moments in words and figures. What has no unit and could mean several things is not read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from reel_planner.grammar.cursor import Cursor, phrases
from reel_planner.grammar.tokens import Kind

OBJECTS = (
    "it", "this", "that", "everything", "the whole thing",
    *phrases(("the", "my", "this", "that", "the whole", "the entire", "your"),
             ("video", "clip", "film", "movie", "footage", "recording", "file", "result")),
    "video", "clip",
)  # fmt: skip
"""What a request is about; there is only one such thing, so naming it says nothing."""

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SPELLED = {word: n for n, word in enumerate(_SMALL)} | {word: 10 * n for n, word in enumerate(_TENS, 2)}

_UNITS = {
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), Fraction(1, 1000)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), Fraction(1)),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), Fraction(60)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), Fraction(3600)),
}
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "eighth": 8, "eighths": 8, "tenth": 10, "tenths": 10,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of a video whose length is not known yet: a share of it and some seconds, which may be negative."""

    share: Fraction = Fraction(0)
    seconds: Fraction = Fraction(0)

    def of(self, duration: Fraction) -> Fraction:
        """In seconds, for a video of that length."""
        return self.share * duration + self.seconds

    def minus(self, other: Moment) -> Moment:
        """So much earlier."""
        return Moment(self.share - other.share, self.seconds - other.seconds)


START, END = Moment(), Moment(share=Fraction(1))


def number(c: Cursor) -> Fraction | None:
    """``3``, ``2.5``, ``1/2``, ``three``, ``twenty-five``, ``one hundred and twenty``, ``two and a half``."""
    whole = c.first(_figures, _spelled)
    if whole is not None and c.skip("and a half"):
        return whole + Fraction(1, 2)
    return whole


def _figures(c: Cursor) -> Fraction | None:
    token = c.token(Kind.NUMBER)
    if token is None:
        return None
    value = Fraction(token.text)
    divisor = c.attempt(_divisor)
    return value / divisor if divisor else value


def _divisor(c: Cursor) -> Fraction | None:
    token = c.token(Kind.NUMBER) if c.skip("/") else None
    return Fraction(token.text) if token and Fraction(token.text) else None


def _spelled(c: Cursor) -> Fraction | None:
    hundreds = c.attempt(_hundreds)
    rest = c.attempt(_and_below_hundred) if hundreds is not None else c.attempt(_below_hundred)
    if hundreds is None and rest is None:
        return None
    return Fraction((hundreds or 0) * 100 + (rest or 0))


def _hundreds(c: Cursor) -> int | None:
    count = c.take("a", *_SMALL[1:10])
    if count is None or not c.skip("hundred"):
        return None
    return 1 if count == "a" else _SPELLED[count]


def _and_below_hundred(c: Cursor) -> int | None:
    c.skip("and")
    return _below_hundred(c)


def _below_hundred(c: Cursor) -> int | None:
    word = c.take(*_SPELLED)
    if word is None:
        return None
    value = _SPELLED[word]
    if value >= 20:
        value += c.attempt(_ones) or 0
    return value


def _ones(c: Cursor) -> int | None:
    c.skip("-")
    word = c.take(*_SMALL[1:10])
    return _SPELLED[word] if word else None


def unit(c: Cursor) -> Fraction | None:
    """A unit of time, as its seconds."""
    word = c.take(*_UNITS)
    return _UNITS[word] if word else None


def duration(c: Cursor) -> Fraction | None:
    """``5s``, ``0:05``, ``1m20``, ``2 minutes and 5 seconds``, ``half a second``, ``a minute and a half``."""
    return c.first(clock, _compound)


def clock(c: Cursor) -> Fraction | None:
    """``0:05``, ``1:02:03.5``; minutes and seconds below 60."""
    token = c.token(Kind.CLOCK)
    if token is None:
        return None
    parts = [Fraction(part) for part in token.text.split(":")]
    if any(part >= 60 for part in parts[1:]):
        return None
    return sum((part * 60**power for power, part in enumerate(reversed(parts))), Fraction(0))


def _compound(c: Cursor) -> Fraction | None:
    total, smallest = Fraction(0), Fraction(1_000_000)
    while (part := c.attempt(_smaller_part, smallest)) is not None:
        total, smallest = total + part[0], part[1]
    if not total and smallest == 1_000_000:
        return None
    if smallest == 60:
        total += c.attempt(_glued_seconds) or 0
    return total


def _smaller_part(c: Cursor, smallest: Fraction) -> tuple[Fraction, Fraction] | None:
    """One amount with its unit; after the first, of a smaller unit than the one before."""
    if smallest < 1_000_000:
        c.skip("and", ",")
    part = c.first(lambda c: _with_unit(c, number(c)), lambda c: _with_unit(c, _vague_amount(c)))
    return part if part is not None and part[1] < smallest else None


def _with_unit(c: Cursor, amount: Fraction | None) -> tuple[Fraction, Fraction] | None:
    if amount is None:
        return None
    c.skip("-")
    size = unit(c)
    if size is None:
        return None
    # "a minute and a half": the half comes behind the unit
    return (amount + (Fraction(1, 2) if c.skip("and a half") else 0)) * size, size


def _vague_amount(c: Cursor) -> Fraction | None:
    """``a``, ``half a``, ``a quarter of a``: amounts that only a unit can follow."""
    part = c.attempt(_part_of_one)
    if part is not None:
        return part
    return Fraction(1) if c.skip("a", "an", "one full", "a full") else None


def _part_of_one(c: Cursor) -> Fraction | None:
    share = c.attempt(parts)
    if share is None:
        return None
    c.skip("of a", "of an", "a", "an", "of one")
    return share


def _glued_seconds(c: Cursor) -> Fraction | None:
    """The ``20`` of ``1m20``."""
    token = c.token(Kind.NUMBER) if c.touches() else None
    return Fraction(token.text) if token and Fraction(token.text) < 60 else None


def parts(c: Cursor) -> Fraction | None:
    """``half``, ``a third``, ``two thirds``, ``three quarters``: parts of one, never more than the whole."""
    count = Fraction(1) if c.skip("a", "one") else c.attempt(number)
    word = c.take(*_PARTS)
    if word is None:
        return None
    share = (Fraction(1) if count is None else count) / _PARTS[word]
    return share if 0 < share <= 1 else None


def percent(c: Cursor) -> Fraction | None:
    """``50%``, ``fifty percent``, as a share."""
    value = number(c)
    return value / 100 if value is not None and c.skip("%", "percent", "per cent") else None


def nth_part(c: Cursor) -> tuple[int, int] | None:
    """``second half``, ``third quarter``: which one, of how many."""
    rank = c.take("first", "second", "third", "fourth", "fifth")
    word = c.take("half", "third", "quarter", "fourth", "fifth", "tenth") if rank else None
    if rank is None or word is None:
        return None
    which = ("first", "second", "third", "fourth", "fifth").index(rank) + 1
    return (which, _PARTS[word]) if which <= _PARTS[word] else None


def length(c: Cursor) -> Moment | None:
    """How much of a video: a time, or a part of the whole."""
    share = c.first(percent, _share_alone)
    if share is not None:
        return Moment(share=share) if 0 < share <= 1 else None
    time = c.first(duration, unit)  # "the first second": one of them
    return None if time is None else Moment(seconds=time)


def _share_alone(c: Cursor) -> Fraction | None:
    """Parts of the video, not of a second or of a minute."""
    share = c.attempt(parts)
    return None if share is None or c.attempt(_of_a_unit) is not None else share


def _of_a_unit(c: Cursor) -> Fraction | None:
    c.skip("of a", "of an", "a", "an", "-")
    return unit(c)
