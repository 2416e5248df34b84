"""Clauses that say what to keep and what to cut off."""

from __future__ import annotations

from reel_planner.grammar.clauses import Clause, Rule, Unsupported
from reel_planner.grammar.cursor import Cursor, phrases
from reel_planner.grammar.intents import Keep
from reel_planner.grammar.quantities import END, OBJECTS, START, Moment, duration, length, number, unit
from reel_planner.grammar.selecting import Selection, edge_selection, moment, portion, selection, side, span

EXAMPLES = ("keep seconds 3 to 8", "cut the first 3 seconds", "trim to 10 seconds")

_KEEP = ("keep", "use", "take", "retain", "save", "leave", "extract", "give me", "get",
         *phrases(("i only", "i just", "we only", "we just"), ("want", "need")))  # fmt: skip
_ONLY = ("only", "just")
_REMOVE = (
    "remove", "delete", "drop", "discard", "get rid of", "throw away", "lose", "skip", "shave", "shave off", "lop",
    "lop off", "leave out", "leave off", "cut", "trim", "chop",
    *phrases(("cut", "trim", "chop", "take"), ("off", "away", "out")),
)  # fmt: skip
_SHORTEN = ("trim", "cut", "shorten", "clip", "limit", "reduce")
_EXCEPT = ("everything but", "everything except", "everything except for", "all but", "all except", "all except for")
_FRONT = (*phrases(("the", "its"), ("start", "beginning", "front")), "start", "beginning", "front")
_BACK = (*phrases(("the", "its"), ("end", "back", "ending")), "end", "back")
_BOTH = (*phrases(("both", "each", "either"), ("end", "ends", "side", "sides")), "the start and the end",
         "the beginning and the end", "the start and end", "start and end")  # fmt: skip
_AND = ("and", ",", ", and", "and then", ", then", ", and then", "as well as", "plus", "and also")
_MIDDLE = Unsupported("it would cut a piece out of the middle")


def _keep(c: Cursor) -> Clause | None:
    """``keep only seconds 3 to 8``, ``only the last third``, ``keep all but the first 3 seconds``."""
    only = c.skip(*_ONLY)
    verb = c.skip(*_KEEP)
    only = c.skip(*_ONLY) or only
    if not (verb or only):
        return None
    rest = c.attempt(_excepted)
    if rest is not None:
        return rest
    found = c.longest(selection, _after_object)
    return _kept(found, selects=True) if found else None


def _after_object(c: Cursor) -> Selection | None:
    """``(keep) the video from 3s to 8s``, ``(leave) it until 0:08``."""
    return c.first(span, side, portion) if c.skip(*OBJECTS) else None


def _excepted(c: Cursor) -> Clause | None:
    found = portion(c) if c.skip(*_EXCEPT) else None
    left = _without(found) if found else None
    return left if isinstance(left, Clause) else None


def _shorten(c: Cursor) -> Clause | None:
    """``trim to 10 seconds``, ``cut it down to the first half``, ``trim the video from 3s to 8s``."""
    verb = c.take(*_SHORTEN)
    if verb is None:
        return None
    c.skip(*OBJECTS)
    return c.first(_down_to, *((_trimmed_span,) if verb in {"trim", "clip"} else ()))


def _down_to(c: Cursor) -> Clause | None:
    if not c.skip("to", "down to", "to just", "to only", "down to just", "down to only"):
        return None
    found = c.longest(selection, _beginning)
    return _kept(found) if found else None


def _beginning(c: Cursor) -> Selection | None:
    time = duration(c)
    return None if time is None else Selection(START, Moment(seconds=time))


def _trimmed_span(c: Cursor) -> Clause | None:
    """From where to where: kept, as every editor's trim does. At an edge it could as well be what is to go."""
    found = span(c)
    at_edge = found is None or found.start == START or found.end == END
    return None if found is None or at_edge else _kept(found)


def _start_end(c: Cursor) -> Clause | None:
    """``start at 0:03 and end at 0:08``: both times of one video."""
    start = c.attempt(_starting)
    end = c.attempt(_and_ending) if start is not None else c.attempt(_ending)
    if start is None and end is None:
        return None
    return _kept(Selection(start or START, end or END))


def _and_ending(c: Cursor) -> Moment | None:
    c.skip(*_AND)
    return _ending(c)


def _starting(c: Cursor) -> Moment | None:
    if not c.skip("start", "begin", "starting", "beginning", "starts", "begins"):
        return None
    c.skip(*OBJECTS)
    return moment(c) if c.skip("at", "from") else None


def _ending(c: Cursor) -> Moment | None:
    if not c.skip("end", "stop", "finish", "ending", "ends", "stops"):
        return None
    c.skip(*OBJECTS)
    return moment(c) if c.skip("at", "after") else None


def _bare(c: Cursor) -> Clause | None:
    """``last third``, ``from 2s to 1m20``."""
    found = c.longest(portion, span)
    return Clause((Keep(found.start, found.end),), bare=True, selects=True) if found else None


def _remove(c: Cursor) -> Clause | Unsupported | None:
    """``cut the first 3 seconds and the last 2``, ``remove everything after 0:08``."""
    verb = c.take(*_REMOVE)
    if verb is None:
        return None
    # "trim from the start to 0:03" may mean both; of "trim from 3s to 8s" what is named is kept
    return c.longest(*_REMOVALS, *(() if verb == "trim" else (_cut_span,)))


def _all_but(c: Cursor) -> Clause | None:
    """``(remove) everything but the first 10 seconds``."""
    found = c.longest(portion, span) if c.skip(*_EXCEPT) else None
    return _kept(found) if found else None


def _outside(c: Cursor) -> Clause | None:
    """``(remove) everything before 0:03 and after 0:08``: both times of one video."""
    before = side(c)
    after = side(c) if before and c.skip("and") else None
    if before is None or after is None or before.start != START or after.end != END:
        return None
    return _kept(Selection(before.end, after.start))


def _portions(c: Cursor) -> Clause | Unsupported | None:
    """``(cut) the first 3 seconds and the last 2 seconds``, ``(cut) the first and last 2 seconds``."""
    found = c.longest(_both_edges, _so_many_at_each, lambda c: _list_of(portion(c)))
    if found is None:
        return None
    while (more := c.attempt(_and_portion)) is not None:
        found = [*found, more]
    cuts = [_without(piece) for piece in found]
    intents = [intent for cut in cuts if isinstance(cut, Clause) for intent in cut.intents]
    return Clause(tuple(intents)) if len(intents) == len(cuts) else _MIDDLE


def _and_portion(c: Cursor) -> Selection | None:
    return portion(c) if c.skip(*_AND) else None


def _list_of(piece: Selection | None) -> list[Selection] | None:
    return None if piece is None else [piece]


def _both_edges(c: Cursor) -> list[Selection] | None:
    if not c.skip("the first and last", "the first and the last", "first and last"):
        return None
    size = length(c)
    return None if size is None else [edge_selection("first", size), edge_selection("last", size)]


def _so_many_at_each(c: Cursor) -> list[Selection] | None:
    """``the first 3 and last 2 seconds``."""
    c.skip("the")
    first = number(c) if c.skip("first") else None
    last = number(c) if first is not None and c.skip("and the last", "and last") else None
    size = unit(c) if last is not None else None
    if first is None or last is None or size is None:
        return None
    lengths = (("first", first), ("last", last))
    return [edge_selection(place, Moment(seconds=count * size)) for place, count in lengths]


def _cut_span(c: Cursor) -> Clause | Unsupported | None:
    """``(remove) 0:00 to 0:03``, ``(cut) the video from 0:08 on``."""
    found = c.longest(span, lambda c: span(c) if c.skip(*OBJECTS) else None)
    return _without(found) if found else None


def _cut_side(c: Cursor) -> Clause | Unsupported | None:
    """``(cut) everything after 8 seconds``, ``(trim) the video after 8 seconds``."""
    found = c.longest(side, lambda c: side(c) if c.skip(*OBJECTS) else None)
    return _without(found) if found else None


def _taken_off(c: Cursor) -> Clause | None:
    """``take 3 seconds off the start``."""
    return _amount_first(c) if c.skip("take") else None


def _off_edge(c: Cursor) -> Clause | None:
    """``(cut) 3 seconds off the start``, ``(trim) 2s from both ends``, ``(trim) the end by 2s``."""
    return c.first(_amount_first, _edge_first)


def _amount_first(c: Cursor) -> Clause | None:
    size = length(c)
    if size is None or not c.skip("off", "off of", "from", "of", "at", "away from", "out of"):
        return None
    edge = _edge(c)
    return _cut_edges(edge, size) if edge else None


def _edge_first(c: Cursor) -> Clause | None:
    edge = _edge(c)
    size = length(c) if edge and c.skip("by") else None
    return None if edge is None or size is None else _cut_edges(edge, size)


def _edge(c: Cursor) -> tuple[str, ...] | None:
    if c.skip(*_BOTH):
        return ("first", "last")
    if c.skip(*_FRONT):
        return ("first",)
    return ("last",) if c.skip(*_BACK) else None


def _cut_edges(edges: tuple[str, ...], size: Moment) -> Clause:
    cuts = [_without(edge_selection(edge, size)) for edge in edges]
    return Clause(tuple(intent for cut in cuts if isinstance(cut, Clause) for intent in cut.intents))


def _kept(found: Selection, *, selects: bool = False) -> Clause:
    return Clause((Keep(found.start, found.end),), selects=selects)


def _without(found: Selection) -> Clause | Unsupported:
    if found.start == START and found.end != END:
        return Clause((Keep(found.end, END),))
    if found.end == END and found.start != START:
        return Clause((Keep(START, found.start),))
    return _MIDDLE


_REMOVALS: tuple[Rule, ...] = (_all_but, _outside, _portions, _cut_side, _off_edge)
RULES: tuple[Rule, ...] = (_keep, _shorten, _start_end, _bare, _remove, _taken_off)
