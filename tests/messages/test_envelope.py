"""What an envelope may be, and what is not understood (B53, B54)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reel_common.messages.envelope import MOST_BYTES, Envelope, NotUnderstoodError, read_envelope
from reel_common.messages.events import StepRequestedV1
from reel_common.messages.registry import MESSAGES, read_body

GOOD: dict[str, Any] = {"id": "m", "type": "step.requested.v1", "job_id": "j", "owner_id": "o", "body": {"step": "s"}}
WHEN = "2026-11-24T16:00:00Z"


def raw(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def test_the_least_that_is_understood() -> None:
    least = {"type": "step.requested.v1", "job_id": "j", "owner_id": "o"}
    assert read_envelope(json.dumps(least).encode()).body == {}


def test_unknown_fields_are_ignored() -> None:
    plain, newer = raw(created_at=WHEN), raw(created_at=WHEN, newer={"a": [1]}, priority=9)
    assert read_envelope(newer) == read_envelope(plain)


NOT_UNDERSTOOD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "json_invalid"),
    "not JSON": (b"look!", "json_invalid"),
    "half": (raw()[:-5], "json_invalid"),
    "not UTF-8": (b'{"type": "\xff\xfe"}', "json_invalid"),
    "a list": (b"[]", "model_type"),
    "a word": (b'"step.requested.v1"', "model_type"),
    "nothing": (b"null", "model_type"),
    "no number at all": (b"NaN", "model_type"),
    "no type": (b'{"job_id": "j", "owner_id": "o"}', "type: missing"),
    "no job": (b'{"type": "step.requested.v1", "owner_id": "o"}', "job_id: missing"),
    "null job": (raw(job_id=None), "job_id: string_type"),
    "empty job": (raw(job_id=""), "job_id: string_too_short"),
    "long job": (raw(job_id="j" * 65), "job_id: string_too_long"),
    "long id": (raw(id="m" * 65), "id: string_too_long"),
    "no owner": (raw(owner_id=None), "owner_id: string_type"),
    "empty owner": (raw(owner_id=""), "owner_id: string_too_short"),
    "a number as job": (raw(job_id=7), "job_id: string_type"),
    "type without version": (raw(type="step.requested"), "type: string_pattern_mismatch"),
    "type with a star": (raw(type="step.#.v1"), "type: string_pattern_mismatch"),
    "type in capitals": (raw(type="Step.Requested.v1"), "type: string_pattern_mismatch"),
    "type with a line": (raw(type="step.requested.v1\n"), "type: string_pattern_mismatch"),
    "long type": (raw(type="a." * 60 + "v1"), "type: string_too_long"),
    "body as text": (raw(body="{}"), "body: dict_type"),
    "trace of numbers": (raw(trace={"traceparent": 1}), "trace.traceparent: string_type"),
    "no time": (raw(created_at="yesterday"), "created_at: datetime"),
    "too large": (raw(body={"step": "s" * MOST_BYTES}), "bytes are over"),
}


@pytest.mark.parametrize("case", NOT_UNDERSTOOD)
def test_what_is_not_understood_says_why(case: str) -> None:
    data, reason = NOT_UNDERSTOOD[case]
    with pytest.raises(NotUnderstoodError, match=reason):
        read_envelope(data)


def test_the_reason_does_not_quote_what_was_sent() -> None:
    with pytest.raises(NotUnderstoodError) as error:
        read_envelope(raw(job_id={"secret": "hunter2"}, owner_id=["hunter2"], type="hunter2"))
    assert "hunter2" not in str(error.value)
    with pytest.raises(NotUnderstoodError) as error:
        read_body(Envelope(type="step.requested.v1", job_id="j", owner_id="o", body={"step": ["hunter2"]}))
    assert "hunter2" not in str(error.value)


def test_the_limit_is_exact() -> None:
    rest = len(raw(body={"step": ""}))
    largest = raw(body={"step": "s" * (MOST_BYTES - rest)})
    assert len(largest) == MOST_BYTES
    read_envelope(largest)
    with pytest.raises(NotUnderstoodError, match="65537 bytes are over 65536"):
        read_envelope(largest + b" ")


def test_nothing_too_large_is_written() -> None:
    with pytest.raises(ValueError, match="is over 65536"):
        Envelope(type="step.requested.v1", job_id="j", owner_id="o", body={"step": "s" * MOST_BYTES}).to_bytes()


def test_what_is_written_is_read_again() -> None:
    sent = Envelope(
        type="step.requested.v1", job_id="j ö", owner_id="o", trace={"tracestate": "a=1"}, body={"step": "☂"}
    )
    assert read_envelope(sent.to_bytes()) == sent


def test_a_newer_type_is_no_body_and_no_error() -> None:
    assert read_body(read_envelope(raw(type="step.requested.v9", body={"anything": 1}))) is None
    assert read_body(read_envelope(raw(type="nobody.knows.v1"))) is None


def test_a_known_body_is_its_class() -> None:
    assert read_body(read_envelope(raw())) == StepRequestedV1(step="s")


def test_the_registry_holds_only_classes_with_a_type_of_their_own() -> None:
    assert all(type_ == cls.TYPE for type_, cls in MESSAGES.items())
    assert {"StepOrderV1", "StepFactV1", "JobFactV1", "Body"}.isdisjoint(cls.__name__ for cls in MESSAGES.values())
