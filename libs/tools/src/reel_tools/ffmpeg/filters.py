"""Filter graphs: what is left of the original, once, and split for each output.

Filters work in seconds of the original (less what was sought over); only the last one of a chain moves the result to 0.
So a fade that a trim cuts in half needs no arithmetic of its own.
"""

from __future__ import annotations

from fractions import Fraction

from reel_common.domain.media import VideoFacts
from reel_tools.ffmpeg.timeline import SLACK, FadeSpan, Timeline

PROXY_SHORT, PROXY_LONG = 540, 960
"""Bounds of a proxy's and a poster's sides in pixels."""

MEASURE_VIDEO = "blackdetect=d=0.5:pix_th=0.1"
MEASURE_AUDIO = "silencedetect=n=-60dB:d=0.5,ebur128=framelog=quiet"
"""Filters that let everything through and write what they saw to stderr."""

_MS = Fraction(1, 1000)


def graph(timeline: Timeline, source: VideoFacts | None, seek: Fraction) -> str:
    """The whole graph. Its ends are ``v``, ``pv`` and ``jv`` (final, proxy, poster), ``a`` and ``pa``."""
    chains: list[str] = []
    if source is not None:
        small = ":".join(map(str, small_sides(timeline)))
        chains += [
            f"[0:V:0]{_picture(timeline, source, seek)},split=3[v][small][still]",
            f"[small]scale={small},{MEASURE_VIDEO}[pv]",
            f"[still]{_poster(timeline)},scale={small}[jv]",
        ]
    if timeline.audio:
        chains.append(f"[0:a:0]{_sound(timeline, seek)},asplit=2[a][heard]")
        # The resampler keeps what the proxy wants (two channels) from being agreed on for the final as well.
        # Without a picture there is no proxy: its sound is measured and goes nowhere.
        chains.append(f"[heard]{MEASURE_AUDIO}," + ("aresample[pa]" if source is not None else "anullsink"))
    return ";".join(chains)


def small_sides(timeline: Timeline) -> tuple[int, int]:
    """Sides of proxy and poster: within their bounds, never more than the final has."""
    short, long = sorted((timeline.width, timeline.height))
    scale = min(Fraction(PROXY_SHORT, short), Fraction(PROXY_LONG, long), Fraction(1))
    return max(2, round(timeline.width * scale / 2) * 2), max(2, round(timeline.height * scale / 2) * 2)


def _picture(timeline: Timeline, source: VideoFacts, seek: Fraction) -> str:
    parts = [*_stretch(timeline, seek), *_sized(timeline, source)]
    # one pixel format and range from here on: the fade's black is then black
    parts += ["setsar=1", "format=yuv420p"]
    parts += [_fade(span, timeline, seek) for span in timeline.active_fades]
    begin = timeline.start - seek
    # the first frame is shown from 0 on, even if it begins a little later than the sound that belongs to it
    parts.append(f"setpts='round(if(eq(N,0),0,PTS-min(STARTPTS,{begin}/TB)))'")
    return ",".join(parts)


def _stretch(timeline: Timeline, seek: Fraction) -> list[str]:
    if not timeline.uneven:
        return _trim("trim", timeline.opens, timeline.closes, seek + SLACK)
    # a tick shows the last frame that began by then, give or take half a tick: be it long before the stretch, or the
    # very last one for as long as the stretch goes on
    ticks = f"fps={timeline.rate}:start_time={_time(timeline.start)}:round=near"
    return [ticks, "tpad=stop_mode=clone:stop=-1", *_trim("trim", None, timeline.end, SLACK)]


def _sized(timeline: Timeline, source: VideoFacts) -> list[str]:
    if timeline.resized:
        return [_scale(timeline.width, timeline.height, source)]
    # of an odd picture the last line or column is cut off, which leaves the others as sharp as they were
    odd = (source.width, source.height) != (timeline.width, timeline.height) and min(source.width, source.height) > 1
    if odd:
        return [_scale(source.width, source.height, source), f"crop={timeline.width}:{timeline.height}:0:0"]
    return [_scale(timeline.width, timeline.height, source)]


def _scale(width: int, height: int, source: VideoFacts) -> str:
    # colours without a matrix of their own get the one that players assume of H.264 in HD
    matrix = ":out_color_matrix=bt709" if source.pixel_format.startswith(_RGB) else ""
    return f"scale={width}:{height}:flags=lanczos:out_range=tv{matrix}"


_RGB = ("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8")


def _sound(timeline: Timeline, seek: Fraction) -> str:
    length = _time(timeline.duration)
    # gaps in the sound become silence, so that it stays with the picture
    parts = ["aresample=async=1:first_pts=0"]
    opens = timeline.start or None
    parts += _trim("atrim", opens, timeline.end, seek)
    parts += [_afade(span, seek) for span in timeline.active_fades if span.audio]
    return ",".join([*parts, "asetpts=PTS-STARTPTS", f"apad=whole_dur={length}"])


def _trim(name: str, opens: Fraction | None, closes: Fraction | None, seek: Fraction) -> list[str]:
    bounds = [("start", opens), ("end", closes)]
    given = [f"{key}={_time(max(time - seek, Fraction(0)))}" for key, time in bounds if time is not None]
    return [f"{name}={':'.join(given)}"] if given else []


def _fade(span: FadeSpan, timeline: Timeline, seek: Fraction) -> str:
    length = span.end - span.start
    if span.direction == "out":
        # the last frame is to be black, and it begins a frame before the end
        length = max(length - timeline.grain - _MS, _MS)
    return f"fade=t={span.direction}:st={_time(span.start - seek)}:d={_time(length)}"


def _afade(span: FadeSpan, seek: Fraction) -> str:
    return f"afade=t={span.direction}:st={_time(span.start - seek)}:d={_time(span.end - span.start)}"


def _poster(timeline: Timeline) -> str:
    """The frame at a tenth of the length, or where a fade-in is over; the last one again where no frame is so late."""
    promise = timeline.promise()
    after_fade = min(Fraction(promise.fade_in), timeline.duration / 2)
    at = max(timeline.duration / 10, after_fade)
    at = max(int(at / timeline.grain) * timeline.grain - SLACK, Fraction(0))
    return f"tpad=stop_mode=clone:stop_duration={_time(timeline.duration)},trim=start={_time(at)}"


def _time(time: Fraction) -> str:
    """Seconds to the microsecond, which is as fine as FFmpeg reads them."""
    return f"{float(time):.6f}".rstrip("0").rstrip(".") or "0"
