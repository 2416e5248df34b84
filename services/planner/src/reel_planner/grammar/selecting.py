"""Which part of a video: "the first 3 seconds", "the last third", "seconds 3 to 8", "from 0:10 on", "after 8 s"."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from reel_planner.grammar.cursor import Cursor, phrases
from reel_planner.grammar.quantities import (
    END,
    OBJECTS,
    START,
    Moment,
    duration,
    length,
    nth_part,
    number,
    percent,
    unit,
)


@dataclass(frozen=True, slots=True)
class Selection:
    """A part of the video as it is by then."""

    start: Moment
    end: Moment


_TO = ("to", "-", "–", "—", "until", "till", "up to", "through to")
_BEGINNING = (*phrases(("the", "the very"), ("beginning", "start")), "start", "beginning")
_ENDING = (*phrases(("the", "the very"), ("end", "finish")), "end")
_PIECES = phrases(("the", "that", "only the"), ("part", "section", "segment", "piece", "bit", "stretch", "portion"))


def selection(c: Cursor) -> Selection | None:
    """Any of the forms."""
    return c.first(portion, span, side)


def portion(c: Cursor) -> Selection | None:
    """``the first 3 seconds``, ``last third``, ``the second half``, ``the middle third``."""
    c.skip("the", "its")
    found = c.longest(_nth, _edge_portion)
    if found is not None:
        c.attempt(of_object)
    return found


def of_object(c: Cursor) -> bool | None:
    """``of the video``: there is nothing else that it could be of."""
    return (c.skip("of") and c.skip(*OBJECTS)) or None


def _nth(c: Cursor) -> Selection | None:
    nth = nth_part(c)
    if nth is None:
        return None
    which, count = nth
    end = END if which == count else Moment(share=Fraction(which, count))
    return Selection(Moment(share=Fraction(which - 1, count)), end)


def _edge_portion(c: Cursor) -> Selection | None:
    place = c.take("first", "opening", "initial", "last", "final", "closing", "middle")
    size = length(c) if place else None
    if place is None or size is None:
        return None
    return edge_selection(place, size)


def edge_selection(place: str, size: Moment) -> Selection:
    """So much at the beginning, at the end or in the middle."""
    if place in ("first", "opening", "initial"):
        return Selection(START, size)
    if place in ("last", "final", "closing"):
        return Selection(END.minus(size), END)
    start = Moment((1 - size.share) / 2, -size.seconds / 2)
    return Selection(start, Moment(start.share + size.share, start.seconds + size.seconds))


def span(c: Cursor) -> Selection | None:
    """``seconds 3 to 8``, ``0:03-0:08``, ``from 2s to 1m20``, ``between 3 and 8 seconds``, ``from 0:10 on``."""
    c.skip(*_PIECES)
    found = c.longest(_between, _from_to, _from_on)
    if found is not None:
        c.attempt(of_object)
    return found


def side(c: Cursor) -> Selection | None:
    """``everything before 0:03``, ``what comes after 8 seconds``, ``up to 0:08``."""
    named = c.skip(
        "everything", "all", "anything", "what is", "what's", "what comes", "everything that comes", *_PIECES
    )
    # "from 0:10" alone may well go on with an end that we did not understand
    word = c.take("before", "after", "up to", "until", "till", *(("from",) if named else ()))
    at = moment(c) if word else None
    if word is None or at is None:
        return None
    c.skip("on", "onward", "onwards")
    return Selection(at, END) if word in ("after", "from") else Selection(START, at)


def moment(c: Cursor) -> Moment | None:
    """A time with its unit, or a named place."""
    c.skip("the")
    found = c.first(_named, _before_end, _second_so_and_so, _time)
    if found is not None:
        c.skip("mark")
    return found


def _named(c: Cursor) -> Moment | None:
    if c.skip(*_BEGINNING):
        return START
    if c.skip(*_ENDING):
        return END
    if c.skip("middle", "halfway", "halfway point", "half way"):
        return Moment(share=Fraction(1, 2))
    share = c.attempt(percent)
    return None if share is None or share > 1 else Moment(share=share)


def _before_end(c: Cursor) -> Moment | None:
    """``2 seconds before the end``."""
    time = duration(c)
    if time is None or not (c.skip("before", "from") and c.skip(*_ENDING)):
        return None
    return Moment(Fraction(1), -time)


def _second_so_and_so(c: Cursor) -> Moment | None:
    size = unit(c)
    count = number(c) if size else None
    return None if size is None or count is None else Moment(seconds=count * size)


def _time(c: Cursor) -> Moment | None:
    time = duration(c)
    return None if time is None else Moment(seconds=time)


def _between(c: Cursor) -> Selection | None:
    return _pair(c, ("and",)) if c.skip("between") else None


def _from_to(c: Cursor) -> Selection | None:
    c.skip("from")
    return _pair(c, _TO)


def _pair(c: Cursor, joints: tuple[str, ...]) -> Selection | None:
    """Two times; one that is a bare number has the unit of the other."""
    forms = (_two_times, _unit_first, _unit_last, _unit_once)
    return c.longest(*(partial(form, joints=joints) for form in forms))


def _two_times(c: Cursor, joints: tuple[str, ...]) -> Selection | None:
    start = moment(c)
    end = moment(c) if start and c.skip(*joints) else None
    return None if start is None or end is None else Selection(start, end)


def _unit_first(c: Cursor, joints: tuple[str, ...]) -> Selection | None:
    """``seconds 3 to 8``."""
    size = unit(c)
    first = number(c) if size else None
    last = number(c) if first is not None and c.skip(*joints) else None
    if size is None or first is None or last is None or unit(c) is not None:
        return None
    return Selection(Moment(seconds=first * size), Moment(seconds=last * size))


def _unit_last(c: Cursor, joints: tuple[str, ...]) -> Selection | None:
    """``3 to 8 seconds``."""
    first = number(c)
    last = number(c) if first is not None and c.skip(*joints) else None
    if first is None or last is None:
        return None
    c.skip("-")
    size = unit(c)
    # "2 to 1m20" or "2 to 1 minute 20 seconds": which unit the 2 has, nobody knows
    if size is None or c.attempt(duration) is not None or (c.touches() and c.attempt(number) is not None):
        return None
    return Selection(Moment(seconds=first * size), Moment(seconds=last * size))


def _unit_once(c: Cursor, joints: tuple[str, ...]) -> Selection | None:
    """``3s to 8``."""
    first = number(c)
    size = unit(c) if first is not None else None
    last = number(c) if size is not None and c.skip(*joints) else None
    if first is None or size is None or last is None or unit(c) is not None:
        return None
    return Selection(Moment(seconds=first * size), Moment(seconds=last * size))


def _from_on(c: Cursor) -> Selection | None:
    """``from 0:10 on``."""
    at = moment(c) if c.skip("from") else None
    return Selection(at, END) if at is not None and c.skip("on", "onward", "onwards") else None
