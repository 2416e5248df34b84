"""Asks the inspector: builds its program, and turns what came back into facts, figures or the right error.

What a sandbox printed is as hostile as the file that was in it: anything but a document of the expected form and
within the expected bounds counts as a file that cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from reel_common.domain.media import AudioFacts, MediaFacts, VideoFacts
from reel_common.domain.program import Engine, Limits, Program
from reel_common.errors import Code, PermanentError
from reel_common.ports.sandbox import Completed

Container = Literal[
    "mov", "mp4", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "wav", "flac", "mp3", "aac", "aiff",
    "caf",
]  # fmt: skip
CONTAINERS: tuple[str, ...] = get_args(Container)
"""The kinds of file that are taken. Those of lists, playlists, pictures and streams are not among them."""

_READ_BYTES_A_SECOND = 20_000_000
"""A slow disk: how fast a file is demuxed at the least."""
_NOT_CREDIBLE = "The file made its reader fail."


class Look(StrEnum):
    """How to look at a file: an upload's facts, a result's figures, a picture's sides."""

    FACTS = "facts"
    CHECK = "check"
    PICTURE = "picture"


def inspection(looks: Sequence[tuple[Look, str]], total_bytes: int = 0) -> Program:
    """The program that looks at files, each named by its sha256. ``total_bytes``, all their sizes, sets its time limit."""
    names = ["media" if n == 0 else f"media{n}" for n in range(len(looks))]
    arguments = [word for name, (look, _) in zip(names, looks, strict=True) for word in (look, f"{{in:{name}}}")]
    return Program(
        engine=Engine.INSPECT,
        arguments=("{in:script}", *map(str, arguments)),
        inputs={name: sha256 for name, (_, sha256) in zip(names, looks, strict=True)},
        files={"script": _script()},
        limits=Limits(
            wall=timedelta(seconds=60 + total_bytes // _READ_BYTES_A_SECOND), output_bytes=1 << 20, log_bytes=1 << 20
        ),
    )


@cache
def _script() -> str:
    return files(__package__).joinpath("script.py").read_text(encoding="utf-8")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_. -]{1,64}$")]
_Seconds = Annotated[float, Field(ge=0, le=5 * 3600)]
_Side = Annotated[int, Field(ge=1, le=8192)]
_Count = Annotated[int, Field(ge=0, le=1 << 40)]
_Rate = Annotated[str, Field(pattern=r"^[1-9]\d{0,11}/[1-9]\d{0,11}$")]


class _Refusal(_Strict):
    error: Literal["not_media", "unsupported_media", "truncated", "media_limits"]
    detail: Annotated[str, Field(max_length=300, pattern=r"^[ -~]*$")]


class _Audio(_Strict):
    codec: _Name
    sample_rate: Annotated[int, Field(ge=1, le=1_000_000)]
    channels: Annotated[int, Field(ge=0, le=255)]


class _Video(_Strict):
    codec: _Name
    width: _Side
    height: _Side
    rotation: Literal[0, 90, 180, 270]
    frame_rate: _Rate
    pixel_format: _Name
    frames: _Count


class _Facts(_Strict):
    container: Container
    duration: _Seconds
    size: _Count
    video: _Video | None
    audio: Annotated[list[_Audio], Field(max_length=8)]


class CheckedVideo(_Video):
    """A result's video as demuxed: ``frames`` were counted, ``duration`` in seconds was measured."""

    duration: _Seconds


class CheckedAudio(_Audio):
    """A result's first audio stream as demuxed; ``duration`` in seconds."""

    packets: _Count
    duration: _Seconds


class Sample(_Strict):
    """One place, ``at`` seconds, decoded. ``luma`` (average) and ``peak`` (brightest) 0–255; ``error`` when it failed."""

    at: Annotated[float, Field(ge=-3600, le=5 * 3600)]
    error: Annotated[str, Field(pattern=r"^[A-Za-z ]{0,64}$")] = ""
    luma: Annotated[float, Field(ge=0, le=255)] | None = None
    peak: Annotated[int, Field(ge=0, le=255)] | None = None
    width: _Side | None = None
    height: _Side | None = None


class Checked(_Strict):
    """Figures of a result. ``faststart``: its index comes first (None: a kind that has no index)."""

    container: Container
    size: _Count
    faststart: bool | None
    monotonic: bool
    video: CheckedVideo | None
    audio: CheckedAudio | None
    samples: Annotated[list[Sample], Field(min_length=1, max_length=16)]


class Picture(_Strict):
    """A picture's sides in pixels."""

    kind: Literal["jpeg", "png"]
    width: _Side
    height: _Side


_DOCUMENT = TypeAdapter(list[dict[str, object]])
_Answer = TypeVar("_Answer", bound=_Strict)


def answers(completed: Completed, count: int) -> list[dict[str, object]]:
    """One answer a file, in the order asked. Raises: PermanentError(NOT_MEDIA) when what was printed is not that."""
    try:
        document = _DOCUMENT.validate_json(completed.stdout) if completed.exit == 0 else []
    except ValidationError:
        document = []
    if len(document) != count:
        raise PermanentError(Code.NOT_MEDIA, _NOT_CREDIBLE)
    return document


def facts_of(answer: dict[str, object]) -> MediaFacts:
    """An answer to ``Look.FACTS``. Raises: PermanentError with the code of what is wrong with the file."""
    facts = _read(_Facts, answer)
    return MediaFacts(
        container=facts.container,
        duration=facts.duration,
        size=facts.size,
        video=_video(facts.video) if facts.video else None,
        audio=tuple(AudioFacts(**a.model_dump()) for a in facts.audio),
    )


def _video(video: _Video) -> VideoFacts:
    return VideoFacts(**{**video.model_dump(), "frame_rate": Fraction(video.frame_rate)})


def checked_of(answer: dict[str, object]) -> Checked:
    """An answer to ``Look.CHECK``. Raises: PermanentError with the code of what is wrong with the file."""
    return _read(Checked, answer)


def picture_of(answer: dict[str, object]) -> Picture:
    """An answer to ``Look.PICTURE``. Raises: PermanentError with the code of what is wrong with the file."""
    return _read(Picture, answer)


def _read(form: type[_Answer], answer: dict[str, object]) -> _Answer:
    try:
        if "error" in answer:
            refusal = _Refusal.model_validate(answer)
            raise PermanentError(Code(refusal.error), refusal.detail)
        return form.model_validate(answer)
    except ValidationError:
        raise PermanentError(Code.NOT_MEDIA, _NOT_CREDIBLE) from None
