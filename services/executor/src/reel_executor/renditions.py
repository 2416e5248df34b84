"""The program that makes what people look at while they edit: a small proxy and a poster, in one FFmpeg run."""

from __future__ import annotations

from datetime import timedelta

from reel_common.domain.media import MediaFacts, VideoFacts
from reel_common.domain.program import Engine, Limits, Program
from reel_tools.ffmpeg.compiling import DEMUXERS
from reel_tools.ffmpeg.encoding import POSTER, PROXY
from reel_tools.ffmpeg.filters import PROXY_LONG, PROXY_SHORT

QUIET = ("-nostdin", "-hide_banner", "-nostats", "-progress", "pipe:1", "-y")
THREADS = ("-threads", "2")
"""Fixed, so that the same program makes the same bytes on any machine."""
NAMELESS = ("-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn")
"""Renditions carry neither places nor names of the original."""


def renditions(sha256: str, facts: MediaFacts) -> Program | None:
    """Proxy and poster of a video; sound alone has neither."""
    video = facts.video
    if video is None:
        return None
    demuxer = DEMUXERS[facts.container]
    # no address is followed and no list, playlist or stream description is read (S21)
    safe = ("-protocol_whitelist", "file,pipe", "-format_whitelist", demuxer, "-f", demuxer)
    width, height = proxy_sides(video)
    scale = f"scale=w={width}:h={height}:flags=bilinear"
    sound = ("-map", "0:a:0", "-c:a", "aac", "-b:a", "96k", "-ac", "2") if facts.audio else ("-an",)
    # a tenth in, past a fade from black
    tenth = float(video.frames / video.frame_rate) / 10
    still = f"select=gte(t\\,{tenth:.3f}),{scale}" if video.frames > 10 else scale
    return Program(
        engine=Engine.FFMPEG,
        arguments=(
            *QUIET,
            *safe,
            *THREADS,
            *("-i", "file:{in:media}"),
            *("-map", "0:V:0", *sound, *NAMELESS, "-vf", scale, "-fpsmax", "60"),
            *("-c:v", "libx264", "-preset", "veryfast", "-crf", "28", "-pix_fmt", "yuv420p", *THREADS),
            *("-movflags", "+faststart", "-f", "mp4", "file:{out:proxy.mp4}"),
            *("-map", "0:V:0", *NAMELESS, "-vf", still, "-frames:v", "1"),
            *("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "4", *THREADS, "-f", "image2", "-update", "1"),
            "file:{out:poster.jpg}",
        ),
        inputs={"media": sha256},
        outputs=(PROXY, POSTER),
        # 4K takes about as long as it lasts; a file made to take for ever is stopped
        limits=Limits(
            wall=timedelta(seconds=min(6000, 120 + 6 * facts.duration)),
            memory_bytes=(2 << 30) + 300 * video.width * video.height,
            output_bytes=2 << 30,
        ),
        duration=facts.duration,
    )


def proxy_sides(video: VideoFacts) -> tuple[int, int]:
    """The sides of a proxy: those of the video, made smaller where they are over their bounds, and even."""
    sides = sorted((video.width, video.height))
    share = min(1.0, PROXY_SHORT / sides[0], PROXY_LONG / sides[1])
    return _even(video.width * share), _even(video.height * share)


def _even(side: float) -> int:
    return max(2, round(side / 2) * 2)
