"""Names and types of uploads: what a user calls a file is shown and given back, and never is a path or a header."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

LONGEST = 200
_TYPES: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/x-matroska"),
    (8, b"AVI ", "video/x-msvideo"),
    (8, b"WAVE", "audio/wav"),
    (8, b"WEBP", "image/webp"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\x89PNG\r\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
)


def display_name(given: str) -> str:
    """What a file is called: its last segment, one line, without what steers terminals or the direction of text."""
    name = given.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    name = " ".join(name.split())
    if len(name) > LONGEST:
        stem, dot, suffix = name.rpartition(".")
        ending = dot + suffix if stem and len(suffix) <= 10 else ""
        name = name[: LONGEST - len(ending)] + ending
    return name if name.strip(". ") else "upload"


def sniffed_type(head: bytes) -> str:
    """The media type that the first bytes speak for. What the file really is, the inspector finds out."""
    for at, magic, media_type in _TYPES:
        if head.startswith(magic, at):
            return "video/webm" if media_type == "video/x-matroska" and b"webm" in head else media_type
    return "application/octet-stream"


def attachment(name: str) -> str:
    """A ``Content-Disposition`` (RFC 6266): the plain name for old clients, the whole one for all others."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in " ._-()") else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
