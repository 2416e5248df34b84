"""How results are written: the arguments after the filter graph, one group an output."""

from __future__ import annotations

from reel_common.domain.media import AudioFacts
from reel_common.domain.program import Output
from reel_tools.ffmpeg.timeline import Timeline

THREADS = "4"
"""Fixed, not "as many as there are": the number of threads changes the bytes that come out."""

FINAL = Output("final.mp4", "final", "video/mp4")
FINAL_SOUND = Output("final.m4a", "final", "audio/mp4")
PROXY = Output("proxy.mp4", "proxy", "video/mp4")
POSTER = Output("poster.jpg", "poster", "image/jpeg")

# what a camera wrote of place, time and owner does not go with the result; nor do clocks of ours
_CLEAN = ("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-flags", "+bitexact")
# frames keep the times that the filters gave them: none is doubled, none dropped
_TIMES = ("-fps_mode", "passthrough", "-enc_time_base:v", "filter")
_MP4 = ("-movflags", "+faststart", "-f", "mp4")


def final(timeline: Timeline, audio: AudioFacts | None) -> tuple[tuple[str, ...], Output]:
    """H.264 that one cannot tell from the original, AAC; or AAC alone."""
    video = _h264("[v]", crf=18) if timeline.video else ()
    sound = _aac("[a]", _bit_rate(audio), stereo=audio.channels > 8) if audio else ()
    output = FINAL if timeline.video else FINAL_SOUND
    return (*video, *sound, *_CLEAN, *_MP4, _target(output)), output


def proxy(audio: AudioFacts | None) -> tuple[tuple[str, ...], Output]:
    """A small one to look at and move about in: key frames close together."""
    sound = _aac("[pa]", 96, stereo=audio.channels > 2) if audio else ()
    return (*_h264("[pv]", crf=28), "-g", "48", *sound, *_CLEAN, *_MP4, _target(PROXY)), PROXY


def poster() -> tuple[tuple[str, ...], Output]:
    """One picture."""
    picture = ("-map", "[jv]", "-frames:v", "1", "-c:v", "mjpeg", "-q:v", "3", "-threads", "1")
    return (*picture, *_CLEAN, "-f", "mjpeg", _target(POSTER)), POSTER


def _h264(label: str, *, crf: int) -> tuple[str, ...]:
    encoder = ("-c:v", "libx264", "-preset", "veryfast", "-crf", str(crf), "-threads", THREADS)
    return ("-map", label, *encoder, *_TIMES)


def _aac(label: str, kilobits: int, *, stereo: bool) -> tuple[str, ...]:
    return ("-map", label, "-c:a", "aac", "-b:a", f"{kilobits}k", *(("-ac", "2") if stereo else ()))


def _bit_rate(audio: AudioFacts) -> int:
    return 96 * min(max(audio.channels, 1), 6)


def _target(output: Output) -> str:
    return f"file:{{out:{output.name}}}"
