"""What each change of the ledger does, on both dialects."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import sqlalchemy as sa

from reel_common.domain.ids import new_id
from reel_common.domain.job import JobState
from reel_common.domain.media import MediaFacts
from reel_common.domain.outcome import Done, NewAsset
from reel_common.domain.step import Claimed, StepState
from reel_common.errors import Code, Failure
from reel_common.ledger import Ledger, NewJob, NewVersion, RunOn
from reel_common.ledger.ledger import MOST_CRASHES
from reel_common.ledger.tables import assets, idempotency, outbox, sessions, steps, versions
from reel_common.testing.invariants import violations
from tests.ledger.conftest import OpenLedger

DRILL = ("drill",)
BAD = Failure(Code.PROGRAM_FAILED, "it broke", hint="mend it", log_tail="line 3")


async def rows(book: Ledger, table: sa.Table) -> list[Any]:
    return await book.database.transact(lambda c: list(c.execute(sa.select(table))))


async def states(book: Ledger, job: str) -> dict[str, StepState]:
    now = await book.see(job)
    assert now
    return {i.split("/", 1)[1]: s.step.state for i, s in now.steps.items()}


async def begin(book: Ledger, kind: str = "chain", owner: str = "o", **request: Any) -> str:
    job = NewJob(kind, owner, request)
    await book.submit(job)
    return job.id


async def one(book: Ledger, *kinds: str) -> Claimed:
    (step,) = await book.claim("w", kinds or DRILL, 1)
    return step


async def test_a_chain_runs_step_by_step_and_ends_once(book: Ledger) -> None:
    job = await begin(book)
    for n in range(4):
        step = await one(book)
        assert (step.step, step.attempt, step.epoch) == (f"s{n}", 1, 1)
        outcome = await book.complete(step, Done({"n": n}))
        assert [o.type for o in outcome.orders] == (["drill.requested.v1"] if n < 3 else [])
    assert outcome.ended is JobState.SUCCEEDED
    assert await book.claim("w", DRILL, 1) == []
    await book.sent([r.id for r in await rows(book, outbox)])
    assert await violations(book.database) == []
    now = await book.see(job)
    assert now
    assert now.job.state is JobState.SUCCEEDED


async def test_a_worker_goes_straight_on_unless_another_owner_waits(book: Ledger) -> None:
    await begin(book, owner="a")
    run_on = RunOn("w", DRILL, 60.0)
    outcome = await book.complete(await one(book), Done(), run_on)
    assert outcome.next
    assert outcome.next.step == "s1"
    assert (outcome.next.attempt, outcome.next.epoch) == (1, 1)
    assert await book.heartbeat([(outcome.next.id, 1)]) == {(outcome.next.id, 1): "ok"}
    await begin(book, owner="b")
    outcome = await book.complete(outcome.next, Done(), run_on)
    assert outcome.next is None
    assert len(outcome.orders) == 1


async def test_a_step_made_by_a_completion_can_be_gone_on_with(book: Ledger) -> None:
    await begin(book, "fan")
    outcome = await book.complete(await one(book), Done({"items": 2}), RunOn("w", DRILL, 60.0))
    assert outcome.next
    assert outcome.next.step == "make"
    assert len(outcome.orders) == 1
    claimed = await book.claim("v", DRILL, 5)
    assert {s.id for s in claimed}.isdisjoint({outcome.next.id})


async def test_the_claim_is_fair_between_owners(book: Ledger) -> None:
    for _ in range(6):
        await begin(book, owner="many")
    await begin(book, owner="few")
    first = await book.claim("w", DRILL, 2)
    assert {s.owner for s in first} == {"many", "few"}
    await begin(book, owner="few")
    assert [s.owner for s in await book.claim("w", DRILL, 1)] in (["many"], ["few"])
    assert len(await book.claim("w", DRILL, 100)) == 5


async def test_a_claim_takes_only_its_kinds_and_no_more_than_asked(book: Ledger) -> None:
    await begin(book, kinds=["drill-a", "drill-b"])
    await begin(book, kinds=["drill-b", "drill-a"])
    assert [s.kind for s in await book.claim("w", ("drill-a",), 9)] == ["drill-a"]
    assert await book.claim("w", ("drill-a",), 9) == []
    assert [s.kind for s in await book.claim("w", ("drill-a", "drill-b"), 9)] == ["drill-b"]


async def test_a_failed_step_fails_its_job_with_its_error(book: Ledger) -> None:
    job = await begin(book)
    outcome = await book.fail(await one(book), BAD)
    assert outcome.ended is JobState.FAILED
    assert set((await states(book, job)).values()) == {StepState.FAILED, StepState.CANCELLED}
    row = (await book.database.read("select error from jobs where id = :id", {"id": job}))[0]
    assert json.loads(row.error) == {"step": "s0", **BAD.as_json()}


async def test_a_retry_waits_and_counts(book: Ledger) -> None:
    await begin(book)
    await book.retry(await one(book), BAD, 0.25)
    assert await book.claim("w", DRILL, 1) == []
    await asyncio.sleep(0.3)
    again = await one(book)
    assert (again.attempt, again.epoch, again.crashes) == (2, 2, 0)


async def test_a_step_given_back_cost_no_attempt(book: Ledger) -> None:
    await begin(book)
    await book.give_back(await one(book))
    again = await one(book)
    assert (again.attempt, again.epoch) == (1, 2)


async def test_pause_holds_and_resume_releases(book: Ledger) -> None:
    job = await begin(book)
    running = await one(book)
    assert not (await book.pause(job)).fenced
    assert not (await book.pause(job)).facts, "pausing twice changes nothing"
    outcome = await book.complete(running, Done())
    assert outcome.orders == []
    assert await book.claim("w", DRILL, 1) == []
    assert [o.type for o in (await book.resume(job)).orders] == ["drill.requested.v1"]
    assert (await one(book)).step == "s1"


async def test_cancel_stops_what_runs_and_ends_when_nothing_does(book: Ledger) -> None:
    job = await begin(book)
    running = await one(book)
    assert [f.type for f in (await book.cancel(job)).facts] == ["job.cancelled.v1"]
    assert await book.heartbeat([(running.id, running.epoch)]) == {(running.id, running.epoch): "stop"}
    assert (await book.stopped(running)).ended is JobState.CANCELLED
    assert (await book.cancel(job)).fenced, "a job that has ended never changes"
    assert (await book.pause(job)).fenced


async def test_a_cancel_before_the_last_step_is_written_wins(book: Ledger) -> None:
    job = await begin(book, kinds=["drill"])
    step = await one(book)
    await book.cancel(job)
    outcome = await book.complete(step, Done())
    assert outcome.ended is JobState.CANCELLED


async def test_the_writer_of_an_earlier_claim_is_fenced(open_ledger: OpenLedger) -> None:
    book = open_ledger(lease=0.05)
    await begin(book)
    old = await one(book)
    await asyncio.sleep(0.1)
    ((job, step, epoch),) = await book.expired()
    await book.revive(job, step, epoch)
    await asyncio.sleep(0.05)
    new = await one(book)
    assert (new.epoch, new.crashes, new.attempt) == (2, 1, 2)
    assert (await book.complete(old, Done({"who": "old"}))).fenced
    assert (await book.fail(old, BAD)).fenced
    assert (await book.heartbeat([(old.id, old.epoch)])) == {(old.id, old.epoch): "fenced"}
    assert not (await book.complete(new, Done({"who": "new"}))).fenced
    assert await violations(book.database, drained=False) == []


async def test_a_lease_that_was_renewed_is_not_revived(open_ledger: OpenLedger) -> None:
    book = open_ledger(lease=0.2)
    await begin(book)
    step = await one(book)
    await asyncio.sleep(0.3)
    ((job, found, epoch),) = await book.expired()
    await book.heartbeat([(step.id, step.epoch)])
    assert (await book.revive(job, found, epoch)).fenced


async def test_at_the_tenth_crash_a_step_is_poison(open_ledger: OpenLedger) -> None:
    book = open_ledger(lease=0.01)
    job = await begin(book)
    for n in range(MOST_CRASHES):
        for _ in range(200):
            if claimed := await book.claim("w", DRILL, 1):
                break
            await asyncio.sleep(0.005)
        assert claimed[0].crashes == n
        await asyncio.sleep(0.02)
        outcome = await book.revive(job, claimed[0].id, claimed[0].epoch)
    assert outcome.ended is JobState.FAILED
    row = (await book.database.read("select error from jobs where id = :id", {"id": job}))[0]
    assert json.loads(row.error)["code"] == "poison"


async def test_an_expired_step_of_an_ending_job_is_cancelled(open_ledger: OpenLedger) -> None:
    book = open_ledger(lease=0.01)
    job = await begin(book)
    step = await one(book)
    await book.cancel(job)
    await asyncio.sleep(0.03)
    assert (await book.revive(job, step.id, step.epoch)).ended is JobState.CANCELLED


async def test_a_single_process_frees_everything_at_its_start(book: Ledger) -> None:
    await begin(book)
    await one(book)
    await book.free_all()
    again = await one(book)
    assert (again.attempt, again.crashes, again.epoch) == (1, 0, 2)


async def test_an_overdue_job_fails(book: Ledger) -> None:
    job = NewJob("chain", "o", {}, deadline_s=0.05)
    await book.submit(job)
    assert await book.overdue() == []
    await asyncio.sleep(0.1)
    (outcome,) = await book.overdue()
    assert outcome.ended is JobState.FAILED
    row = (await book.database.read("select error from jobs where id = :id", {"id": job.id}))[0]
    assert json.loads(row.error)["code"] == "deadline"
    assert await book.overdue() == []


async def test_lost_rings_are_found_again_and_not_all_the_time(book: Ledger) -> None:
    job = await begin(book)
    assert [o.job_id for o in await book.unsent(0.0)] == [job]
    await book.sent([o.id for o in await book.unsent(0.0)])
    assert await book.unsent(0.0) == []
    await asyncio.sleep(0.06)
    assert [o.body["step"] for o in await book.untouched(0.05)] == [f"{job}/s0/0/0"]
    assert await book.untouched(0.05) == []
    await asyncio.sleep(0.16)
    assert len(await book.untouched(0.05)) == 1


async def test_a_stalled_job_is_followed_again(book: Ledger) -> None:
    job = await begin(book)
    await book.database.query("update steps set state = 'blocked' where job = :job", {"job": job})
    assert await book.stalled(0.0) == [job]
    outcome = await book.follow_again(job)
    assert len(outcome.orders) == 1
    assert await book.stalled(0.0) == []


async def test_assets_appear_with_the_completion_that_made_them(book: Ledger) -> None:
    await begin(book, kinds=["drill"])
    made = NewAsset(new_id(), "final", "out.mp4", "ab" * 32, 12, "video/mp4")
    step = await one(book)
    assert await rows(book, assets) == []
    await book.complete(step, Done({"outputs": []}, assets=(made,), content_key="k"))
    (row,) = await rows(book, assets)
    assert (row.id, row.owner, row.state, row.step, row.size) == (made.id, "o", "ready", step.id, 12)
    assert (await book.complete(step, Done(assets=(made,)))).fenced


async def test_a_result_over_its_bound_fails_the_step(book: Ledger) -> None:
    await begin(book)
    outcome = await book.complete(await one(book), Done({"text": "x" * 70_000}))
    assert outcome.ended is JobState.FAILED


async def upload(book: Ledger) -> tuple[str, str]:
    asset = new_id()
    row = {"id": asset, "role": "original", "state": "ingesting", "name": "a.mp4", "media_type": "video/mp4",
           "sha256": "cd" * 32, "size": 3}  # fmt: skip
    job = NewJob("ingest", "o", {"asset": asset}, subject=f"asset:{asset}", asset=row)
    await book.submit(job)
    return asset, job.id


async def edit(book: Ledger, asset: str, session: str, **more: Any) -> NewJob:
    version = NewVersion(new_id(), session, None, "x")
    request = {"session": session, "inputs": [asset], "prompt": "x", "operations": None, "base_operations": []}
    request["version"] = version.id
    job = NewJob("edit", "o", request, subject=f"session:{session}", version=version, **more)
    await book.submit(job)
    return job


async def new_session(book: Ledger, asset: str) -> str:
    session = new_id()
    values = {"id": session, "owner": "o", "name": "s", "inputs": json.dumps([asset]), "created": 0.0}
    await book.database.transact(lambda c: c.execute(sa.insert(sessions).values(values)))
    return session


async def test_an_edit_waits_for_its_upload_and_makes_a_version(book: Ledger) -> None:
    asset, _ = await upload(book)
    session = await new_session(book, asset)
    job = await edit(book, asset, session)
    assert await book.claim("w", ("plan",), 1) == []
    facts = MediaFacts("mp4", 2.0, 3)
    outcome = await book.complete(await one(book, "ingest"), Done({}, facts={asset: facts}))
    assert outcome.needs == (f"asset:{asset}",)
    (revisited,) = await book.revisit(outcome.needs)
    assert [o.type for o in revisited.orders] == ["job.requested.v1"]
    plan = await one(book, "plan")
    assert plan.input["inputs"] == [asset]
    await book.complete(plan, Done({"operations": [{"op": "trim"}]}))
    written = {"tool": "ffmpeg", "program_key": "k", "program_sha256": "s", "promise": {}}
    await book.complete(await one(book, "write"), Done(written))
    await book.complete(await one(book, "run"), Done({"outputs": [], "measured": {}}))
    outcome = await book.complete(await one(book, "compose"), Done({"outputs": [{"role": "final"}], "report_key": "r"}))
    assert outcome.ended is JobState.SUCCEEDED
    (version,) = await rows(book, versions)
    assert version.state == "ready"
    assert json.loads(version.delivery)["operations"] == [{"op": "trim"}]
    (row,) = await rows(book, sessions)
    assert row.head == version.id == job.request["version"]


async def test_a_rejected_upload_fails_the_edit_that_waits_for_it(book: Ledger) -> None:
    asset, _ = await upload(book)
    job = await edit(book, asset, await new_session(book, asset))
    outcome = await book.fail(await one(book, "ingest"), Failure(Code.NOT_MEDIA, "This is no video."))
    (row,) = await rows(book, assets)
    assert row.state == "rejected"
    (revisited,) = await book.revisit(outcome.needs)
    assert revisited.ended is JobState.FAILED
    row = (await book.database.read("select error from jobs where id = :id", {"id": job.id}))[0]
    assert json.loads(row.error)["code"] == "not_media"
    (version,) = await rows(book, versions)
    assert version.state == "failed"


async def test_one_pending_version_a_branch(book: Ledger) -> None:
    asset, _ = await upload(book)
    session = await new_session(book, asset)
    first = await edit(book, asset, session)
    with pytest.raises(sa.exc.IntegrityError):
        await edit(book, asset, session)
    await book.cancel(first.id)
    assert (await edit(book, asset, session)).id
    (old, new) = sorted(await rows(book, versions), key=lambda v: v.id)
    assert {old.state, new.state} == {"cancelled", "pending"}


async def test_an_idempotency_key_makes_one_job(book: Ledger) -> None:
    jobs = [NewJob("chain", "o", {}, idempotency_key="key", request_sha256="s") for _ in range(8)]
    said = await asyncio.gather(*(book.submit(j) for j in jobs), return_exceptions=True)
    assert len([s for s in said if isinstance(s, sa.exc.IntegrityError)]) == 7
    (row,) = await rows(book, idempotency)
    made = [j.id for j, s in zip(jobs, said, strict=True) if not isinstance(s, BaseException)]
    assert row.made == f"job:{made[0]}"
    assert len(await rows(book, steps)) == 4
    await book.submit(NewJob("chain", "another", {}, idempotency_key="key"))
