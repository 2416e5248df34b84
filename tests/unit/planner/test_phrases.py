"""What requests become, and what is said of those that have no meaning."""

from __future__ import annotations

import pytest

from reel_common.errors import Code, PermanentError
from reel_common.ports.tool import Operation
from reel_planner.grammar import read_request
from reel_planner.service import planned
from tests.unit.planner.phrases import MINUTE, REFUSED, UNDERSTOOD


def plan(prompt: str) -> list[Operation]:
    return [added.operation for added in planned(prompt, [], MINUTE)]


@pytest.mark.parametrize(("prompt", "operations"), UNDERSTOOD, ids=[prompt for prompt, _ in UNDERSTOOD])
def test_becomes(prompt: str, operations: list[Operation]) -> None:
    assert plan(prompt) == operations


@pytest.mark.parametrize(("prompt", "quoted"), REFUSED, ids=[prompt for prompt, _ in REFUSED])
def test_is_refused_word_for_word(prompt: str, quoted: list[str]) -> None:
    with pytest.raises(PermanentError) as caught:
        plan(prompt)
    assert caught.value.code is Code.NOT_UNDERSTOOD
    assert [part.text for part in read_request(prompt).unknown] == quoted
    assert all(f'"{phrase}"' in caught.value.detail for phrase in quoted)
    assert "keep seconds 3 to 8" in caught.value.hint


def test_there_are_enough_of_them() -> None:
    assert len(UNDERSTOOD) >= 80
    assert len(REFUSED) >= 30


def test_a_polite_wrapper_alone_asks_for_nothing() -> None:
    with pytest.raises(PermanentError) as caught:
        plan("could you please, thanks")
    assert caught.value.code is Code.NOT_UNDERSTOOD
    assert "could you please, thanks" in caught.value.detail


@pytest.mark.parametrize("prompt", ["", "  \t "])
def test_nothing_to_read(prompt: str) -> None:
    with pytest.raises(PermanentError) as caught:
        plan(prompt)
    assert caught.value.code is Code.EMPTY


def test_a_cut_in_the_middle_is_answered_honestly() -> None:
    with pytest.raises(PermanentError, match=r'"remove seconds 3 to 8" cannot be done: .* out of the middle'):
        plan("remove seconds 3 to 8")


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("cut the first 70 seconds", "60 s long by then"),
        ("cut the first 60 seconds", "60 s long by then"),
        ("keep the last 70 s", "60 s long by then"),
        ("remove the last 60 s", "60 s long by then"),
        ("trim to 61 seconds", "cannot be kept up to 61 s"),
        ("from 2s to 1m20", "cannot be kept up to 80 s"),
        ("trim to 99999 seconds", "less than or equal to 14400"),
        ("keep 8s to 3s", "ends at 3 s, which is not after its start at 8 s"),
        ("keep 3s to 3s", "not after its start"),
        ("cut the first 58 seconds, fade out over 3 seconds", "2 s long by then"),
        ("fade out for 100 seconds", "60 s long by then"),
        ("fade out for 1 ms", "greater than or equal to 0.05"),
        ("make it 5p", "greater than or equal to 16"),
        ("make it 9000 wide", "less than or equal to 8192"),
        ("scale by 0.001", "greater than or equal to 16"),
        ("ten times the size", "less than or equal to 8192"),
        ("keep 0.01 to 0.02 seconds", "Nothing is left between"),
    ],
)
def test_contradicts_the_video(prompt: str, sentence: str) -> None:
    with pytest.raises(PermanentError) as caught:
        plan(prompt)
    assert caught.value.code is Code.PLAN_INVALID
    assert sentence in caught.value.detail


def test_the_words_of_each_operation_are_known() -> None:
    added = planned("Please keep seconds 3 to 8, and fade in and out.", [], MINUTE)
    assert [(a.text, a.operation.op) for a in added] == [
        ("keep seconds 3 to 8", "trim"),
        ("fade in and out", "fade"),
        ("fade in and out", "fade"),
    ]
