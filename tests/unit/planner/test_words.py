"""Whatever is asked: nothing crashes, and no word is passed over."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from reel_common.errors import Code, PermanentError
from reel_planner.grammar import PartKind, read_request
from reel_planner.grammar.request import _FILLERS, _JOINTS
from reel_planner.grammar.tokens import tokenize
from reel_planner.service import planned
from tests.unit.planner.phrases import MINUTE, REFUSED, UNDERSTOOD

KNOWN = sorted({token.text for prompt, _ in [*UNDERSTOOD, *REFUSED] for token in tokenize(prompt)})
STRANGE = ["banana", "louder", "schnell", "不", "42nd", "rotate"]
PROMPTS = st.lists(st.sampled_from([*KNOWN, *STRANGE]), max_size=25).map(" ".join)
CLAUSES = st.lists(st.sampled_from([prompt for prompt, _ in UNDERSTOOD]), min_size=1, max_size=4)
JOINTS = st.sampled_from([", ", " and ", "; ", " then ", "\n", ". "])


def check(prompt: str) -> None:
    """The parts of a reading cover the request without gap or overlap, and each says what became of its words."""
    reading, tokens = read_request(prompt), tokenize(prompt)
    assert [n for part in reading.parts for n in range(part.start, part.end)] == list(range(len(tokens)))
    for part in reading.parts:
        words = " ".join(token.text for token in tokens[part.start : part.end])
        if part.kind is PartKind.JOINT:
            assert words in _JOINTS or words == ""
        elif part.kind is PartKind.FILLER:
            assert words in _FILLERS or words in "-*•–" or words[:-2].isdigit()
        elif part.kind is PartKind.CLAUSE:
            assert part.intents
            assert not set(words.split()) & set(STRANGE)
        assert part.text in prompt
    strange = [token.text for token in tokens if token.text in STRANGE]
    quoted = [token.text for part in reading.unknown for token in tokenize(part.text) if token.text in STRANGE]
    assert strange == quoted


def outcome(prompt: str) -> Code | None:
    try:
        assert planned(prompt, [], MINUTE)
    except PermanentError as error:
        return error.code
    return None


@settings(deadline=None)
@given(PROMPTS)
def test_words_in_any_order(prompt: str) -> None:
    check(prompt)
    code = outcome(prompt)
    assert code in {None, Code.NOT_UNDERSTOOD, Code.PLAN_INVALID, Code.EMPTY}
    if read_request(prompt).unknown:
        assert code is Code.NOT_UNDERSTOOD


@settings(deadline=None)
@given(st.text(max_size=200))
@example("१२ seconds")
@example("fade in " + "at the start " * 2000)
@example("'" * 300 + '"' * 301)
@example("9" * 5000 + " seconds")
@example("1/0 seconds 0/0")
@example("keep ½ of it\r\n\x00")
def test_any_text(prompt: str) -> None:
    check(prompt)
    outcome(prompt)


@settings(deadline=None)
@given(CLAUSES, JOINTS, st.integers(0, 3), st.sampled_from(STRANGE))
def test_one_strange_clause_refuses_all(clauses: list[str], joint: str, at: int, word: str) -> None:
    prompt = joint.join([*clauses[:at], word, *clauses[at:]])
    check(prompt)
    assert outcome(prompt) is Code.NOT_UNDERSTOOD


@settings(deadline=None)
@given(
    st.sampled_from([prompt for prompt, _ in UNDERSTOOD]), st.sampled_from([*STRANGE, "not", "except", "or"]), st.data()
)
def test_a_strange_word_anywhere_refuses_all(prompt: str, word: str, data: st.DataObject) -> None:
    words = prompt.split(" ")
    at = data.draw(st.integers(0, len(words)))
    changed = " ".join([*words[:at], word, *words[at:]])
    check(changed)
    if word in STRANGE:
        assert outcome(changed) is Code.NOT_UNDERSTOOD
    else:  # a word that turns the meaning round is never taken for nothing
        assert any(word in tokenize_words(part.text) for part in read_request(changed).unknown) or word == "except"


def tokenize_words(text: str) -> list[str]:
    return [token.text for token in tokenize(text)]
