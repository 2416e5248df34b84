"""What is left after operations, in the order given; and the sentences of those that cannot be done."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel_common.domain.media import AudioFacts, MediaFacts, VideoFacts
from reel_common.errors import Code, PermanentError
from reel_common.ports.tool import Operation
from reel_tools.ffmpeg.checking import walk
from reel_tools.ffmpeg.operations import Fade, Resize, Trim

NTSC = Fraction(30_000, 1001)
SOUND = (AudioFacts("aac", 48_000, 2),)


def facts(
    seconds: float = 10,
    rate: Fraction | int = 30,
    size: tuple[int, int] = (1920, 1080),
    frames: int | None = None,
    *,
    video: bool = True,
    audio: bool = True,
) -> MediaFacts:
    rate = Fraction(rate)
    frames = round(seconds * rate) if frames is None else frames
    picture = VideoFacts("h264", *size, rate, frames=frames) if video else None
    return MediaFacts("mp4", seconds, 1000, picture, SOUND if audio else ())


OUT, IN = Fade(direction="out"), Fade(direction="in")


def test_untouched() -> None:
    promise = walk(facts(), []).promise()
    assert promise.as_json() == {
        "duration": 10.0, "width": 1920, "height": 1080, "frame_rate": "30/1", "video": True, "audio": True,
        "fade_in": 0.0, "fade_out": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "frames", "start", "end", "duration"),
    [
        (25, 250, 3, 8, Fraction(5)),
        (60, 600, 3, 8, Fraction(5)),
        (NTSC, 300, 3, 8, 150 / NTSC),  # frames 90 to 239
        (NTSC, 300, 3, None, 210 / NTSC),
        (30, 300, 3.01, 8, Fraction(149, 30)),
        (30, 300, 0, 9.99, Fraction(10)),  # a last frame that begins before the end is shown
    ],
)
def test_trims_fall_on_frames(
    rate: Fraction | int, frames: int, start: float, end: float | None, duration: Fraction
) -> None:
    length = float(frames / Fraction(rate))
    timeline = walk(facts(length, rate, frames=frames), [Trim(start=float(start), end=end and float(end))])
    assert timeline.duration == duration


def test_times_are_those_of_what_is_left() -> None:
    once = walk(facts(), [Trim(start=4.0, end=9.0)])
    twice = walk(facts(), [Trim(start=3.0), Trim(start=1.0, end=6.0)])
    assert (twice.start, twice.end) == (once.start, once.end) == (Fraction(4), Fraction(9))


def test_a_sound_that_ends_a_little_later_does_not_count() -> None:
    assert walk(facts(10.021, frames=300), []).duration == 10
    assert not walk(facts(10.021, frames=300), []).uneven


def test_a_picture_that_ends_much_earlier_is_held() -> None:
    timeline = walk(facts(12.0, frames=300), [])
    assert (timeline.duration, timeline.rate, timeline.uneven) == (Fraction(12), Fraction(30), True)


@pytest.mark.parametrize(
    ("average", "rate"),
    [
        (Fraction(38, 13), 30), (Fraction(25, 2), 30), (Fraction(2984, 100), 30), (Fraction(3002, 100), 30),
        (Fraction(2489, 100), 25), (Fraction(4521, 125), 60), (Fraction(4521, 100), 60), (Fraction(100, 3), 60),
        (Fraction(2305, 100), 30), (Fraction(2405, 10), 240), (Fraction(9001, 100), 120), (Fraction(3005, 10), 240),
    ],
)  # fmt: skip
def test_a_rate_that_varies_becomes_fixed(average: Fraction, rate: int) -> None:
    timeline = walk(facts(10, average), [])
    assert (timeline.rate, timeline.uneven) == (Fraction(rate), True)


@pytest.mark.parametrize("rate", [Fraction(24_000, 1001), 24, 25, NTSC, 50, Fraction(1_000_000, 33_333), 240])
def test_a_usual_rate_stays(rate: Fraction | int) -> None:
    timeline = walk(facts(float(100 / rate), rate, frames=100), [])
    assert (timeline.rate, timeline.uneven) == (Fraction(rate), False)


@pytest.mark.parametrize(
    ("size", "resize", "result"),
    [
        ((1920, 1080), Resize(height=720), (1280, 720)),
        ((1920, 1080), Resize(width=640), (640, 360)),
        ((1080, 1920), Resize(width=720), (720, 1280)),
        ((1920, 1080), Resize(width=641), (640, 360)),
        ((1920, 1080), Resize(width=641, height=361), (640, 360)),
        ((1919, 1081), Resize(height=540), (960, 540)),
        ((1000, 333), Resize(width=500), (500, 166)),
        ((1920, 1080), Resize(width=16, height=16), (16, 16)),
    ],
)
def test_sizes(size: tuple[int, int], resize: Resize, result: tuple[int, int]) -> None:
    timeline = walk(facts(size=size), [resize])
    assert (timeline.width, timeline.height) == result


def test_odd_sides_become_even() -> None:
    timeline = walk(facts(size=(1919, 1081)), [])
    assert (timeline.width, timeline.height, timeline.resized) == (1918, 1080, False)


def test_a_stretched_picture_is_noted() -> None:
    (note,) = walk(facts(), [Resize(width=640, height=640)]).notes
    assert "640x640 has other proportions than 1920x1080" in note
    assert not walk(facts(), [Resize(width=1280, height=720)]).notes


def test_fades_stay_where_they_are() -> None:
    kept = walk(facts(), [IN, OUT])
    assert (kept.promise().fade_in, kept.promise().fade_out) == (1.0, 1.0)
    cut = walk(facts(), [IN, OUT, Trim(start=0.5, end=9.5)])
    assert len(cut.active_fades) == 2
    assert (cut.promise().fade_in, cut.promise().fade_out) == (0.0, 0.0)
    gone = walk(facts(), [IN, OUT, Trim(start=1.0, end=9.0)])
    assert gone.active_fades == ()
    assert [note.split(" is in")[0] for note in gone.notes] == ["The fade in of 1 s", "The fade out of 1 s"]


def test_a_fade_as_long_as_the_video() -> None:
    assert walk(facts(), [Fade(direction="out", duration=10.0)]).promise().fade_out == 10.0


@pytest.mark.parametrize(
    ("media", "operations", "sentence"),
    [
        (
            facts(),
            [Trim(start=10.0)],
            "The video is 10 s long by then, so nothing is left from 10 s on; start before 10 s.",
        ),
        (facts(), [Trim(start=6.0), Trim(start=4.0)], "The video is 4 s long by then"),
        (facts(), [Trim(end=10.2)], "cannot be kept up to 10.2 s; end at 10 s or earlier."),
        (facts(), [Trim(end=5.0), Trim(end=8.0)], "The video is 5 s long by then and cannot be kept up to 8 s"),
        (
            facts(),
            [Trim(start=1.001, end=1.002)],
            "Nothing is left between 1.001 s and 1.002 s; keep at least 0.033 s.",
        ),
        (facts(), [Fade(direction="in", duration=10.1)], "A fade in of 10.1 s is longer than the video, which is 10 s"),
        (
            facts(size=(100, 1000)),
            [Resize(width=1000)],
            "The picture would be 1000x10000; its sides have to be from 16",
        ),
        (facts(size=(1000, 100)), [Resize(width=16)], "The picture would be 16x2;"),
        (facts(video=False), [Resize(width=640)], "no picture to resize"),
        (facts(video=False), [Fade(direction="in", audio=False)], "there is nothing to fade"),
        (facts(0.5), [OUT], "which is 0.5 s by then; ask for 0.5 s or less."),
    ],
)
def test_contradictions(media: MediaFacts, operations: list[Operation], sentence: str) -> None:
    with pytest.raises(PermanentError) as caught:
        walk(media, operations)
    assert caught.value.code is Code.PLAN_INVALID
    assert sentence in caught.value.detail


def test_a_tenth_of_a_second_too_far_is_the_end() -> None:
    assert walk(facts(), [Trim(start=3.0, end=10.1)]).duration == 7


def test_an_operation_of_another_tool() -> None:
    with pytest.raises(PermanentError) as caught:
        walk(facts(), [Operation(op="dance")])
    assert caught.value.code is Code.NO_SUCH_TOOL


TIMES = st.floats(0, 12, allow_nan=False).map(lambda t: round(t, 3))
TRIMS = st.tuples(TIMES, TIMES).filter(lambda t: t[0] < t[1]).map(lambda t: Trim(start=t[0], end=t[1]))
FADES = st.builds(Fade, direction=st.sampled_from(["in", "out"]), duration=st.floats(0.05, 12))
RESIZES = st.one_of(st.builds(Resize, width=st.integers(16, 8192)), st.builds(Resize, height=st.integers(16, 8192)))


@settings(deadline=None)
@given(
    st.lists(st.one_of(TRIMS, FADES, RESIZES), max_size=6),
    st.sampled_from([Fraction(25), NTSC, Fraction(60), Fraction(38, 13)]),
)
def test_whatever_is_asked_is_refused_or_within_what_there_was(operations: list[Operation], rate: Fraction) -> None:
    media = facts(10, rate)
    before = walk(media, [])
    after, code = before, None
    try:
        after = walk(media, operations)
    except PermanentError as error:
        code = error.code
    assert code in {None, Code.PLAN_INVALID}
    assert before.start <= after.start < after.end <= before.end
    assert after.duration >= after.grain - Fraction(1, 1000)
    assert after.width % 2 == after.height % 2 == 0
    assert min(after.width, after.height) >= 16
    assert max(after.width, after.height) <= 8192
