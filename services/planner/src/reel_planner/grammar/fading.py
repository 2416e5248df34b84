"""Clauses that fade in and out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from reel_planner.grammar.clauses import Clause, Rule
from reel_planner.grammar.cursor import Cursor, phrases
from reel_planner.grammar.intents import FadeTo
from reel_planner.grammar.quantities import OBJECTS, Moment, duration, length
from reel_planner.grammar.selecting import of_object

EXAMPLES = ("fade out at the end", "fade in for 2 seconds", "a one second fade in and out")

_ADD = ("add", "put", "apply", "include", "use", "do", "make", "create", "have", "with", "insert", "give it", "put in")
_WAYS = {
    "in": ("in",), "out": ("out",), "in and out": ("in", "out"), "out and in": ("out", "in"), "in / out": ("in", "out"),
    "in & out": ("in", "out"), "both in and out": ("in", "out"),
}  # fmt: skip
_AT_START = phrases(("at the", "from the", "at its"), ("start", "beginning", "very start", "very beginning"))
_AT_END = phrases(("at the", "towards the", "to the", "at its"), ("end", "very end", "ending"))
_AT_BOTH = (*phrases(("at", "on"), ("both ends", "each end", "either end", "both sides")), "at the start and end",
            "at the start and the end", "at the beginning and the end", "at the beginning and end",
            "at the start and at the end", "at the beginning and at the end")  # fmt: skip
_PICTURE_ONLY = (
    "video only", "picture only", "image only", "only the picture", "without the audio", "without audio",
    "without the sound", "without sound", "but not the audio", "but not the sound",
)  # fmt: skip
_WITH_SOUND = (
    "with audio", "with the audio", "with sound", "with the sound", "and the sound", "and the audio", "and sound",
    "and audio", "audio too", "sound too", "video and audio", "picture and sound", "audio and video",
)  # fmt: skip
_LASTING = ("for", "over", "of", "during", "lasting", "taking", "that lasts", "across",
            "with a duration of", "with a length of")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Fade:
    """What is known so far of one fade, or of one in and one out."""

    ways: tuple[str, ...]
    length: Moment | None = None
    audio: bool = True


def _fade(c: Cursor) -> Clause | None:
    """Any of the forms, each with what may follow it."""
    found = c.longest(_by_way, _described, _to_black, _at_place, _of_portion)
    if found is None:
        return None
    fades = [_with_tails(c, found)]
    while (more := c.attempt(_another_way)) is not None:
        fades.append(more)
    return Clause(tuple(FadeTo(way, fade.length, fade.audio) for fade in fades for way in fade.ways))


def _by_way(c: Cursor) -> _Fade | None:
    """``fade out``, ``fade the video in and out``, ``fade it out``."""
    if not c.skip("fade", "fades", "fading"):
        return None
    c.skip(*OBJECTS)
    ways = _way(c)
    if ways is None:
        return None
    c.skip(*OBJECTS)
    return _Fade(ways)


def _described(c: Cursor) -> _Fade | None:
    """``add a 2 second fade-out``, ``with a one second fade in and out``, ``a fade to black``."""
    c.skip(*_ADD)
    time = c.first(duration, _article_and_duration)  # "a second" is a length, "a 2 second fade" has one
    c.skip("a", "an", "the")
    c.skip("-")
    c.skip("long")
    if not c.skip("fade"):
        return None
    c.skip("-")
    ways = c.first(_way, _black)
    if ways is None:
        return None
    c.skip("effect", "transition")
    return _Fade(ways, None if time is None else Moment(seconds=time))


def _article_and_duration(c: Cursor) -> Fraction | None:
    return duration(c) if c.skip("a", "an", "the") else None


def _way(c: Cursor) -> tuple[str, ...] | None:
    word = c.take(*_WAYS)
    return _WAYS[word] if word else None


def _black(c: Cursor) -> tuple[str, ...] | None:
    if c.skip("to black"):
        return ("out",)
    return ("in",) if c.skip("from black") else None


def _to_black(c: Cursor) -> _Fade | None:
    """``fade to black``, ``fade the video from black``."""
    if not c.skip("fade"):
        return None
    c.skip(*OBJECTS)
    ways = _black(c)
    return _Fade(ways) if ways else None


def _at_place(c: Cursor) -> _Fade | None:
    """``fade at the end``, ``add a fade at both ends``."""
    c.skip(*_ADD)
    c.skip("a", "an")
    if not c.skip("fade", "fades"):
        return None
    c.skip(*OBJECTS)
    if c.skip(*_AT_BOTH):
        return _Fade(("in", "out"))
    if c.skip(*_AT_START):
        return _Fade(("in",))
    return _Fade(("out",)) if c.skip(*_AT_END) else None


def _of_portion(c: Cursor) -> _Fade | None:
    """``fade out the last 2 seconds``, ``fade the first second in``."""
    if not c.skip("fade"):
        return None
    before = _way(c)
    found = _edge(c)
    if found is None:
        return None
    place, size = found
    ways = before or c.first(_way, _black) or (place,)
    return _Fade(ways, size) if ways == (place,) else None


def _edge(c: Cursor) -> tuple[str, Moment] | None:
    """``the last 2 seconds``, as a direction and a length."""
    c.skip("the", "its")
    place = c.take("first", "opening", "last", "final", "closing")
    size = length(c) if place else None
    if place is None or size is None:
        return None
    return ("in" if place in ("first", "opening") else "out"), size


def _another_way(c: Cursor) -> _Fade | None:
    """The second half of ``fade in for 1 second and out over the last 2``: it has to say how long or where."""
    if not c.skip("and", ",", ", and", "and then"):
        return None
    ways = _way(c)
    start = c.at
    fade = _with_tails(c, _Fade(ways)) if ways else None
    return fade if c.at > start else None


def _with_tails(c: Cursor, fade: _Fade) -> _Fade:
    """Reads on as long as what follows says more of the fade without contradicting what was said."""
    more: _Fade | None = fade
    while more is not None:
        fade = more
        more = c.attempt(_lasting, fade) or c.attempt(_placed, fade) or c.attempt(_heard, fade)
    return fade


def _lasting(c: Cursor, fade: _Fade) -> _Fade | None:
    """``for 2 seconds``, ``over the last 1.5s``, ``(2 seconds)``."""
    if fade.length is not None or not c.skip(*_LASTING):
        return None
    edge = c.attempt(_edge)
    if edge is not None:
        return replace(fade, length=edge[1]) if fade.ways == (edge[0],) else None
    time = c.attempt(duration)
    if time is None:
        return None
    c.skip("each", "long")
    return replace(fade, length=Moment(seconds=time))


def _placed(c: Cursor, fade: _Fade) -> _Fade | None:
    """Where a fade is anyway: ``at the end`` of one that goes out, ``from black`` of one that comes in."""
    fits = {
        ("out",): (*_AT_END, "to black"),
        ("in",): (*_AT_START, "from black"),
        ("in", "out"): _AT_BOTH,
        ("out", "in"): _AT_BOTH,
    }
    if not c.skip(*fits[fade.ways]):
        return None
    c.attempt(of_object)
    return fade


def _heard(c: Cursor, fade: _Fade) -> _Fade | None:
    if c.skip(*_PICTURE_ONLY):
        return replace(fade, audio=False)
    return fade if fade.audio and c.skip(*_WITH_SOUND) else None


RULES: tuple[Rule, ...] = (_fade,)
