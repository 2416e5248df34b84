"""The ``write`` step: operations in, a stored program and what it promises out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from reel_common.adapters.embedded.store import DirectoryStore
from reel_common.domain.kinds import StepKind
from reel_common.domain.program import program_from_json
from reel_common.errors import Code, PermanentError
from reel_common.plugins import load_tools
from reel_scriptgen.service import Scriptgen
from tests.unit.planner.desk import SHA, Shelf, Told, claimed
from tests.unit.planner.phrases import MINUTE

OPERATIONS = [
    {"op": "trim", "start": 3.0, "end": 8.0},
    {"op": "resize", "height": 720},
    {"op": "fade", "direction": "out"},
]


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


async def write(store: DirectoryStore, **given: Any) -> dict[str, Any]:
    library = Shelf()
    library.add("clip", MINUTE)
    scriptgen = Scriptgen(library=library, store=store, tools=load_tools(["ffmpeg"]))
    step = claimed("write", {"operations": OPERATIONS, "inputs": ["clip"], **given})
    return dict((await scriptgen.handlers()[StepKind.WRITE](step, Told())).result)


async def test_a_program_and_its_promise(store: DirectoryStore) -> None:
    result = await write(store)
    text = await store.get(result["program_key"])
    assert result == {
        "tool": "ffmpeg",
        "program_key": "u/ann/jobs/j1/steps/write.0.0/3/program.json",
        "program_sha256": hashlib.sha256(text).hexdigest(),
        "promise": {
            "duration": 5.0, "width": 1280, "height": 720, "frame_rate": "30/1", "video": True, "audio": True,
            "fade_in": 0.0, "fade_out": 1.0,
        },
    }  # fmt: skip
    assert program_from_json(json.loads(text)).inputs == {"clip": SHA}
    assert await write(store) == result


async def test_a_form_that_people_can_read(store: DirectoryStore) -> None:
    key = (await write(store))["program_key"].replace("program.json", "program.sh")
    text = (await store.get(key)).decode()
    assert text.startswith("#!/bin/sh\n")
    assert "# 3. fade out over 1 s\n" in text


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"operations": [{"op": "dance"}]}, Code.PLAN_INVALID),
        ({"operations": [{"op": "trim", "start": 99.0}]}, Code.PLAN_INVALID),
        ({"inputs": ["other"]}, Code.NOT_FOUND),
    ],
)
async def test_refused(store: DirectoryStore, given: dict[str, Any], code: Code) -> None:
    with pytest.raises(PermanentError) as caught:
        await write(store, **given)
    assert caught.value.code is code
    assert [stored async for stored in store.list("")] == []
