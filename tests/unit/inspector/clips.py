"""Media of every kind for these tests, made by FFmpeg from test patterns; and the knife for lying headers."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import imageio_ffmpeg

PATTERN = ("-f", "lavfi", "-i", "testsrc=d=2:s=320x240:r=30")
TONE = ("-f", "lavfi", "-i", "sine=d=2")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac")


def ffmpeg(*arguments: str) -> None:
    """Runs FFmpeg; the last argument is the file it makes."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments]
    subprocess.run(command, check=True, timeout=60)


def clip(path: Path, *options: str) -> Path:
    """Two seconds of moving pattern and tone."""
    ffmpeg(*PATTERN, *TONE, *H264, *AAC, *options, str(path))
    return path


def patched(source: Path, target: Path, box: bytes, offset: int, value: bytes) -> Path:
    """A copy with bytes changed at an offset into the body of every box of that kind."""
    data = bytearray(source.read_bytes())
    at = data.find(box)
    assert at > 0
    while at > 0:
        data[at + 4 + offset : at + 4 + offset + len(value)] = value
        at = data.find(box, at + 1)
    target.write_bytes(data)
    return target


def crowded(source: Path, target: Path, tracks: int) -> Path:
    """A copy of an MP4 whose index, at its end, names its first track many times over."""
    data = source.read_bytes()
    moov = data.rfind(b"moov") - 4
    trak = data.find(b"trak", moov) - 4
    one = data[trak : trak + struct.unpack(">I", data[trak : trak + 4])[0]]
    body = data[moov + 8 :] + one * tracks
    target.write_bytes(data[:moov] + struct.pack(">I4s", len(body) + 8, b"moov") + body)
    return target


def avi_with_playlist(playlist: bytes) -> bytes:
    """An AVI whose subtitle stream carries a playlist: the lure known as GAB2."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

    def strl(header: bytes, form: bytes) -> bytes:
        return chunk(b"LIST", b"strl" + chunk(b"strh", header) + chunk(b"strf", form))

    def strh(kind: bytes, handler: bytes) -> bytes:
        return kind + handler + struct.pack("<IHHIIIIIIII4H", 0, 0, 0, 0, 1, 25, 0, 25, 0, 0, 0, 0, 0, 32, 32)

    bitmap = struct.pack("<IiiHH4sIiiII", 40, 32, 32, 1, 24, b"MJPG", 3072, 0, 0, 0, 0)
    avih = struct.pack("<14I", 40000, 0, 0, 0x10, 25, 0, 2, 0, 32, 32, 0, 0, 0, 0)
    header = b"hdrl" + chunk(b"avih", avih) + strl(strh(b"vids", b"MJPG"), bitmap) + strl(strh(b"txts", b"\0" * 4), b"")
    gab2 = b"GAB2\0" + struct.pack("<HIH", 2, 4, 0) + b"\0" * 2 + struct.pack("<HI", 4, len(playlist)) + playlist
    movi = b"movi" + chunk(b"01tx", gab2) + chunk(b"00dc", b"\xff\xd8\xff\xd9")
    body = b"AVI " + chunk(b"LIST", header) + chunk(b"LIST", movi)
    return b"RIFF" + struct.pack("<I", len(body)) + body
