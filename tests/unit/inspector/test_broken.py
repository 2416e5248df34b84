"""B21, B26–B28: what is no media, ends early, or claims more than we take."""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path

import pytest

from tests.unit.inspector import clips
from tests.unit.inspector.conftest import Inspect


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"\0", b"Dear diary, today\n" * 400, b"the wide world of text", b"<html><body>hello</body></html>",
     b"\xff\xfeD\0e\0a\0r\0", b"PK\3\4" + b"\0" * 200, b"%PDF-1.7\n", b"\x7fELF" + b"\0" * 60, b"\0" * 5000],
    ids=["empty", "one byte", "one zero", "text", "text like a box", "html", "utf-16", "zip", "pdf", "elf", "zeros"],
)  # fmt: skip
def test_not_media(content: bytes, tmp_path: Path, inspect: Inspect) -> None:
    (path := tmp_path / "x.mp4").write_bytes(content)
    answer = inspect(path)
    assert answer["error"] == "not_media"
    assert answer["detail"].endswith(".")


def test_random_bytes_behind_a_good_start_are_not_media(tmp_path: Path, inspect: Inspect) -> None:
    for start in (b"OggS", b"fLaC", b"FLV\x01", b"\x1a\x45\xdf\xa3", b"\0\0\1\xba", b"ID3"):
        (path := tmp_path / "x.bin").write_bytes(start + os.urandom(2000))
        assert inspect(path)["error"] in ("not_media", "truncated"), start


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_cut_mp4_is_truncated(share: float, good: Path, fast: Path, tmp_path: Path, inspect: Inspect) -> None:
    for source in (good, fast):
        data = source.read_bytes()
        (path := tmp_path / "x.mp4").write_bytes(data[: int(len(data) * share)])
        assert inspect(path)["error"] == "truncated"


def test_media_without_its_index_is_truncated(good: Path, tmp_path: Path, inspect: Inspect) -> None:
    data = good.read_bytes()
    (path := tmp_path / "x.mp4").write_bytes(data[: data.rfind(b"moov") - 4])
    assert inspect(path) == {
        "error": "truncated",
        "detail": "The file ends before its index (its moov box is missing).",
    }


def test_a_hole_where_the_end_should_be_is_truncated(good: Path, tmp_path: Path, inspect: Inspect) -> None:
    """A download that reserved its space and never finished: all lengths are right, the bytes are not there."""
    path = clips.clip(tmp_path / "x.mp4", "-g", "15", "-an", "-movflags", "+faststart")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + b"\0" * (len(data) - len(data) // 2))
    assert inspect(path)["error"] == "truncated"


@pytest.mark.parametrize("kind", ["mkv", "webm", "avi", "wav", "flv", "flac"])
def test_other_kinds_cut_in_half(kind: str, good: Path, tmp_path: Path, inspect: Inspect) -> None:
    """Of most, lengths in the file tell; of flv and flac only that the clock stops early."""
    coding = {"webm": ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"), "wav": ("-vn",), "flac": ("-vn",)}
    again = ("-stream_loop", "4") if kind in ("flv", "flac") else ()
    clips.ffmpeg(*again, "-i", str(good), *coding.get(kind, ("-c", "copy")), str(path := tmp_path / f"x.{kind}"))
    assert "error" not in inspect(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert inspect(path)["error"] == "truncated"


BIG = struct.pack(">I", 0xFFFFFFF0)
LIES = {
    "a film of 10^9 s": (b"mvhd", 12, struct.pack(">II", 1, 1_000_000_000)),
    "a track of 10^9 s": (b"mdhd", 12, struct.pack(">II", 1, 1_000_000_000)),
    "65535 pixels a side": (b"tkhd", 76, struct.pack(">II", 65535 << 16, 65535 << 16)),
    "15360 frames a second": (b"stts", 12, struct.pack(">I", 1)),
    "frames that last for ever": (b"stts", 12, struct.pack(">I", 0x7FFFFFFF)),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_header_that_claims_too_much(lie: tuple[bytes, int, bytes], tmp_path: Path, inspect: Inspect) -> None:
    path = clips.clip(tmp_path / "x.mp4", "-an")
    assert inspect(clips.patched(path, path, *lie))["error"] == "media_limits"


def test_a_million_samples_that_are_not_there(tmp_path: Path, inspect: Inspect) -> None:
    path = clips.clip(tmp_path / "x.mp4", "-an")
    assert "error" in inspect(clips.patched(path, path, b"stsz", 8, BIG))


def test_500_tracks(good: Path, tmp_path: Path, inspect: Inspect) -> None:
    assert inspect(clips.crowded(good, tmp_path / "x.mp4", 500))["error"] == "media_limits"


def test_nine_tracks_in_matroska(tmp_path: Path, inspect: Inspect) -> None:
    clips.ffmpeg(*clips.TONE, "-c:a", "flac", *(["-map", "0:a"] * 9), str(path := tmp_path / "x.mkv"))
    assert inspect(path)["error"] == "media_limits"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e15])
def test_a_duration_that_is_no_number(number: float, good: Path, tmp_path: Path, inspect: Inspect) -> None:
    clips.ffmpeg("-i", str(good), "-c", "copy", str(path := tmp_path / "x.mkv"))
    data = path.read_bytes()
    at = data.index(b"\x44\x89\x88") + 3
    path.write_bytes(data[:at] + struct.pack(">d", number) + data[at + 8 :])
    assert inspect(path)["error"] == "media_limits"


def test_too_many_frames_a_second(tmp_path: Path, inspect: Inspect) -> None:
    clips.ffmpeg("-f", "lavfi", "-i", "testsrc=d=0.2:s=32x32:r=1000", *clips.H264, str(path := tmp_path / "x.mp4"))
    assert inspect(path)["error"] == "media_limits"


def test_a_small_file_of_many_hours(tmp_path: Path, inspect: Inspect) -> None:
    """B28: a few KB of black at one frame a minute, five hours of it; found before a frame is decoded."""
    source = ("-f", "lavfi", "-i", "color=black:s=64x64:r=1/60:d=18000")
    clips.ffmpeg(*source, *clips.H264, str(path := tmp_path / "x.mp4"))
    assert path.stat().st_size < 20_000
    assert inspect(path)["error"] == "media_limits"
