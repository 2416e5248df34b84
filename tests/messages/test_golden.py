"""Every version of every message that was ever released can still be read. Golden files are added, never changed."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from reel_common.domain.kinds import KINDS
from reel_common.messages import events
from reel_common.messages.envelope import MOST_BYTES, Envelope, read_envelope
from reel_common.messages.registry import MESSAGES, read_body

GOLDEN = Path(__file__).parent / "golden"
TYPES = sorted(path.stem for path in GOLDEN.glob("*.json"))


def written(type_: str) -> bytes:
    return (GOLDEN / f"{type_}.json").read_bytes()


def test_every_class_has_a_golden_file_and_every_file_a_class() -> None:
    classes = {
        value.TYPE
        for _, value in inspect.getmembers(events, inspect.isclass)
        if issubclass(value, events.Body) and "TYPE" in vars(value)
    }
    assert classes == set(TYPES), "add a golden file for a new class; keep the class of an old one"


@pytest.mark.parametrize("type_", TYPES)
def test_a_golden_message_is_read_and_written_as_it_was(type_: str) -> None:
    envelope = read_envelope(written(type_))
    body = read_body(envelope)
    assert envelope.type == type_
    assert body is not None
    assert type_ == body.TYPE
    assert body.model_dump() == envelope.body
    assert json.loads(envelope.to_bytes()) == json.loads(written(type_))


@pytest.mark.parametrize("type_", TYPES)
def test_a_body_needs_each_of_its_fields_and_no_other(type_: str) -> None:
    message = read_envelope(written(type_))
    for name in message.body:
        less = message.model_copy(update={"body": {k: v for k, v in message.body.items() if k != name}})
        with pytest.raises(ValueError, match=f"{name}: missing"):
            read_body(less)
    more = message.model_copy(update={"body": message.body | {"newer": [1]}})
    assert read_body(more) == read_body(message)


@pytest.mark.parametrize("type_", TYPES)
def test_a_message_is_small_and_frozen(type_: str) -> None:
    message = read_envelope(written(type_))
    body = read_body(message)
    assert len(message.to_bytes()) < MOST_BYTES / 50
    for frozen in (message, body):
        assert frozen is not None
        with pytest.raises(ValueError, match="frozen"):
            setattr(frozen, next(iter(type(frozen).model_fields)), "changed")


def test_class_names_carry_the_version() -> None:
    for type_, cls in MESSAGES.items():
        *words, version = type_.split(".")
        assert cls.__name__ == "".join(word.capitalize() for word in words) + version.upper()


def test_every_kind_of_step_speaks_with_messages_that_exist() -> None:
    for kind, row in KINDS.items():
        for type_ in (row.requested, row.ended, row.failed):
            assert type_ in MESSAGES, f"{kind}: {type_}"
        assert issubclass(MESSAGES[row.requested], events.StepOrderV1)
        assert issubclass(MESSAGES[row.ended], events.StepFactV1)
        assert issubclass(MESSAGES[row.failed], events.StepFactV1)


def test_an_envelope_fills_in_what_the_sender_leaves_out() -> None:
    one, two = (Envelope(type="step.requested.v1", job_id="j", owner_id="o", body={"step": "s"}) for _ in range(2))
    assert one.id < two.id or one.created_at <= two.created_at
    assert one.id != two.id
    assert one.created_at.tzinfo is not None
    assert (one.cause_id, one.trace) == (None, {})
