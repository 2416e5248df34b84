"""Small clips that say which frame and which second one looks at, for tests and demonstrations.

Every frame carries its number as black and white blocks over the whole picture, every second of sound has a pitch of
its own. A cut one frame off, a wrong order or a shifted sound can so be read back from what was made of the clip.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

COLUMNS, ROWS = 6, 3
BITS = COLUMNS * ROWS - 2
"""Bits of a frame's number; the last two blocks are always white and always black, to read faded frames by."""

BLACK, WHITE = 16, 235
"""Luma of the blocks, limited range."""

Picture = npt.NDArray[np.uint8]
Sound = npt.NDArray[np.float32]


class UnreadableError(ValueError):
    """The picture carries no frame number: it is no frame of such a clip, or too dark to read."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A decoded frame: when it is shown (seconds), and its luma."""

    time: float
    luma: Picture


def make_clip(
    path: Path,
    *,
    seconds: float = 10,
    fps: Fraction | int = 30,
    size: tuple[int, int] = (192, 108),
    audio: int | bool = True,
    times: Sequence[float] | None = None,
    rotation: int = 0,
    pixel_format: str = "yuv420p",
    video_codec: str = "libx264",
    audio_codec: str = "aac",
    sample_rate: int = 48_000,
    key_every: int = 250,
) -> Path:
    """Writes a clip; the kind of file is that of the path's suffix.

    ``size`` in pixels as shown, after ``rotation`` (0, 90, 180 or 270 degrees clockwise, MP4 and MOV only).
    ``audio`` is the number of audio tracks. ``times`` gives each frame's own time (a variable rate) instead of
    ``seconds`` and ``fps``. ``key_every`` is the greatest distance of key frames.
    """
    rate = Fraction(fps)
    stamps = times or [float(n / rate) for n in range(round(seconds * rate))]
    length = float(seconds) if times is None else stamps[-1] + float(1 / rate)
    with av.open(str(path), "w") as target:
        video: Any = target.add_stream(video_codec, rate=rate, options=_options(video_codec, key_every))
        video.width, video.height = size[::-1] if rotation in (90, 270) else size
        video.pix_fmt = pixel_format
        # a variable rate needs fine ticks; a fixed one is exact only in ticks of one frame
        video.codec_context.time_base = 1 / rate if times is None else Fraction(1, 90_000)
        video.codec_context.thread_count = 1
        sounds = [_sound_stream(target, audio_codec, sample_rate) for _ in range(int(audio))]
        for number, stamp in enumerate(stamps):
            target.mux(video.encode(_frame(number, stamp, size, rotation, pixel_format, video.codec_context.time_base)))
        target.mux(video.encode(None))
        for track, stream in enumerate(sounds):
            _sing(target, stream, length, sample_rate, pitch_offset=track * 1000)
    if rotation:
        _turn(path, rotation)
    return path


def make_sound(path: Path, *, seconds: float = 10, audio_codec: str = "aac", sample_rate: int = 48_000) -> Path:
    """Writes a file with sound alone."""
    with av.open(str(path), "w") as target:
        _sing(target, _sound_stream(target, audio_codec, sample_rate), seconds, sample_rate, pitch_offset=0)
    return path


def draw_frame_number(number: int, size: tuple[int, int]) -> Picture:
    """The luma of a frame that carries ``number``."""
    width, height = size
    bits = [number >> bit & 1 for bit in range(BITS)] + [1, 0]
    blocks = np.array(bits, dtype=np.uint8).reshape(ROWS, COLUMNS)
    columns = np.arange(width) * COLUMNS // width
    rows = np.arange(height) * ROWS // height
    lit = blocks[rows][:, columns]
    return np.where(lit == 1, np.uint8(WHITE), np.uint8(BLACK)).astype(np.uint8)


def read_frame_number(picture: Picture) -> int:
    """The number on a frame, whatever its size, and however far it is faded. Raises: UnreadableError."""
    height, width = picture.shape
    if width < 2 * COLUMNS or height < 2 * ROWS:
        raise UnreadableError("the picture is too small")
    levels = [
        picture[_middle(row, ROWS, height), _middle(column, COLUMNS, width)].mean()
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]
    white, black = levels[-2], levels[-1]
    if white - black < 12:
        raise UnreadableError("the picture is too dark to read")
    shares = [(level - black) / (white - black) for level in levels[:-2]]
    if any(0.25 < share < 0.75 for share in shares):
        raise UnreadableError("the picture shows no such blocks, or several frames at once")
    return sum(1 << bit for bit, share in enumerate(shares) if share > 0.5)


def read_brightness(picture: Picture) -> float:
    """The luma of the block that is always white: how far the frame is faded."""
    height, width = picture.shape
    return float(picture[_middle(ROWS - 1, ROWS, height), _middle(COLUMNS - 2, COLUMNS, width)].mean())


def pitch_of(second: int) -> int:
    """The pitch, in hertz, of a second of the first audio track; the next track lies 1000 Hz above."""
    return 300 + 50 * (second % 60)


def read_pitch(sound: Sound, sample_rate: int) -> float:
    """The strongest pitch of some sound, in hertz; a tenth of a second tells whole seconds apart."""
    window = np.hanning(len(sound)).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(sound * window, n=8 * len(sound)))
    return float(np.argmax(spectrum)) * sample_rate / (8 * len(sound))


def read_frames(path: Path) -> Iterator[Sight]:
    """The frames of a file's first video track as they are stored (no rotation is applied)."""
    with av.open(str(path)) as source:
        for frame in source.decode(video=0):
            yield Sight(
                time=float(frame.time or 0), luma=np.asarray(frame.reformat(format="gray").to_ndarray(), dtype=np.uint8)
            )


def read_sound(path: Path, sample_rate: int = 48_000) -> Sound:
    """The samples of a file's first audio track, mixed to one channel, from its first sample on."""
    with av.open(str(path)) as source:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
        frames = [out for frame in source.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]) if frames else np.zeros(0, np.float32)


def _middle(index: int, count: int, length: int) -> slice:
    """The inner half of a block, where neither codec nor scaling has mixed it with its neighbours."""
    start, end = length * index / count, length * (index + 1) / count
    quarter = (end - start) / 4
    return slice(round(start + quarter), max(round(end - quarter), round(start + quarter) + 1))


def _options(codec: str, key_every: int) -> dict[str, str]:
    if codec not in ("libx264", "libx265"):
        return {}
    return {"preset": "ultrafast", "crf": "12", "g": str(key_every), "bf": "2"}


def _frame(
    number: int, stamp: float, size: tuple[int, int], rotation: int, pixel_format: str, base: Fraction
) -> av.VideoFrame:
    # numpy turns counter-clockwise, and the file is stored turned back by as much as it is to be turned when shown
    stored = np.ascontiguousarray(np.rot90(draw_frame_number(number, size), rotation // 90))
    frame = av.VideoFrame.from_ndarray(_coloured(stored), format="yuv444p").reformat(format=pixel_format)
    frame.pts, frame.time_base = round(Fraction(stamp) / base), base
    return frame


def _coloured(luma: Picture) -> Picture:
    """With a tint, so that a wrong colour can be seen; all of one colour, so that chroma planes may be halved."""
    return np.stack([luma, np.full_like(luma, 110), np.full_like(luma, 150)])


def _sound_stream(target: Any, codec: str, sample_rate: int) -> Any:
    stream = target.add_stream(codec, rate=sample_rate)
    stream.codec_context.layout = "stereo"
    return stream


def _sing(target: Any, stream: Any, seconds: float, sample_rate: int, *, pitch_offset: int) -> None:
    """Encodes the tones of each second into a stream."""
    total = round(seconds * sample_rate)
    at = np.arange(total) / sample_rate
    pitches = np.array([pitch_of(int(second)) + pitch_offset for second in range(int(seconds) + 1)], dtype=np.float64)
    phase = np.cumsum(2 * np.pi * pitches[at.astype(np.int64)] / sample_rate)
    samples = (0.4 * np.sin(phase)).astype(np.float32)
    for start in range(0, total, 1024):
        chunk = samples[start : start + 1024]
        frame = av.AudioFrame.from_ndarray(np.stack([chunk, chunk]), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, start, Fraction(1, sample_rate)
        target.mux(stream.encode(frame))
    target.mux(stream.encode(None))


def _turn(path: Path, rotation: int) -> None:
    """Writes the display matrix into the first track's header, as a telephone held upright does."""
    one = 1 << 16
    a, b, c, d = {90: (0, one, -one, 0), 180: (-one, 0, 0, -one), 270: (0, -one, one, 0)}[rotation]
    data = bytearray(path.read_bytes())
    matrix_at = data.index(b"tkhd") + 4 + 40
    data[matrix_at : matrix_at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
