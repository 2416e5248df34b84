"""What the gateway reads and writes of the ledger, on both dialects."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from reel_common.domain.ids import new_id
from reel_common.domain.media import MediaFacts
from reel_common.domain.outcome import Done, NewAsset
from reel_common.errors import Code, Failure
from reel_common.ledger import Ledger, NewJob, NewVersion
from reel_common.ledger.reading import Filter, Reading
from reel_common.ledger.sessions import NewSession, Sessions
from tests.ledger.conftest import book, ledger_url, open_ledger  # noqa: F401 - fixtures

FACTS = MediaFacts("mov", 10.0, 3)


@pytest.fixture
def reading(book: Ledger) -> Reading:  # noqa: F811
    return Reading(book.database)


@pytest.fixture
def sessions(book: Ledger) -> Sessions:  # noqa: F811
    return Sessions(book.database)


def upload(owner: str = "o", **more: Any) -> NewJob:
    asset = {"id": new_id(), "role": "original", "state": "ingesting", "name": "clip.mp4", "media_type": "video/mp4",
             "sha256": "0" * 64, "size": 3}  # fmt: skip
    return NewJob("ingest", owner, {"asset": asset["id"]}, subject=f"asset:{asset['id']}", asset=asset, **more)


async def test_a_job_reads_as_what_it_is(book: Ledger, reading: Reading) -> None:  # noqa: F811
    job = upload(metadata={"mine": 1})
    await book.submit(job)
    row = await reading.job("o", job.id)
    assert row
    assert (row.status, row.kind, row.subject, row.metadata) == ("queued", "ingest", job.subject, {"mine": 1})
    assert [(s.step, s.state) for s in row.steps] == [("facts", "ready"), ("renditions", "blocked")]
    assert await reading.job("another", job.id) is None
    (step,) = await book.claim("w", ("ingest",), 1)
    assert [j.status for j in await reading.jobs("o", Filter())] == ["running"]
    await book.pause(job.id)
    assert [j.id for j in await reading.jobs("o", Filter(kind="ingest", statuses=("paused", "failed")))] == [job.id]
    await book.cancel(job.id)
    row = await reading.job("o", job.id)
    assert row
    assert (row.status, row.stopping) == ("running", True)
    made = NewAsset(new_id(), "poster", "p", "1" * 64, 4, "image/jpeg", FACTS, source=job.request["asset"])
    await book.complete(step, Done({"a": 1}, (made,)))
    row = await reading.job("o", job.id)
    assert row
    assert (row.status, row.stopping) == ("cancelled", False)
    assert row.ended
    assert row.ended >= row.created
    assert [(p["role"], p["bytes"], p["facts"]["duration"]) for p in row.partial] == [("poster", 4, 10.0)]
    assert await reading.jobs("o", Filter(statuses=("paused",))) == []
    assert await reading.jobs("o", Filter(before=job.id)) == []


async def test_events_and_steps_are_their_owners(book: Ledger, reading: Reading) -> None:  # noqa: F811
    job = upload()
    await book.submit(job)
    (step,) = await book.claim("w", ("ingest",), 1)
    await book.fail(step, Failure(Code.NOT_MEDIA, "no media"))
    told = await reading.events("o", job.id, 0)
    assert [(e.seq, e.type) for e in told] == [(1, "job.requested"), (2, "asset.rejected"), (3, "job.finished")]
    assert [e.seq for e in await reading.events("o", job.id, 1, 1)] == [2]
    assert await reading.events("another", job.id, 0) == []
    assert await reading.seqs([job.id, "x"]) == {job.id: 3}
    steps = await reading.steps("o", job.id)
    assert [(s.step, s.state, s.attempt, (s.error or {}).get("code")) for s in steps] == [
        ("facts", "failed", 1, "not_media"), ("renditions", "cancelled", 0, None),
    ]  # fmt: skip
    assert await reading.steps("another", job.id) == []
    asset = await reading.asset("o", job.request["asset"])
    assert asset
    assert (asset.state, asset.error) == ("rejected", {"code": "not_media", "detail": "no media"})


async def test_a_place_in_the_queue(book: Ledger, reading: Reading) -> None:  # noqa: F811
    jobs = [upload(owner) for owner in ("a", "b", "a")]
    for job in jobs:
        await book.submit(job)
    assert [await reading.ahead(f"{j.id}/facts/0/0") for j in jobs] == [0, 1, 2]
    assert await reading.ahead("nothing") == 0


async def test_media(book: Ledger, reading: Reading) -> None:  # noqa: F811
    job = upload()
    await book.submit(job)
    asset = job.request["asset"]
    (step,) = await book.claim("w", ("ingest",), 1)
    await book.complete(step, Done(facts={asset: FACTS}))
    (step,) = await book.claim("w", ("ingest",), 1)
    poster = NewAsset(new_id(), "poster", "p", "1" * 64, 4, "image/jpeg", source=asset)
    await book.complete(step, Done(assets=(poster,)))
    row = await reading.asset("o", asset)
    assert row
    assert (row.state, row.facts, [r["asset_id"] for r in row.renditions]) == ("ready", FACTS.as_json(), [poster.id])
    assert [a.id for a in await reading.assets("o", Filter(role="poster", statuses=("ready",)))] == [poster.id]
    assert [a.id for a in await reading.assets("o", Filter(before=poster.id))] == [asset]
    assert [a.id for a in await reading.made_by("o", job.id)] == [asset, poster.id]
    assert set(await reading.some_assets("o", [asset, "x"])) == {asset}
    assert await reading.some_assets("another", [asset]) == {}
    assert not await reading.delete_asset("another", asset)
    assert await reading.delete_asset("o", asset)
    assert not await reading.delete_asset("o", asset)
    assert await reading.assets("o", Filter()) == []
    gone = await reading.asset("o", poster.id)
    assert gone
    assert gone.state == "deleted"


async def test_sessions_and_versions(book: Ledger, sessions: Sessions) -> None:  # noqa: F811
    new = NewSession(new_id(), "o", "mine", ("a", "b"), "key", "digest")
    await sessions.create(new)
    with pytest.raises(sa.exc.IntegrityError):
        await sessions.create(NewSession(new_id(), "o", "again", ("a",), "key", "digest"))
    assert [s.id for s in await sessions.newest("o", None, 10)] == [new.id]
    version = NewVersion(new_id(), new.id, None, "words")
    request = {"session": new.id, "version": version.id, "inputs": [], "plan_only": False}
    job = NewJob("edit", "o", request, subject=f"session:{new.id}", version=version)
    await book.submit(job)
    row = await sessions.get("o", new.id)
    assert row
    assert (row.name, row.inputs, row.head, row.versions, row.busy) == ("mine", ("a", "b"), None, 0, job.id)
    assert await sessions.pending("o", new.id) == job.id
    assert await sessions.live_jobs("o", new.id) == (job.id,)
    assert [v.id for v in await sessions.versions("o", new.id, None, 10)] == [version.id]
    assert await sessions.versions("o", new.id, version.id, 10) == []
    found = await sessions.version_of("o", job.id)
    assert found
    assert (found.id, found.state, found.prompt, list(found.operations)) == (version.id, "pending", "words", [])
    assert await sessions.version("another", new.id, version.id) is None
    assert not await sessions.rename("another", new.id, "x")
    assert await sessions.rename("o", new.id, "yours")
    assert not await sessions.delete("another", new.id)
    assert await sessions.delete("o", new.id)
    assert not await sessions.delete("o", new.id)
    assert not await sessions.rename("o", new.id, "x")
    assert await sessions.newest("o", None, 10) == []


async def test_keys_are_forgotten_in_time(book: Ledger, reading: Reading) -> None:  # noqa: F811
    job = upload(idempotency_key="k", request_sha256="digest")
    await book.submit(job)
    assert await reading.made_under("o", "k") == (f"job:{job.id}", "digest")
    assert await reading.made_under("another", "k") is None
    await book.database.query("update idempotency set created = created - 90000")
    assert await reading.made_under("o", "k") is None
    await book.submit(upload(idempotency_key="k", request_sha256="other"))
    assert await reading.alive()
