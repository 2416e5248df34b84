"""The ``plan`` step: words or operations in, a checked plan out, and kept to be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reel_common.adapters.embedded.store import DirectoryStore
from reel_common.domain.kinds import StepKind
from reel_common.errors import Code, PermanentError, RejectedError, TransientError
from reel_common.plugins import MOST_OPERATIONS, load_tools
from reel_common.ports.library import AssetState
from reel_planner.service import Planner
from tests.unit.planner.desk import OWNER, Shelf, Told, claimed
from tests.unit.planner.phrases import MINUTE

KEEP = {"op": "trim", "start": 3.0, "end": 8.0}
FADE = {"op": "fade", "direction": "out", "duration": 1.0, "audio": True}


class Desk:
    """A planner with one clip of a minute."""

    def __init__(self, folder: Path) -> None:
        self.library, self.store = Shelf(), DirectoryStore(folder)
        self.library.add("clip", MINUTE)
        self.planner = Planner(library=self.library, store=self.store, tools=load_tools(["ffmpeg"]))

    async def plan(self, **given: Any) -> dict[str, Any]:
        owner = given.pop("owner", OWNER)
        step = claimed(
            "plan", {"prompt": None, "operations": None, "inputs": ["clip"], "base_operations": [], **given}, owner
        )
        done = await self.planner.handlers()[StepKind.PLAN](step, Told())
        assert not done.assets
        assert len(json.dumps(done.result)) < 64 << 10
        return dict(done.result)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def refused(desk: Desk, **given: Any) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        await desk.plan(**given)
    return caught.value


async def test_words(desk: Desk) -> None:
    result = await desk.plan(prompt="keep seconds 3 to 8, fade out", base_operations=[{"op": "resize", "height": 720}])
    resize = {"op": "resize", "width": None, "height": 720}
    assert result == {
        "operations": [resize, KEEP, FADE],
        "added": [KEEP, FADE],
        "understood": [{"text": "keep seconds 3 to 8", "op": "trim"}, {"text": "fade out", "op": "fade"}],
        "planner": "rules/1",
        "plan_key": "u/ann/jobs/j1/steps/plan.0.0/3/plan.json",
    }
    kept = json.loads(await desk.store.get(result["plan_key"]))
    assert kept["operations"] == result["operations"]
    assert kept["steps"] == ["resize to height 720", "keep from 3 s to 8 s", "fade out over 1 s"]
    assert kept["promise"]["duration"] == 5.0
    assert kept["notes"] == []


async def test_times_refer_to_the_version_before(desk: Desk) -> None:
    result = await desk.plan(prompt="only the first half", base_operations=[{"op": "trim", "start": 40.0}])
    assert result["added"] == [{"op": "trim", "start": 0.0, "end": 10.0}]


async def test_operations(desk: Desk) -> None:
    result = await desk.plan(operations=[KEEP, {"op": "fade", "direction": "out"}])
    assert result["operations"] == result["added"] == [KEEP, FADE]
    assert result["understood"][0] == {"text": "keep from 3 s to 8 s", "op": "trim"}
    assert result["planner"] == "given"


async def test_what_may_surprise_is_noted(desk: Desk) -> None:
    result = await desk.plan(prompt="fade out, then trim to 10 seconds")
    kept = json.loads(await desk.store.get(result["plan_key"]))
    assert kept["notes"] == ["The fade out of 1 s is in a part that a later trim cuts away."]


async def test_not_understood(desk: Desk) -> None:
    error = await refused(desk, prompt="keep seconds 3 to 8 and make it sing")
    assert (error.code, error.detail) == (Code.NOT_UNDERSTOOD, 'Not understood: "make it sing". Nothing was done.')
    assert [stored async for stored in desk.store.list("")] == []


async def test_wrong_fields_are_named(desk: Desk) -> None:
    error = await refused(desk, operations=[KEEP, {"op": "resize", "width": 7, "colour": "red"}])
    assert isinstance(error, RejectedError)
    assert [path for path, _ in error.fields] == ["operations[1].width", "operations[1].colour"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"operations": [{"op": "trim", "start": 60.0}]}, Code.PLAN_INVALID),
        ({"prompt": "fade out over 3 s", "base_operations": [{"op": "trim", "end": 2.0}]}, Code.PLAN_INVALID),
        ({"prompt": "fade out", "base_operations": [{"op": "trim", "end": 2000.0}]}, Code.PLAN_INVALID),
        (
            {"operations": [{"op": "resize", "width": 640}] * MOST_OPERATIONS, "base_operations": [KEEP]},
            Code.PLAN_INVALID,
        ),
        ({"prompt": "fade out", "operations": [KEEP]}, Code.INVALID),
        ({"prompt": "fade out", "inputs": []}, Code.INVALID),
        ({"operations": []}, Code.EMPTY),
        ({"prompt": " "}, Code.EMPTY),
        ({}, Code.EMPTY),
        ({"prompt": "fade out", "inputs": ["other"]}, Code.NOT_FOUND),
        ({"prompt": "fade out", "owner": "eve"}, Code.NOT_FOUND),
        ({"prompt": "fade out", "inputs": ["clip", "clip"]}, Code.PLAN_INVALID),
    ],
)
async def test_refused(desk: Desk, given: dict[str, Any], code: Code) -> None:
    assert (await refused(desk, **given)).code is code


@pytest.mark.parametrize(
    ("state", "code"), [(AssetState.DELETED, Code.GONE), (AssetState.REJECTED, Code.INPUT_MISSING)]
)
async def test_a_file_that_is_no_more(desk: Desk, state: AssetState, code: Code) -> None:
    desk.library.add("clip", None, state)
    assert (await refused(desk, prompt="fade out")).code is code


async def test_a_file_that_is_still_looked_at(desk: Desk) -> None:
    desk.library.add("clip", None, AssetState.INGESTING)
    with pytest.raises(TransientError):
        await desk.plan(prompt="fade out")
