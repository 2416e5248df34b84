"""A job that needs something outside of itself, which may be there before it, or come at any moment."""

from __future__ import annotations

import time
from dataclasses import replace

from reel_common.domain.job import JobState
from reel_common.domain.media import MediaFacts
from reel_common.domain.outcome import Done
from reel_common.errors import Code, Failure
from reel_common.ledger import Ledger
from reel_common.ledger.decision import Outcome
from reel_common.ledger.submission import NewJob
from tests.ledger.conftest import OpenLedger
from tests.ledger.test_changes import DRILL, begin, one, upload


def edit_of(asset: str) -> NewJob:
    request = {"inputs": [asset], "prompt": "x", "operations": None, "base_operations": []}
    return NewJob("edit", "o", request)


async def ready_asset(book: Ledger) -> str:
    asset, _ = await upload(book)
    await book.complete(await one(book, "ingest"), Done({}, facts={asset: MediaFacts("mp4", 2.0, 3)}))
    return asset


async def test_an_edit_of_what_is_ready_begins_at_once(book: Ledger) -> None:
    outcome = await book.submit(edit_of(await ready_asset(book)))
    assert [o.type for o in outcome.orders] == ["job.requested.v1"]
    assert (await one(book, "plan")).attempt == 1


async def test_an_edit_of_what_was_rejected_fails_at_once(book: Ledger) -> None:
    asset, _ = await upload(book)
    await book.fail(await one(book, "ingest"), Failure(Code.NOT_MEDIA, "This is no video."))
    job = edit_of(asset)
    assert (await book.submit(job)).ended is JobState.FAILED


async def test_who_waits_is_not_stalled_and_who_was_forgotten_is(book: Ledger) -> None:
    asset, _ = await upload(book)
    waiting = edit_of(asset)
    await book.submit(waiting)
    assert await book.stalled(0.0) == []
    await book.complete(await one(book, "ingest"), Done({}, facts={asset: MediaFacts("mp4", 2.0, 3)}))
    assert await book.stalled(0.0) == [waiting.id], "its upload is there and nobody has looked"
    assert isinstance(await book.follow_again(waiting.id), Outcome)
    assert await book.stalled(0.0) == []


async def test_a_view_that_comes_late_hides_no_newer_one(open_ledger: OpenLedger) -> None:
    """What this process wrote is remembered after it has claimed a step that another process made in the meantime."""
    book, other = open_ledger(), open_ledger()
    job = NewJob("fan", "o", {})
    await book.submit(job)
    await book.complete(await one(book), Done({"items": 2}))
    earlier = await book.see(job.id)
    assert earlier
    await other.complete(await one(other), Done())
    for _ in range(2):
        step = await one(book)
        book._views.put(earlier)
        assert not (await book.complete(step, Done())).fenced


async def test_a_view_without_the_step_is_not_believed(book: Ledger) -> None:
    job = await begin(book)
    step = await one(book)
    now = await book.see(job)
    assert now
    book._views._views[job] = (time.monotonic(), replace(now, steps={}))
    assert not (await book.complete(step, Done())).fenced
    assert [s.step for s in await book.claim("w", DRILL, 1)] == ["s1"]
