"""Any list of operations becomes one run of FFmpeg from the original: nothing is decoded or encoded twice.

The same operations on the same file give the same program to the byte, and that the same files.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction

from reel_common.domain.media import MediaFacts
from reel_common.domain.program import Engine, Limits, Output, Program
from reel_common.errors import Code, PermanentError
from reel_common.ports.tool import Compiled, Operation, Source
from reel_tools.ffmpeg import encoding, filters
from reel_tools.ffmpeg.checking import walk
from reel_tools.ffmpeg.timeline import Timeline

CLIP = "clip"
"""The name of the input in the program."""

DEMUXERS = {
    "mp4": "mov", "mov": "mov", "matroska": "matroska", "webm": "matroska", "avi": "avi", "mpegts": "mpegts",
    "mpeg": "mpeg", "flv": "flv", "asf": "asf", "ogg": "ogg", "wav": "wav", "flac": "flac", "mp3": "mp3", "aac": "aac",
    "aiff": "aiff", "caf": "caf",
}  # fmt: skip
"""Kinds of file to the one demuxer that may read them. None of these opens another file or an address."""

_SEEK_FROM, _SEEK_MARGIN = 30, 5
"""Seconds: what lies before a late start is sought over, up to so long before it that decoders have settled by then."""

_HD30 = 1920 * 1080 * 30
"""Pixels a second of ordinary video, in which effort is counted."""


def compiled(operations: Sequence[Operation], sources: Sequence[Source]) -> Compiled:
    """See ``Tool.compile``."""
    if len(sources) != 1:
        raise PermanentError(Code.PLAN_INVALID, f"These operations work on one file, not on {len(sources)}.")
    source = sources[0]
    timeline = walk(source.facts, operations)
    groups = _groups(timeline, source.facts)
    seek = _seek(timeline, source.facts)
    arguments = (
        *("-nostdin", "-hide_banner", "-nostats", "-progress", "pipe:1", "-y"),
        *_input(source.facts, seek),
        *("-filter_complex_threads", encoding.THREADS),
        *("-filter_complex", filters.graph(timeline, source.facts.video, seek)),
        *(argument for group, _ in groups for argument in group),
    )
    program = Program(
        engine=Engine.FFMPEG,
        arguments=arguments,
        inputs={CLIP: source.sha256},
        outputs=tuple(output for _, output in groups),
        limits=_limits(timeline, source.facts, seek),
        duration=round(float(timeline.duration), 6),
    )
    return Compiled(program, timeline.promise())


def _groups(timeline: Timeline, facts: MediaFacts) -> list[tuple[tuple[str, ...], Output]]:
    audio = facts.audio[0] if facts.audio else None
    first = encoding.final(timeline, audio)
    return [first, encoding.proxy(audio), encoding.poster()] if timeline.video else [first]


def _input(facts: MediaFacts, seek: Fraction) -> tuple[str, ...]:
    kind = facts.container.split(",")[0]
    if kind not in DEMUXERS:
        raise PermanentError(Code.UNSUPPORTED_MEDIA, f"Files of kind {kind!r} cannot be edited.")
    demuxer = DEMUXERS[kind]
    safe = ("-protocol_whitelist", "file,pipe", "-format_whitelist", demuxer, "-f", demuxer)
    sought = ("-ss", str(seek)) if seek else ()
    return ("-threads", encoding.THREADS, *safe, *sought, "-i", f"file:{{in:{CLIP}}}")


def _seek(timeline: Timeline, facts: MediaFacts) -> Fraction:
    """Whole seconds to seek over: only where the file has an index that makes it exact, and only if it saves much."""
    if timeline.uneven:  # the frame shown at the start may begin at any time before it
        return Fraction(0)
    first_needed = min([timeline.opens or timeline.start, *(fade.start for fade in timeline.active_fades)])
    if DEMUXERS.get(facts.container.split(",")[0]) != "mov" or first_needed < _SEEK_FROM:
        return Fraction(0)
    return Fraction(int(first_needed) - _SEEK_MARGIN)


def _limits(timeline: Timeline, facts: MediaFacts, seek: Fraction) -> Limits:
    """Generous for an honest file on a slow machine, far below what a hostile one would take."""
    video = facts.video
    pixels = max(video.width * video.height, timeline.width * timeline.height) if video else 0
    effort = max(1.0, pixels * float(video.frame_rate) / _HD30) if video else 1.0
    worked = float(timeline.end - seek)
    return Limits(
        wall=timedelta(seconds=min(round(60 + 15 * effort * worked), 5 * 3600)),
        memory_bytes=(2 << 30) + 300 * pixels,
        output_bytes=round((64 << 20) + float(timeline.duration) * effort * 6_000_000),
    )
