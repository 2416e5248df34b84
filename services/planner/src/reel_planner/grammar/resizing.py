"""Clauses that give the picture another size."""

from __future__ import annotations

from fractions import Fraction

from reel_planner.grammar.clauses import Clause, Rule
from reel_planner.grammar.cursor import Cursor, phrases
from reel_planner.grammar.intents import Intent, Scale, ShortSide, Sides
from reel_planner.grammar.quantities import OBJECTS, number, parts, percent

EXAMPLES = ("make it 720p", "resize to 1280x720", "half size")

_VERBS = (
    "make", "resize", "scale", "rescale", "shrink", "enlarge", "downscale", "upscale", "scale down", "scale up",
    "size", "reduce", "convert", "change", "set", "bring", "turn", "export", "render", "output", "save", "get",
    "deliver", "lower", "raise", "increase", "decrease",
)  # fmt: skip
_RESIZE = ("resize", "scale", "rescale", "shrink", "enlarge", "scale down", "scale up", "reduce")
_WHAT = phrases(("the", "its"), ("size", "resolution", "dimensions", "frame size", "picture", "video size"))
_INTO = ("to", "in", "into", "at", "as", "down to", "up to", "to be", "with", "=", ":")
_PIXELS = ("px", "pixel", "pixels")
_WIDE = ("wide", "in width", "across")
_TALL = ("tall", "high", "in height")
_NAMED = {"4k": 2160, "8k": 4320, "uhd": 2160, "ultra hd": 2160, "full hd": 1080, "fhd": 1080, "4k uhd": 2160}
_TIMES = {
    "half": Fraction(1, 2),
    "halve": Fraction(1, 2),
    "double": Fraction(2),
    "twice": Fraction(2),
    "triple": Fraction(3),
}
_OF_SIZE = ("size", "scale", "resolution", "dimensions")


def _resize(c: Cursor) -> Clause | None:
    """``make it 720p``, ``set the height to 480``, ``in 4k``, ``1280x720``."""
    c.skip(*_VERBS)
    c.skip(*OBJECTS, *_WHAT)
    c.skip(*_INTO)
    c.skip("a size of", "a resolution of", "a", "an", "the")
    return _sized(c)


def _sized(c: Cursor) -> Clause | None:
    found = c.longest(_short_side, _named, _both, _sides, _times)
    if found is None:
        return None
    c.skip("resolution", "video", "version")
    if not isinstance(found, Sides) or None in (found.width, found.height):
        c.attempt(_proportions_kept)
    return Clause((found,))


def _scaled(c: Cursor) -> Clause | None:
    """``scale to 50%``, ``shrink by half``, ``scale by 0.5``, ``enlarge it by a factor of 2``."""
    if not c.skip(*_RESIZE):
        return None
    c.skip(*OBJECTS, *_WHAT)
    factor = c.first(_to_share, _by_factor)
    return None if factor is None or factor <= 0 else Clause((Scale(factor),))


def _to_share(c: Cursor) -> Fraction | None:
    share = c.first(percent, parts) if c.skip("to", "down to", "up to") else None
    if share is not None:
        c.attempt(_of_its_size)
    return share


def _by_factor(c: Cursor) -> Fraction | None:
    """By how much in percent is not read: "by 20%" may mean to 20, 80 or 120 percent."""
    if not c.skip("by"):
        return None
    if c.skip("half"):
        return Fraction(1, 2)
    c.skip("a factor of", "factor")
    factor = number(c)
    return None if c.skip("%", "percent", "pixels", "px") else factor


def _short_side(c: Cursor) -> Intent | None:
    """``720p``."""
    pixels = _whole(c)
    return ShortSide(pixels) if pixels is not None and c.skip("p") else None


def _named(c: Cursor) -> Intent | None:
    """``4k``, ``full hd``."""
    name = c.take("uhd", "ultra hd", "full hd", "fhd")
    if name is None:
        count = _whole(c)
        name = f"{count}k" if count in (4, 8) and c.skip("k") else None
    return ShortSide(_NAMED[name]) if name else None


def _both(c: Cursor) -> Intent | None:
    """``1280x720``, ``1280 by 720 pixels``."""
    width = _whole(c)
    c.skip(*_PIXELS)
    height = _whole(c) if width is not None and c.skip("x", "×", "*", "by") else None
    if width is None or height is None:
        return None
    c.skip(*_PIXELS)
    return Sides(width, height)


def _sides(c: Cursor) -> Intent | None:
    """``640 wide``, ``a height of 480``, ``width 640 and height 480``."""
    first = _side(c)
    second = c.attempt(_other_side) if first else None
    if first is None:
        return None
    sides = dict([first] if second is None or second[0] == first[0] else [first, second])
    return Sides(**sides) if second is None or len(sides) == 2 else None


def _other_side(c: Cursor) -> tuple[str, int] | None:
    return _side(c) if c.skip("and", "by", ",", "x") else None


def _side(c: Cursor) -> tuple[str, int] | None:
    return c.first(_named_side, _measured_side)


def _named_side(c: Cursor) -> tuple[str, int] | None:
    c.skip("a", "the", "its", "to")
    name = c.take("width", "height")
    if name is None:
        return None
    c.skip("of", "to", "=", ":", "is")
    pixels = _whole(c)
    if pixels is None:
        return None
    c.skip(*_PIXELS)
    return name, pixels


def _measured_side(c: Cursor) -> tuple[str, int] | None:
    pixels = _whole(c)
    if pixels is None:
        return None
    c.skip("-")
    c.skip(*_PIXELS)
    if c.skip(*_WIDE):
        return "width", pixels
    return ("height", pixels) if c.skip(*_TALL) else None


def _times(c: Cursor) -> Intent | None:
    """``half size``, ``half the size``, ``twice as big``, ``50% of its size``, ``three times the size``."""
    factor = c.first(_factor, percent, parts)
    if factor is None or factor <= 0:
        return None
    if c.skip("as") and c.skip("big", "large"):
        c.skip("as it is", "as now", "as before")
        return Scale(factor)
    return Scale(factor) if _of_its_size(c) else None


def _factor(c: Cursor) -> Fraction | None:
    word = c.take(*_TIMES)
    if word is not None:
        return _TIMES[word]
    count = number(c)
    return count if count is not None and c.skip("times", "x") else None


def _of_its_size(c: Cursor) -> bool | None:
    c.skip("of")
    c.skip("the", "its")
    c.skip("original", "current", "present")
    return c.skip(*_OF_SIZE) or None


def _proportions_kept(c: Cursor) -> bool | None:
    """What holds anyway when only one side is given."""
    c.skip("and", "while", ",")
    if not c.skip("keep", "keeping", "preserving", "maintaining", "preserve", "maintain"):
        return None
    c.skip("the", "its")
    return c.skip("aspect ratio", "aspect", "proportions", "ratio") or None


def _whole(c: Cursor) -> int | None:
    value = number(c)
    return int(value) if value is not None and value.denominator == 1 else None


RULES: tuple[Rule, ...] = (_resize, _scaled)
