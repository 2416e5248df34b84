"""The one rule for keys of objects, for both stores."""

from __future__ import annotations

import re

_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}"  # as long as a file's name may be
_KEY = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_PREFIX = re.compile(rf"({_SEGMENT}/)*({_SEGMENT})?")
_LONGEST = 512
_MEDIA_TYPE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,199}")


def check_key(key: str) -> None:
    """Raises: ValueError. The key is not quoted whole: it may be anybody's text."""
    if len(key) > _LONGEST or not _KEY.fullmatch(key):
        raise ValueError(f"not a key of an object: {key[:80]!r}")


def check_prefix(prefix: str) -> None:
    """Raises: ValueError. A prefix may end in the middle of a segment, or be empty."""
    if len(prefix) > _LONGEST or not _PREFIX.fullmatch(prefix):
        raise ValueError(f"not a prefix of keys: {prefix[:80]!r}")


def check_range(start: int, length: int | None) -> None:
    """Raises: ValueError."""
    if start < 0 or (length is not None and length < 0):
        raise ValueError("a range has no negative numbers")


def check_media_type(media_type: str) -> None:
    """Raises: ValueError. It becomes a header, and a line of a file."""
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise ValueError(f"not a media type: {media_type[:80]!r}")
