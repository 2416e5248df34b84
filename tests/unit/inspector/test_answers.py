"""What a sandbox printed is hostile too: only a document of the right form is believed."""

from __future__ import annotations

import json
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reel_common.domain.media import AudioFacts, MediaFacts, VideoFacts
from reel_common.domain.program import Engine
from reel_common.errors import Code, PermanentError
from reel_common.ports.sandbox import Completed
from reel_tools.inspector import Look, answers, checked_of, facts_of, inspection, picture_of
from tests.unit.inspector.conftest import SCRIPT, Inspect

FACTS: dict[str, Any] = {
    "container": "mp4", "duration": 2.5, "size": 1000,
    "video": {"codec": "h264", "width": 320, "height": 240, "rotation": 90, "frame_rate": "30000/1001",
              "pixel_format": "yuv420p", "frames": 60},
    "audio": [{"codec": "aac", "sample_rate": 44100, "channels": 2}],
}  # fmt: skip


def printed(text: bytes, code: int = 0) -> Completed:
    return Completed(code, text, b"", ())


def test_the_program_names_the_script_and_each_file_by_its_digest() -> None:
    program = inspection([(Look.CHECK, "a" * 64), (Look.PICTURE, "b" * 64)], total_bytes=2_000_000_000)
    assert program.engine is Engine.INSPECT
    assert program.arguments == ("{in:script}", "check", "{in:media}", "picture", "{in:media1}")
    assert program.inputs == {"media": "a" * 64, "media1": "b" * 64}
    assert program.files == {"script": SCRIPT.read_text()}
    assert program.limits.wall.total_seconds() == 160


def test_facts_become_facts() -> None:
    [answer] = answers(printed(json.dumps([FACTS]).encode()), 1)
    video = VideoFacts("h264", 320, 240, Fraction(30000, 1001), 90, "yuv420p", 60)
    assert facts_of(answer) == MediaFacts("mp4", 2.5, 1000, video, (AudioFacts("aac", 44100, 2),))


def test_what_the_script_prints_is_believed(good: Path, look: Inspect) -> None:
    assert facts_of(look(good)).video is not None
    assert checked_of(look(good, "check")).faststart is False


def test_a_refusal_keeps_its_code() -> None:
    with pytest.raises(PermanentError) as caught:
        facts_of({"error": "truncated", "detail": "The file ends."})
    assert (caught.value.code, caught.value.detail) == (Code.TRUNCATED, "The file ends.")


@pytest.mark.parametrize(
    ("text", "code"),
    [(b"", 0), (b"{}", 0), (b"[]", 0), (b"[{}, {}]", 0), (b"[1]", 0), (b"nonsense", 0), (b"\xff\xfe", 0),
     (b"[" * 100_000, 0), (b"[{}", 0), (json.dumps([FACTS]).encode(), -11), (json.dumps([FACTS]).encode(), 1)],
)  # fmt: skip
def test_garbage_counts_as_a_file_that_cannot_be_read(text: bytes, code: int) -> None:
    with pytest.raises(PermanentError) as caught:
        answers(printed(text, code), 1)
    assert caught.value.code is Code.NOT_MEDIA


BAD: list[dict[str, Any]] = [
    {}, {"error": "bug", "detail": "x"}, {"error": "truncated"}, {"error": "truncated", "detail": "x" * 1000},
    {"error": "truncated", "detail": "a\0b"}, {"error": "truncated", "detail": "x", "more": 1}, {**FACTS, "more": 1},
    {**FACTS, "duration": float("nan")}, {**FACTS, "duration": -1.0}, {**FACTS, "duration": "2"},
    {**FACTS, "duration": 1e300}, {**FACTS, "size": -1}, {**FACTS, "size": True}, {**FACTS, "container": "hls"},
    {**FACTS, "audio": FACTS["audio"] * 9}, {**FACTS, "audio": None},
    {**FACTS, "video": {**FACTS["video"], "width": 65535}}, {**FACTS, "video": {**FACTS["video"], "rotation": 45}},
    {**FACTS, "video": {**FACTS["video"], "frame_rate": "1/0"}}, {**FACTS, "video": {**FACTS["video"], "codec": "a\nb"}},
    {**FACTS, "video": {**FACTS["video"], "frame_rate": "30/1\n"}},
]  # fmt: skip


@pytest.mark.parametrize("answer", BAD, ids=range(len(BAD)))
def test_an_answer_out_of_form_is_not_believed(answer: dict[str, Any]) -> None:
    for read in (facts_of, checked_of, picture_of):
        with pytest.raises(PermanentError) as caught:
            read(answer)
        assert caught.value.code is Code.NOT_MEDIA


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from([*FACTS, "error"]), inner),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["video", "audio", "duration", "container", "size", "samples", "monotonic"]))
def test_nothing_but_a_coded_error_comes_of_any_json(value: object, field: str) -> None:
    with suppress(PermanentError):
        [answer] = answers(printed(json.dumps([{**FACTS, field: value}]).encode()), 1)
        assert isinstance(facts_of(answer), MediaFacts)
