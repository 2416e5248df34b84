"""The form of programs: one run, safe to start on hostile files, the same to the byte for the same request."""

from __future__ import annotations

import re
import shlex
from fractions import Fraction

import pytest

from reel_common.domain.media import MediaFacts
from reel_common.domain.program import Engine, Program, program_from_json
from reel_common.errors import Code, PermanentError
from reel_common.ports.tool import Compiled, Operation, Source
from reel_tools.ffmpeg import FFmpeg, readable
from reel_tools.ffmpeg.compiling import DEMUXERS
from reel_tools.ffmpeg.operations import Fade, Resize, Trim
from reel_tools.inspector import CONTAINERS
from tests.unit.ffmpeg.test_walk import IN, OUT, facts

SHA = "ab" * 32


def compiled(media: MediaFacts, *operations: Operation) -> Compiled:
    return FFmpeg().compile(operations, [Source(SHA, media)])


def graph(program: Program) -> str:
    return program.arguments[program.arguments.index("-filter_complex") + 1]


def test_the_form_of_a_program() -> None:
    made = compiled(facts(), Trim(start=3.0, end=8.0), Resize(height=720), OUT)
    program = made.program
    assert program.engine is Engine.FFMPEG
    assert program.inputs == {"clip": SHA}
    assert [(o.name, o.role, o.media_type, o.required) for o in program.outputs] == [
        ("final.mp4", "final", "video/mp4", True),
        ("proxy.mp4", "proxy", "video/mp4", True),
        ("poster.jpg", "poster", "image/jpeg", True),
    ]
    assert program.duration == made.promise.duration == 5.0
    assert program_from_json(program.as_json()) == program
    assert graph(program).startswith(
        "[0:V:0]trim=start=2.9995:end=7.9995,scale=1280:720:flags=lanczos:out_range=tv,setsar=1,format=yuv420p,"
        "fade=t=out:st=7:d=0.965667,setpts='round(if(eq(N,0),0,PTS-min(STARTPTS,3/TB)))',split=3[v][small][still];"
    )
    assert "[0:a:0]aresample=async=1:first_pts=0,atrim=start=3:end=8,afade=t=out:st=7:d=1," in graph(program)


def test_every_input_is_read_by_one_demuxer_and_from_a_file() -> None:
    for container, demuxer in DEMUXERS.items():
        media = MediaFacts(container, 10.0, 1000, facts().video, facts().audio)
        arguments = compiled(media).program.arguments
        before = arguments[: arguments.index("-i")]
        assert before[before.index("-protocol_whitelist") + 1] == "file,pipe"
        assert before[before.index("-format_whitelist") + 1] == before[before.index("-f") + 1] == demuxer
        assert arguments[arguments.index("-i") + 1] == "file:{in:clip}"
    assert set(DEMUXERS) == set(CONTAINERS)
    assert not {"hls", "concat", "dash", "sdp", "srt", "image2"} & set(DEMUXERS.values())


def test_every_output_is_a_named_file_and_every_name_is_one_of_the_program() -> None:
    program = compiled(facts(), OUT).program
    named = [re.findall(r"\{(in|out):([^}]*)\}", argument) for argument in program.arguments]
    assert [pair for found in named for pair in found] == [
        ("in", "clip"), ("out", "final.mp4"), ("out", "proxy.mp4"), ("out", "poster.jpg"),
    ]  # fmt: skip
    assert all(a.startswith("file:{") for a, found in zip(program.arguments, named, strict=True) if found)


@pytest.mark.parametrize("flag", ["-nostdin", "-hide_banner", "-nostats", "-progress", "-filter_complex_threads"])
def test_flags(flag: str) -> None:
    assert flag in compiled(facts()).program.arguments


def test_threads_are_fixed_for_every_coder() -> None:
    arguments = compiled(facts()).program.arguments
    assert [arguments[n + 1] for n, a in enumerate(arguments) if a == "-threads"] == ["4", "4", "4", "1"]


def test_the_same_request_is_the_same_program() -> None:
    operations = [Trim(start=1.0), Resize(width=640), IN, OUT]
    assert compiled(facts(), *operations) == compiled(facts(), *operations)


def test_without_sound() -> None:
    made = compiled(facts(audio=False), OUT)
    assert "0:a" not in graph(made.program)
    assert "aac" not in made.program.arguments
    assert not made.promise.audio


def test_sound_alone() -> None:
    made = compiled(facts(video=False), Trim(end=5.0), OUT)
    assert [(o.name, o.role, o.media_type) for o in made.program.outputs] == [("final.m4a", "final", "audio/mp4")]
    assert "0:V" not in graph(made.program)
    assert (made.promise.video, made.promise.width, made.promise.frame_rate) == (False, None, None)


def test_a_fade_of_the_picture_only() -> None:
    text = graph(compiled(facts(), Fade(direction="out", audio=False)).program)
    assert "fade=t=out" in text
    assert "afade" not in text


def test_an_odd_picture_loses_a_line_and_is_not_scaled() -> None:
    text = graph(compiled(facts(size=(1919, 1081))).program)
    assert "scale=1919:1081:flags=lanczos:out_range=tv,crop=1918:1080:0:0" in text


@pytest.mark.parametrize(
    ("size", "small"),
    [((1920, 1080), "960:540"), ((1080, 1920), "540:960"), ((640, 360), "640:360"), ((3840, 1600), "960:400")],
)
def test_proxies_are_small(size: tuple[int, int], small: str) -> None:
    assert f"[small]scale={small},blackdetect" in graph(compiled(facts(size=size)).program)


class TestSeeking:
    """A late start is sought over where that is exact; everything else is decoded from the beginning."""

    LONG = facts(600, 25)

    def sought(self, media: MediaFacts, *operations: Operation) -> str | None:
        arguments = compiled(media, *operations).program.arguments
        return arguments[arguments.index("-ss") + 1] if "-ss" in arguments else None

    def test_a_late_start(self) -> None:
        program = compiled(self.LONG, Trim(start=100.5, end=102.0)).program
        assert self.sought(self.LONG, Trim(start=100.5, end=102.0)) == "95"
        assert "trim=start=5.4995:end=6.9995" in graph(program)
        assert "atrim=start=5.52:end=7," in graph(program)

    def test_an_early_start(self) -> None:
        assert self.sought(self.LONG, Trim(start=29.0)) is None

    def test_a_fade_that_begins_long_before(self) -> None:
        long_fade = Fade(direction="out", duration=300.0)
        assert self.sought(self.LONG, Trim(end=400.0), long_fade, Trim(start=390.0)) == "95"

    @pytest.mark.parametrize("container", ["matroska", "avi", "mpegts", "mp3"])
    def test_kinds_without_a_sure_index(self, container: str) -> None:
        media = MediaFacts(container, 600.0, 1000, self.LONG.video, self.LONG.audio)
        assert self.sought(media, Trim(start=100.0)) is None

    def test_a_rate_that_varies(self) -> None:
        assert self.sought(facts(600, Fraction(38, 13)), Trim(start=100.0)) is None


def test_limits_grow_with_the_work() -> None:
    small = compiled(facts(10), OUT).program.limits
    long = compiled(facts(3600), OUT).program.limits
    large = compiled(facts(10, 60, (3840, 2160)), OUT).program.limits
    assert small.wall < long.wall
    assert small.wall < large.wall
    assert small.memory_bytes < large.memory_bytes
    assert small.output_bytes < large.output_bytes
    assert compiled(facts(14_000, 60, (8192, 8192))).program.limits.wall.total_seconds() == 5 * 3600


@pytest.mark.parametrize("count", [0, 2])
def test_one_file_at_a_time(count: int) -> None:
    with pytest.raises(PermanentError) as caught:
        FFmpeg().compile([OUT], [Source(SHA, facts())] * count)
    assert caught.value.code is Code.PLAN_INVALID


def test_a_kind_of_file_that_is_refused() -> None:
    with pytest.raises(PermanentError) as caught:
        compiled(MediaFacts("hls", 10.0, 1000, facts().video), OUT)
    assert caught.value.code is Code.UNSUPPORTED_MEDIA


def test_a_program_to_read() -> None:
    made = compiled(facts(), Trim(start=3.0, end=8.0), OUT).program
    text = readable(made, ["keep from 3 s to 8 s", "fade out\n; rm -rf /"])
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments[2:4] == ["# 1. keep from 3 s to 8 s", "# 2. fade out ; rm -rf /"]
    assert f"# input   clip  sha256 {SHA}" in comments
    command = text[text.index("\nffmpeg") + 1 :].replace("\\\n", "")
    filled = [a.replace("{in:clip}", "clip") for a in made.arguments]
    filled = [re.sub(r"\{out:([^}]*)\}", r"\1", a) for a in filled]
    assert shlex.split(command) == ["ffmpeg", *filled]
