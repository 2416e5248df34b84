"""Inspects media files and prints what it found as one JSON document: the program behind ``Engine.INSPECT``.

It runs alone, by its path, inside of a sandbox and in whatever Python that has: only the standard library and PyAV,
nothing of ours. It opens the named files and no other: the kind is told from the first bytes, the demuxer is named to
libav rather than probed, and playlists, lists and stream descriptions never reach it.

    script.py MODE PATH [MODE PATH ...]        MODE: facts, check or picture

The document is a list with one answer a file: facts, figures, or ``{"error": code, "detail": sentence}``.
"""

from __future__ import annotations

import json
import math
import re
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error
import av.logging
from av.container import InputContainer
from av.stream import Disposition

MAX_SECONDS, MAX_RATE, MAX_SIDE, MAX_TRACKS, MAX_PICTURE_PIXELS = 4 * 3600, 240, 8192, 8, 40_000_000
SNIFFED, WALK = 4096, 600  # bytes read to tell the kind; frames decoded at most to reach a place

Answer = dict[str, Any]


class RefusedError(Exception):
    """The file is not taken: ``code`` is one of the product's, the message a sentence for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


# --- what kind of file: by its first bytes, never by its name ---------------------------------------------------------

PICTURES = {
    b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png", b"GIF8": "gif", b"II*\0": "tiff", b"MM\0*": "tiff",
    b"8BPS": "psd", b"qoif": "qoi", b"\xff\x0a": "jxl", b"\0\0\0\x0cJXL ": "jxl", b"\0\0\0\x0cjP  ": "jpeg 2000",
    b"\x76\x2f\x31\x01": "exr", b"\0\0\1\0": "ico", b"SDPX": "dpx", b"XPDS": "dpx",
}  # fmt: skip
PICTURE_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}
LISTS = re.compile(
    rb"#EXT|ffconcat|v=0\r?\n|WEBVTT|\[Script Info\]|\[playlist\]|\[Reference\]|;FFMETADATA|XBIN|rtsp:|"
    rb"\d+[ \t]*\r?\n\d+:\d\d:\d\d[,.]\d+[ \t]*-->|\{\d+\}\{\d+\}|"
    rb"(<[^\0]*)?<(MPD|SmoothStreamingMedia|smil|svg|SAMI|asx|tt)\b",
    re.IGNORECASE | re.DOTALL,
)
PLAIN = {
    b"\x1a\x45\xdf\xa3": ("matroska", "matroska"), b"OggS": ("ogg", "ogg"), b"fLaC": ("flac", "flac"),
    b"FLV\x01": ("flv", "flv"), b"\0\0\1\xba": ("mpeg", "mpeg"), b"caff": ("caf", "caf"),
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": ("asf", "asf"),
}  # fmt: skip
RIFF = {b"AVI ": ("avi", "avi"), b"WAVE": ("wav", "wav"), b"AIFF": ("aiff", "aiff"), b"AIFC": ("aiff", "aiff")}
ESTIMATED = {"aac", "mp3", "mpeg", "mpegts", "ogg"}  # kinds whose headers give no duration; libav guesses one
INDEXED = {"mov", "mp4", "matroska", "webm"}  # kinds in which one can seek to a place exactly
BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}


def sniff(head: bytes) -> tuple[str, str]:
    """The container's name and that of the one demuxer that may read it."""
    if LISTS.match(head.lstrip(b"\xef\xbb\xbf \t\r\n")):
        raise RefusedError("unsupported_media", "The file is a list or description of other media, not media itself.")
    picture = next((kind for magic, kind in PICTURES.items() if head.startswith(magic)), None)
    if head[8:12] in PICTURE_BRANDS and head[4:8] == b"ftyp":
        picture = "heif"
    if picture or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        raise RefusedError("unsupported_media", f"The file is a picture ({picture or 'webp'}), not video or audio.")
    plain = next((kind for magic, kind in PLAIN.items() if head.startswith(magic)), None)
    if plain == PLAIN[b"\x1a\x45\xdf\xa3"] and b"webm" in head[:64]:
        return "webm", "matroska"
    found = plain or _in_riff(head) or _in_boxes(head) or _in_frames(head)
    if found is None:
        raise RefusedError("not_media", "The file is not video or audio of a known kind.")
    return found


def _in_riff(head: bytes) -> tuple[str, str] | None:
    return RIFF.get(head[8:12]) if head[:4] in (b"RIFF", b"RF64", b"FORM") else None


def _in_boxes(head: bytes) -> tuple[str, str] | None:
    if head[4:8] not in BOXES or not (head[:4] == b"\0\0\0\1" or head[:4] == b"\0\0\0\0" or head[:4] >= b"\0\0\0\x08"):
        return None
    if head[4:8] != b"mdat" and head[0] >= 0x20:  # text has letters where a size is
        return None
    return ("mov" if head[4:12] == b"ftypqt  " or head[4:8] != b"ftyp" else "mp4"), "mov"


def _in_frames(head: bytes) -> tuple[str, str] | None:
    """Kinds without a header of their own: repeated sync bytes."""
    if any(head[at::step][:3] == b"GGG" for at, step in ((0, 188), (4, 192))):
        return "mpegts", "mpegts"
    if head[:3] == b"ID3":
        return "mp3", "mp3"
    if len(head) > 3 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        layer = head[1] >> 1 & 3
        if layer == 0 and head[1] & 0xF0 == 0xF0:
            return "aac", "aac"
        if layer in (1, 2) and head[2] >> 4 not in (0, 15):
            return "mp3", "mp3"
    return None


# --- what the structure says, before libav sees it --------------------------------------------------------------------


def survey(path: Path, container: str) -> bool | None:
    """Refuses what ends early or claims too much; says whether an MP4's index comes before its media (None: no MP4)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if container in ("mp4", "mov"):
            return _survey_boxes(file, size)
        file.seek(0)
        if container in ("matroska", "webm"):
            _survey_number(file.read(SNIFFED))
            file.seek(0)
            end = _segment_end(file)
        elif container in ("avi", "wav"):
            riff, length = struct.unpack("<4sI", file.read(8))
            # RF64 and recorders that never closed their file write no usable length
            end = length + 8 if riff == b"RIFF" and length not in (0, 0xFFFFFFFF) else None
        else:
            end = None
    if end is not None and end > size + 1:
        raise RefusedError("truncated", f"The file has {size} bytes of the {end} that it announces.")
    return None


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Boxes between two offsets as (kind, start of body, end); stops at what is not a box."""
    while at + 8 <= end:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        body = at + 8
        if length == 1:
            wide = file.read(8)
            length, body = (struct.unpack(">Q", wide)[0] if len(wide) == 8 else 0), at + 16
        elif length == 0:  # to the end of the file
            length = end - at
        if length < body - at or not kind.isascii():
            return
        yield kind, body, at + length
        at += length


def _survey_boxes(file: BinaryIO, size: int) -> bool:
    order: list[bytes] = []
    for kind, body, end in _boxes(file, 0, size):
        if kind in (b"moov", b"mdat", b"moof"):
            if end > size:
                raise RefusedError("truncated", f"The file has {size} bytes of the {end} that it announces.")
            order.append(kind)
        if kind == b"moov":
            _survey_index(file, body, end)
    if b"moov" not in order:
        raise RefusedError("truncated", "The file ends before its index (its moov box is missing).")
    return b"mdat" not in order[: order.index(b"moov")]


def _survey_index(file: BinaryIO, at: int, end: int, depth: int = 0) -> None:
    tracks = 0
    for kind, body, stop in _boxes(file, at, end):
        tracks += kind == b"trak"
        if tracks > MAX_TRACKS:
            raise RefusedError("media_limits", f"The file has more than {MAX_TRACKS} tracks.")
        if kind in (b"trak", b"mdia") and depth < 2:
            _survey_index(file, body, min(stop, end), depth + 1)
        elif kind in (b"mvhd", b"mdhd", b"tkhd"):
            file.seek(body)
            _survey_header(kind, file.read(min(stop - body, 128)))


def _survey_header(kind: bytes, body: bytes) -> None:
    try:
        if kind == b"tkhd":
            width, height = struct.unpack_from(">II", body, 88 if body[0] == 1 else 76)
            within_sides(width >> 16, height >> 16)
            return
        scale, length = struct.unpack_from(">IQ", body, 20) if body[0] == 1 else struct.unpack_from(">II", body, 12)
    except (struct.error, IndexError):
        raise RefusedError("not_media", "The file's index cannot be read.") from None
    unknown = length in (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)  # "no duration given", as in fragmented files
    if scale and not unknown:
        within_duration(length / scale)


def _segment_end(file: BinaryIO) -> int | None:
    """Where a Matroska file's one segment ends, if it says so (live recordings do not)."""
    for want in (0x1A45DFA3, 0x18538067):
        found, length = _vint(file, keep_marker=True), _vint(file, keep_marker=False)
        if found != want or length is None:
            return None
        if want == 0x18538067:
            return file.tell() + length
        file.seek(length, 1)
    return None


def _survey_number(head: bytes) -> None:
    """Matroska gives its duration as a float, which may be no number at all."""
    found = re.search(rb"\x44\x89(?:\x84(.{4})|\x88(.{8}))", head, re.DOTALL)
    if found and not math.isfinite(struct.unpack(">f" if found[1] else ">d", found[1] or found[2])[0]):
        raise RefusedError("media_limits", "The file's duration is not a number.")


def _vint(file: BinaryIO, *, keep_marker: bool) -> int | None:
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(width - 1), "big")
    bits = 7 * width
    if not keep_marker and value & ((1 << bits) - 1) == (1 << bits) - 1:
        return None
    return value if keep_marker else value & ((1 << bits) - 1)


def within_duration(seconds: float) -> None:
    """Refuses what is longer than we take, and what is no number."""
    if not 0 <= seconds <= MAX_SECONDS:
        raise RefusedError("media_limits", f"The file is {seconds:.0f} s long; the limit is {MAX_SECONDS} s.")


def within_sides(width: int, height: int) -> None:
    """Refuses pictures that are larger than we take."""
    if max(width, height) > MAX_SIDE:
        raise RefusedError("media_limits", f"The picture is {width}x{height}; the limit is {MAX_SIDE}x{MAX_SIDE}.")


# --- what libav says --------------------------------------------------------------------------------------------------


def opened(path: Path, demuxer: str) -> InputContainer:
    """The file behind one demuxer, which may open no other file and no address."""
    safe = {"protocol_whitelist": "file", "format_whitelist": demuxer}
    return av.open(f"file:{path}", format=demuxer, options=safe, metadata_errors="replace")


def streams_of(source: InputContainer) -> tuple[Any, list[Any]]:
    """The video stream that moves (a cover picture is none) or None, and the audio streams."""
    if len(source.streams) > MAX_TRACKS:
        raise RefusedError("media_limits", f"The file has {len(source.streams)} tracks; the limit is {MAX_TRACKS}.")
    moving = [s for s in source.streams.video if not s.disposition & Disposition.attached_pic]
    audio = [s for s in source.streams.audio if s.codec_context is not None and s.codec_context.sample_rate > 0]
    video: Any = moving[0] if moving else None
    if video is not None:
        if video.codec_context is None or not video.codec_context.width:
            raise RefusedError("unsupported_media", "The video is in a form that cannot be decoded (or is encrypted).")
        within_sides(video.codec_context.width, video.codec_context.height)
    elif not audio:
        raise RefusedError("not_media", "The file has neither video nor audio that can be read.")
    return video, audio


class Tally:
    """What was demuxed of a stream; times in seconds."""

    def __init__(self, time_base: Fraction) -> None:
        self.time_base, self.monotonic = time_base, True
        self.stamps: list[int] = []
        self._end, self._dts = 0, -(1 << 63)

    def add(self, packet: Any) -> None:
        """Counts one packet that is shown."""
        stamp = packet.dts if packet.pts is None else packet.pts
        self.stamps.append(self._end if stamp is None else stamp)
        self._end = max(self._end, self.stamps[-1] + (packet.duration or 0))
        if packet.dts is not None:
            self.monotonic &= packet.dts > self._dts
            self._dts = packet.dts

    @property
    def first(self) -> float:
        """When the first frame is shown; before 0 there is an encoder's delay, which is not."""
        return float(max(0, min(self.stamps, default=0)) * self.time_base)

    @property
    def last(self) -> float:
        """When the last frame begins."""
        return float(max(self.stamps, default=0) * self.time_base)

    @property
    def end(self) -> float:
        """When the last frame ends."""
        return float(self._end * self.time_base)

    def rate(self, stream: Any) -> Fraction:
        """Frames a second, within the limit: the usual rate where it is kept, else the average. One frame has none: 25."""
        steps = [after - before for before, after in pairwise(sorted(self.stamps))]
        usual = Counter(steps).most_common(1)[0][0] if steps else 0
        regular = [step for step in steps if abs(step - usual) <= 1]  # ticks may be too coarse for the rate
        if sum(regular) * 10 < sum(steps) * 9:
            regular = steps
        if not sum(regular):
            return Fraction(25)
        seen = Fraction(len(regular), sum(regular)) / self.time_base
        if min(regular) != max(regular):
            given = (Fraction(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate)
            seen = next((rate for rate in given if abs(rate - seen) * 50 <= seen), seen.limit_denominator(1_000_000))
        if seen > MAX_RATE:
            raise RefusedError("media_limits", f"The video has {float(seen):.0f} frames/s; the limit is {MAX_RATE}.")
        return seen


def demuxed(source: InputContainer, streams: list[Any]) -> dict[int, Tally]:
    """Reads every packet of these streams: headers may lie, packets are there or not."""
    tallies = {s.index: Tally(s.time_base) for s in streams}
    try:
        for packet in source.demux(streams):
            if packet.size and not packet.is_discard:
                tallies[packet.stream_index].add(packet)
    except av.error.FFmpegError:
        raise RefusedError("truncated", "The file cannot be read to its end.") from None
    return tallies


def first_frame(path: Path, demuxer: str, index: int) -> Any:
    """The first frame of a stream that can be decoded, read from the start (not all kinds can seek there)."""
    with opened(path, demuxer) as source:
        stream: Any = source.streams[index]
        stream.codec_context.thread_count = 1  # every further thread holds a frame, and frames may be huge
        frame = next(decoded(source, stream, strict=False), None)
        if frame is None:
            raise RefusedError("not_media", f"The {stream.type} cannot be decoded.")
        return frame


def frame_at(source: InputContainer, stream: Any, at: float, *, strict: bool) -> Any:
    """The first frame not before ``at`` seconds, or the last if that is about there. ``strict``: all must decode."""
    source.seek(round(at / stream.time_base), stream=stream)
    near = at - float(1 / (2 * (stream.average_rate or 25))) if stream.type == "video" else at
    frame = None
    for n, frame in enumerate(decoded(source, stream, strict=strict)):
        if n == WALK or frame.time is None or frame.time >= near:
            return frame
    return frame if frame is not None and frame.time > at - 2 else None


def decoded(source: InputContainer, stream: Any, *, strict: bool) -> Iterator[Any]:
    """Frames from where the file stands; packets that cannot be decoded are passed over unless ``strict``."""
    for packet in source.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            if strict:
                raise


def codec_of(stream: Any) -> str:
    """The name of what the stream is coded in, not that of the decoder."""
    codec = stream.codec_context.codec
    return str(getattr(codec, "canonical_name", codec.name))[:64]


def sights(stream: Any, tally: Tally, frame: Any) -> Answer:
    """A video stream's facts: sides as shown, and how far it has to be turned (clockwise) for that."""
    turn = round(-float(getattr(frame, "rotation", 0)) / 90) * 90 % 360
    sides = stream.codec_context.width, stream.codec_context.height
    width, height = sides[::-1] if turn in (90, 270) else sides
    rate = tally.rate(stream)
    return {
        "codec": codec_of(stream),
        "width": width,
        "height": height,
        "rotation": turn,
        "frame_rate": f"{rate.numerator}/{rate.denominator}",
        "pixel_format": frame.format.name,
        "frames": len(tally.stamps),
    }


def sounds(stream: Any) -> Answer:
    """An audio stream's facts."""
    context = stream.codec_context
    return {"codec": codec_of(stream), "sample_rate": context.sample_rate, "channels": context.layout.nb_channels}


# --- the modes --------------------------------------------------------------------------------------------------------


def facts(path: Path) -> Answer:
    """What an upload is: kind, duration, streams. Refuses what is broken, too large or no media."""
    container, demuxer = sniff(head_of(path))
    survey(path, container)
    with opened(path, demuxer) as source:
        video, audio = streams_of(source)
        streams = [s for s in (video, *audio) if s is not None]
        tallies = demuxed(source, streams)
        seconds = lasting(source, container, [t for t in tallies.values() if t.stamps])
        if video is not None:
            tallies[video.index].rate(video)  # limits come before decoding
        main, tally = streams[0], tallies[streams[0].index]
        first = first_frame(path, demuxer, main.index)
        if container in INDEXED and frame_at(source, main, tally.last, strict=False) is None:
            raise RefusedError("truncated", "The end of the file cannot be decoded.")
        return {
            "container": container,
            "duration": seconds,
            "size": path.stat().st_size,
            "video": sights(video, tally, first) if video is not None else None,
            "audio": [sounds(s) for s in audio],
        }


def lasting(source: InputContainer, container: str, tallies: list[Tally]) -> float:
    """How long the file is, by its packets; they have to reach what its headers announce."""
    if not tallies:
        raise RefusedError("not_media", "The file has tracks and nothing in them.")
    reached = max(t.end for t in tallies) - min(t.first for t in tallies)
    if container not in ESTIMATED and source.duration is not None:
        announced = source.duration / 1_000_000
        within_duration(announced)
        if announced - reached > max(2.0, announced / 20):
            raise RefusedError("truncated", f"The file announces {announced:.1f} s and ends after {reached:.1f} s.")
    within_duration(reached)
    return reached


def check(path: Path) -> Answer:
    """What a result is: every packet counted, three places decoded."""
    container, demuxer = sniff(head_of(path))
    faststart = survey(path, container)
    with opened(path, demuxer) as source:
        video, audio = streams_of(source)
        streams = [s for s in (video, *audio[:1]) if s is not None]
        tallies = demuxed(source, streams)
        main, tally = streams[0], tallies[streams[0].index]
        places = tally.first, (tally.first + tally.last) / 2, tally.last
        samples = [sampled(source, main, at) for at in places]
        first = first_frame(path, demuxer, main.index)
        seen, heard = ([(s, tallies[s.index]) for s in streams if s.type == kind] for kind in ("video", "audio"))
        return {
            "container": container,
            "size": path.stat().st_size,
            "faststart": faststart,
            "monotonic": all(t.monotonic for t in tallies.values()),
            "video": next((sights(s, t, first) | {"duration": t.end - t.first} for s, t in seen), None),
            "audio": next(
                (sounds(s) | {"packets": len(t.stamps), "duration": t.end - t.first} for s, t in heard), None
            ),
            "samples": samples,
        }


def sampled(source: InputContainer, stream: Any, at: float) -> Answer:
    """One place, decoded: brightness 0–255 on average and at its brightest, and the picture's sides."""
    try:
        frame = frame_at(source, stream, at, strict=True)
    except av.error.FFmpegError as error:
        return {"at": at, "error": type(error).__name__}
    if frame is None or frame.is_corrupt:
        return {"at": at, "error": "nothing there" if frame is None else "corrupt"}
    if stream.type != "video":
        return {"at": at}
    small = frame.reformat(width=min(frame.width, 320), height=min(frame.height, 320), format="gray")
    plane = bytes(small.planes[0])
    rows = [plane[y * small.planes[0].line_size :][: small.width] for y in range(small.height)]
    mean = sum(map(sum, rows)) / (small.width * small.height)
    return {"at": at, "luma": mean, "peak": max(map(max, rows)), "width": frame.width, "height": frame.height}


def picture(path: Path) -> Answer:
    """A JPEG's or PNG's sides, decoded to prove that it is one."""
    kind = next((kind for magic, kind in PICTURES.items() if head_of(path).startswith(magic)), "")
    if kind not in ("jpeg", "png"):
        raise RefusedError("not_media", "The file is not a JPEG or PNG picture.")
    with opened(path, f"{kind}_pipe") as source:
        stream = source.streams.video[0]
        within_sides(stream.width, stream.height)
        if stream.width * stream.height > MAX_PICTURE_PIXELS:
            raise RefusedError("media_limits", f"The picture is {stream.width}x{stream.height}.")
        frame = next(source.decode(stream), None)
        if frame is None:
            raise RefusedError("not_media", "The picture cannot be decoded.")
        return {"kind": kind, "width": frame.width, "height": frame.height}


MODES: dict[str, Callable[[Path], Answer]] = {"facts": facts, "check": check, "picture": picture}


def head_of(path: Path) -> bytes:
    """The first bytes."""
    with path.open("rb") as file:
        head = file.read(SNIFFED)
    if not head:
        raise RefusedError("not_media", "The file is empty.")
    return head


def answer(mode: str, path: Path) -> Answer:
    """What the mode finds in the file. Whatever a file makes go wrong becomes an answer, not a traceback."""
    try:
        return MODES[mode](path)
    except RefusedError as refusal:
        return {"error": refusal.code, "detail": str(refusal)}
    except MemoryError:
        return {"error": "media_limits", "detail": "The file needs more memory than there is to read it."}
    except Exception as error:  # noqa: BLE001  hostile bytes find every way to fail
        return {"error": "not_media", "detail": f"The file cannot be read ({type(error).__name__})."}


def main(arguments: list[str]) -> int:
    """Runs the modes asked for. A non-zero exit means that it was called wrongly."""
    pairs = list(zip(arguments[::2], arguments[1::2], strict=False))
    if not pairs or len(arguments) % 2 or any(mode not in MODES for mode, _ in pairs):
        print("usage: script.py MODE PATH [MODE PATH ...]", file=sys.stderr)  # noqa: T201
        return 2
    av.logging.set_level(av.logging.PANIC)  # libav would repeat the file's own words
    json.dump([answer(mode, Path(path)) for mode, path in pairs], sys.stdout, allow_nan=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
