"""The media inspector: what a file is (facts), whether a result is whole (check), how large a picture is.

``script.py`` runs behind the sandbox port and reads hostile bytes; ``program.py`` asks it and believes only answers of
the right form.
"""

from reel_tools.inspector.program import (
    CONTAINERS,
    Checked,
    CheckedAudio,
    CheckedVideo,
    Look,
    Picture,
    Sample,
    answers,
    checked_of,
    facts_of,
    inspection,
    picture_of,
)

__all__ = [
    "CONTAINERS",
    "Checked",
    "CheckedAudio",
    "CheckedVideo",
    "Look",
    "Picture",
    "Sample",
    "answers",
    "checked_of",
    "facts_of",
    "inspection",
    "picture_of",
]
