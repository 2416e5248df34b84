"""Each field of each operation at its bounds and beyond, and the form of operations as JSON."""

from __future__ import annotations

from typing import Any

import pytest

from reel_common.errors import Code, RejectedError
from reel_common.plugins import MOST_OPERATIONS, read_operations
from reel_tools.ffmpeg import FFmpeg

TOOLS = {"ffmpeg": FFmpeg()}


def read(*operations: Any) -> list[dict[str, Any]]:
    return [operation.model_dump(mode="json") for operation in read_operations(TOOLS, list(operations))]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "trim"},
        {"op": "trim", "start": 0},
        {"op": "trim", "start": 14_400},
        {"op": "trim", "end": 0.001},
        {"op": "trim", "start": 14_399.999, "end": 14_400},
        {"op": "resize", "width": 16},
        {"op": "resize", "width": 8192},
        {"op": "resize", "height": 16},
        {"op": "resize", "height": 8192},
        {"op": "resize", "width": 17, "height": 8191},
        {"op": "fade", "direction": "in"},
        {"op": "fade", "direction": "out", "duration": 0.05},
        {"op": "fade", "direction": "out", "duration": 600},
        {"op": "fade", "direction": "out", "audio": False},
    ],
)
def test_at_the_bounds(operation: dict[str, Any]) -> None:
    (read_back,) = read(operation)
    assert {key: value for key, value in read_back.items() if key in operation} == operation
    assert read(read_back) == [read_back]


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ({"op": "trim", "start": -0.001}, "start"),
        ({"op": "trim", "start": 14_400.001}, "start"),
        ({"op": "trim", "start": float("nan")}, "start"),
        ({"op": "trim", "start": "3"}, "start"),
        ({"op": "trim", "start": True}, "start"),
        ({"op": "trim", "start": None}, "start"),
        ({"op": "trim", "end": 0}, "end"),
        ({"op": "trim", "end": 14_400.001}, "end"),
        ({"op": "trim", "end": float("inf")}, "end"),
        ({"op": "trim", "start": 3, "end": 3}, ""),
        ({"op": "trim", "start": 3, "stop": 8}, "stop"),
        ({"op": "resize"}, ""),
        ({"op": "resize", "width": 15}, "width"),
        ({"op": "resize", "width": 8193}, "width"),
        ({"op": "resize", "width": 640.0}, "width"),
        ({"op": "resize", "height": 15}, "height"),
        ({"op": "resize", "height": 8193}, "height"),
        ({"op": "resize", "height": "720p"}, "height"),
        ({"op": "fade"}, "direction"),
        ({"op": "fade", "direction": "up"}, "direction"),
        ({"op": "fade", "direction": "in", "duration": 0.049}, "duration"),
        ({"op": "fade", "direction": "in", "duration": 600.001}, "duration"),
        ({"op": "fade", "direction": "in", "audio": 1}, "audio"),
        ({"op": "explode"}, ""),
        ({}, ""),
        ("trim", ""),
        (None, ""),
    ],
)
def test_beyond_the_bounds(operation: object, field: str) -> None:
    with pytest.raises(RejectedError) as caught:
        read({"op": "trim", "start": 1}, operation)
    assert caught.value.code is Code.PLAN_INVALID
    path = "operations[1]" + (f".{field}" if field else "")
    assert path in [where for where, _ in caught.value.fields]
    assert path in caught.value.detail


def test_what_was_sent_is_not_repeated() -> None:
    with pytest.raises(RejectedError) as caught:
        read({"op": "x" * 10_000}, {"op": "trim", "start": "secret"}, {"op": "trim", "y" * 10_000: 1})
    assert "secret" not in caught.value.detail
    assert len(caught.value.detail) < 1000


@pytest.mark.parametrize("data", [None, {}, "trim", 3, [{"op": "trim"}] * (MOST_OPERATIONS + 1)])
def test_not_a_list_of_operations(data: object) -> None:
    with pytest.raises(RejectedError) as caught:
        read_operations(TOOLS, data)
    assert caught.value.code is Code.PLAN_INVALID


def test_thousands_of_mistakes_are_a_short_answer() -> None:
    with pytest.raises(RejectedError) as caught:
        read(*[{"op": "trim", "start": -1}] * MOST_OPERATIONS)
    assert len(caught.value.fields) == 20


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ({"op": "trim", "start": 3, "end": 8.25}, "keep from 3 s to 8.25 s"),
        ({"op": "trim", "start": 3}, "keep from 3 s to the end"),
        ({"op": "resize", "width": 640}, "resize to width 640"),
        ({"op": "resize", "height": 720}, "resize to height 720"),
        ({"op": "resize", "width": 640, "height": 360}, "resize to 640x360"),
        ({"op": "fade", "direction": "out", "duration": 1.5}, "fade out over 1.5 s"),
        ({"op": "fade", "direction": "in", "audio": False}, "fade in over 1 s, picture only"),
    ],
)
def test_words(operation: dict[str, Any], words: str) -> None:
    assert read_operations(TOOLS, [operation])[0].words() == words
