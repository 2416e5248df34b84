"""The delivery gate: each promise is held to, with the figure in the sentence; nothing passes by being worse."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reel_common.ports.tool import Promise
from reel_composer.gate import has_black, is_black, judge, promise_from_json
from reel_tools.inspector import Checked, CheckedAudio, CheckedVideo, Sample

PROMISE = Promise(5.0, 1280, 720, Fraction(30), video=True, audio=True)


def video(**changes: Any) -> CheckedVideo:
    plain = {
        "codec": "h264", "width": 1280, "height": 720, "rotation": 0, "frame_rate": "30/1", "pixel_format": "yuv420p",
        "frames": 150, "duration": 5.0,
    }  # fmt: skip
    return CheckedVideo(**{**plain, **changes})


def audio(**changes: Any) -> CheckedAudio:
    plain = {"codec": "aac", "sample_rate": 48000, "channels": 2, "packets": 235, "duration": 5.0}
    return CheckedAudio(**{**plain, **changes})


def sample(at: float, luma: float = 120.0, peak: int = 240, **changes: Any) -> Sample:
    return Sample(at=at, luma=luma, peak=peak, width=1280, height=720, **changes)


def figures(**changes: Any) -> Checked:
    plain = {
        "container": "mp4", "size": 1_000_000, "faststart": True, "monotonic": True, "video": video(), "audio": audio(),
        "samples": [sample(0.0), sample(2.5), sample(4.967)],
    }  # fmt: skip
    return Checked(**{**plain, **changes})


def test_what_was_promised_passes() -> None:
    assert judge(PROMISE, figures()) == []


def test_nothing_promised_holds_for_anything_that_can_be_decoded() -> None:
    nothing = Promise(None, None, None, None, video=True, audio=True)
    assert judge(nothing, figures(video=video(width=64, duration=5.02, frame_rate="7/1"))) == []


WRONG = [
    (figures(video=video(duration=4.2, frames=126), audio=audio(duration=4.2)), "It lasts 4.200 s instead of 5.000 s."),
    (figures(video=video(duration=5.06), audio=audio(duration=5.06)), "It lasts 5.060 s instead of 5.000 s."),
    (figures(video=video(width=1278)), "The picture is 1278 pixels wide instead of 1280."),
    (figures(video=video(height=1280)), "The picture is 1280 pixels high instead of 720."),
    (figures(video=video(frame_rate="30000/1001")), "It has 29.970 frames a second instead of 30.000."),
    (figures(video=video(frames=120)), "It has 120 frames in 5.000 s instead of 150."),
    (figures(audio=None), "There is no sound, which was promised."),
    (figures(video=None), "There is no picture, which was promised."),
    (figures(audio=audio(duration=4.9)), "Picture and sound differ by 0.100 s in length; 0.056 s are allowed."),
    (figures(monotonic=False), "Its time stamps go backwards."),
    (
        figures(samples=[sample(0.0), Sample(at=2.5, error="InvalidDataError"), sample(4.9)]),
        "It cannot be decoded at 2.500 s (InvalidDataError).",
    ),
    (
        figures(samples=[sample(0.0, 0, 2), sample(2.5, 1.26, 9)]),
        "It is black at 0.000 s (luma 0.0), 2.500 s (luma 1.3), where no fade was promised.",
    ),
]


@pytest.mark.parametrize(("wrong", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_what_is_wrong_is_said_with_its_figure(wrong: Checked, sentence: str) -> None:
    assert judge(PROMISE, wrong) == [sentence]


def test_what_was_not_promised_is_wrong_too() -> None:
    silent = Promise(5.0, 1280, 720, Fraction(30), video=True, audio=False)
    assert judge(silent, figures()) == ["There is sound (aac), which was not promised."]
    heard = Promise(5.0, None, None, None, video=False, audio=True)
    assert judge(heard, figures()) == ["There is picture (h264), which was not promised."]


def test_one_frame_is_allowed_where_frames_are_long() -> None:
    slow = Promise(5.0, 1280, 720, Fraction(5), video=True, audio=False)
    assert judge(slow, figures(video=video(frame_rate="5/1", frames=26, duration=5.2), audio=None)) == []
    assert judge(slow, figures(video=video(frame_rate="5/1", frames=26, duration=5.21), audio=None)) != []


def test_sound_alone() -> None:
    promise = Promise(5.0, None, None, None, video=False, audio=True)
    assert judge(promise, figures(video=None, samples=[Sample(at=0.0)])) == []
    short = figures(video=None, audio=audio(duration=4.0), samples=[Sample(at=0.0)])
    assert judge(promise, short) == ["It lasts 4.000 s instead of 5.000 s."]


def dark(*lit: float) -> Checked:
    """Black but for the places named."""
    places = (0.0, 2.5, 4.967)
    return figures(samples=[sample(at) if at in lit else sample(at, 0.5, 3) for at in places])


def test_black_is_wrong_only_where_no_fade_was_promised() -> None:
    faded = Promise(5.0, 1280, 720, Fraction(30), video=True, audio=True, fade_in=1.0, fade_out=1.0)
    assert judge(PROMISE, dark()) != []
    assert judge(PROMISE, dark(2.5)) == [], "a film may begin and end black"
    assert judge(PROMISE, dark(0.0)) == [], "a film may be dark in the middle"
    assert judge(faded, dark(2.5)) == []
    assert judge(faded, dark(0.0, 4.967)) != [], "only the middle lies outside of the fades"
    assert judge(PROMISE, dark(), black_expected=True) == []


def test_all_fade_is_not_judged() -> None:
    fade = Promise(5.0, 1280, 720, Fraction(30), video=True, audio=True, fade_out=5.0)
    assert judge(fade, dark()) == []


def test_a_title_on_black_is_not_black() -> None:
    assert judge(PROMISE, figures(samples=[sample(0.0, 1.2, 235), sample(2.5, 1.2, 235)])) == []
    assert not has_black(figures(samples=[sample(0.0, 1.2, 235)]))
    assert has_black(dark(0.0))
    assert is_black(PROMISE, dark())


def test_a_promise_comes_back_from_json() -> None:
    promise = Promise(5.0, 1280, 720, Fraction(30000, 1001), video=True, audio=False, fade_out=2.0)
    assert promise_from_json(promise.as_json()) == promise
    bare = {"duration": None, "width": None, "height": None, "frame_rate": None, "video": False, "audio": True}
    assert promise_from_json(bare) == Promise(None, None, None, None, video=False, audio=True)


off = st.floats(0, 100, allow_nan=False)


@given(off, off, st.booleans())
def test_a_worse_duration_never_passes_where_a_better_failed(one: float, other: float, longer: bool) -> None:
    near, far = sorted((one, other))
    sign = 1 if longer else -0.04
    better, worse = (
        judge(PROMISE, figures(video=video(duration=5 + sign * d), audio=audio(duration=5 + sign * d)))
        for d in (near, far)
    )
    assert worse or not better


@given(off, off, st.booleans())
def test_a_worse_difference_never_passes_where_a_better_failed(one: float, other: float, longer: bool) -> None:
    near, far = sorted((one, other))
    sign = 1 if longer else -0.04
    better, worse = (judge(PROMISE, figures(audio=audio(duration=5 + sign * d))) for d in (near, far))
    assert worse or not better


@given(st.integers(1, 8192), st.integers(1, 8192))
def test_only_the_promised_sides_pass(width: int, height: int) -> None:
    failures = judge(PROMISE, figures(video=video(width=width, height=height)))
    assert (failures == []) == ((width, height) == (1280, 720))


@given(st.fractions(1, 239, max_denominator=10_000), st.fractions(1, 239, max_denominator=10_000))
def test_a_worse_rate_never_passes_where_a_better_failed(one: Fraction, other: Fraction) -> None:
    near, far = sorted((one, other), key=lambda rate: abs(rate - 30))
    better, worse = (
        judge(PROMISE, figures(video=video(frame_rate=f"{r.numerator}/{r.denominator}"))) for r in (near, far)
    )
    assert worse or not better


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_more_frames_missing_never_pass_where_fewer_failed(one: int, other: int) -> None:
    near, far = sorted((one, other), key=lambda frames: abs(frames - 150))
    better, worse = (judge(PROMISE, figures(video=video(frames=frames))) for frames in (near, far))
    assert worse or not better


@given(st.lists(st.tuples(st.floats(0, 255), st.integers(0, 255)), min_size=3, max_size=3), st.floats(0, 1))
def test_darker_never_passes_where_lighter_failed(lights: list[tuple[float, int]], share: float) -> None:
    places = (0.0, 2.5, 4.967)
    lighter = figures(samples=[sample(at, luma, peak) for at, (luma, peak) in zip(places, lights, strict=True)])
    darker = figures(
        samples=[sample(at, luma * share, int(peak * share)) for at, (luma, peak) in zip(places, lights, strict=True)]
    )
    assert judge(PROMISE, darker) or not judge(PROMISE, lighter)


@given(st.lists(st.booleans(), min_size=3, max_size=3), st.lists(st.booleans(), min_size=3, max_size=3))
def test_more_that_cannot_be_decoded_never_passes_where_less_failed(one: list[bool], more: list[bool]) -> None:
    def broken(where: list[bool]) -> Checked:
        places = zip((0.0, 2.5, 4.967), where, strict=True)
        return figures(samples=[Sample(at=at, error="corrupt") if bad else sample(at) for at, bad in places])

    both = [a or b for a, b in zip(one, more, strict=True)]
    assert judge(PROMISE, broken(both)) or not judge(PROMISE, broken(one))
