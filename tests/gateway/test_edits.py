"""An edit from upload to result, as a client sees it."""

from __future__ import annotations

import asyncio

import pytest

from reel_common.domain.ids import new_id
from reel_common.errors import Code, Failure
from reel_common.ports.noticeboard import Progress
from tests.gateway.house import BROKEN, TRIM, House, problem


async def test_an_edit_from_request_to_result(house: House) -> None:
    session = await house.session()
    job = await house.edit(session)
    assert (job["status"], job["stage"], job["progress"]) == ("queued", "plan", 0.0)
    assert job["queue_position"] == 0
    assert job["message"] == "Waiting for a free worker"
    assert job["subject"] == f"session:{session}"
    assert (job["outputs"], job["degraded"], job["error"], job["needs"]) == ([], [], None, None)
    assert job["cost"] == {"estimate": 0, "reserved": 0, "actual": 0, "cap": None}
    assert job["urls"]["self"] == f"http://127.0.0.1:8000/v1/jobs/{job['id']}"
    assert (job["started_at"], job["finished_at"]) == (None, None)
    await house.work()
    job = await house.ok("GET", job["urls"]["self"])
    assert (job["status"], job["stage"], job["progress"]) == ("succeeded", None, 1.0)
    (output,) = job["outputs"]
    assert (output["role"], output["width"], output["duration_s"], output["expires_at"]) == ("final", 1280, 5.0, None)
    assert job["created_at"] < job["started_at"] < job["finished_at"]
    answer = await house.http.get(output["url"])
    assert answer.content == b"final " + job["id"].encode()
    assert len(answer.content) == output["bytes"]


async def test_the_answer_has_its_location_and_its_job_is_rung_for(house: House) -> None:
    session = await house.session()
    body = {"prompt": "trim", "metadata": {"mine": [1, None, "é"]}, "deadline_s": 60}
    answer = await house.http.post(f"/v1/sessions/{session}/edits", json=body)
    assert answer.status_code == 202
    assert answer.headers["location"] == answer.json()["urls"]["self"]
    assert answer.json()["metadata"] == body["metadata"]
    assert [o.type for o in house.announced[-1].orders] == ["job.requested.v1"]


async def test_progress_never_goes_back(house: House) -> None:
    session = await house.session()
    job = await house.edit(session)
    at = f"/v1/jobs/{job['id']}"
    await house.work(until="run")
    step = await house.claim("run")
    await house.board.record(Progress(job["id"], "run/0/0", step.epoch, 0.5, "rendering", "0:02 of 0:05", 2.0))
    seen = await house.ok("GET", at)
    assert (seen["status"], seen["stage"], seen["message"], seen["eta_s"]) == ("running", "run", "0:02 of 0:05", 2.0)
    assert seen["progress"] == pytest.approx(0.06 + 0.84 / 2)
    house.announce(await house.book.retry(step, Failure(Code.DEPENDENCY, "The store is away."), 30))
    again = await house.ok("GET", at)
    assert again["progress"] == seen["progress"]
    assert again["message"] == "Trying again: The store is away."
    assert again["eta_s"] is None


async def test_versions_go_on_from_the_head(house: House) -> None:
    first, session = await house.edited()
    second = await house.edit(session, operations=[{"op": "resize", "height": 480}])
    await house.work()
    shown = await house.ok("GET", f"/v1/sessions/{session}")
    assert (shown["versions"], shown["busy"]) == (2, None)
    assert shown["head"] == shown["head_version"]["id"]
    assert [o["op"] for o in shown["head_version"]["operations"]] == ["trim", "resize"]
    versions = (await house.ok("GET", f"/v1/sessions/{session}/versions"))["items"]
    assert [v["job_id"] for v in versions] == [second["id"], first["id"]]
    assert versions[0]["parent"] == versions[1]["id"]
    third = await house.edit(session, operations=[TRIM], base_version=versions[1]["id"].upper())
    await house.work()
    fourth = await house.edit(session, operations=[TRIM], base_version="original")
    await house.work()
    made = {v["job_id"]: v for v in (await house.ok("GET", f"/v1/sessions/{session}/versions"))["items"]}
    assert [o["op"] for o in made[third["id"]]["operations"]] == ["trim", "trim"]
    assert made[fourth["id"]]["operations"] == [TRIM]
    assert made[fourth["id"]]["parent"] is None


async def test_a_plan_alone_makes_no_version(house: House) -> None:
    session = await house.session()
    job = await house.edit(session, prompt="trim", plan_only=True)
    problem(await house.http.get(f"/v1/jobs/{job['id']}/plan"), 409, "not_ready")
    await house.work()
    assert (await house.ok("GET", f"/v1/jobs/{job['id']}"))["status"] == "succeeded"
    assert (await house.ok("GET", f"/v1/jobs/{job['id']}/plan")) == {"operations": [TRIM]}
    assert (await house.ok("GET", f"/v1/sessions/{session}/versions"))["items"] == []


async def test_a_second_edit_of_a_branch_is_refused_with_the_first(house: House) -> None:
    session = await house.session()
    job = await house.edit(session)
    said = problem(await house.http.post(f"/v1/sessions/{session}/edits", json={"prompt": "fade"}), 409, "busy")
    assert said["job_id"] == job["id"]
    assert job["id"] in said["hint"]
    assert (await house.ok("GET", f"/v1/sessions/{session}"))["busy"] == job["id"]
    await house.edit(session, prompt="fade", plan_only=True)  # makes no version, so it is in nobody's way


async def test_an_edit_may_be_asked_for_while_its_upload_is_looked_at(house: House) -> None:
    asset = await house.upload()
    session = await house.ok("POST", "/v1/sessions", 201, json={"inputs": [asset["id"]], "name": "mine"})
    job = await house.edit(session["id"])
    assert (job["status"], job["message"]) == ("queued", "Waiting for the upload to be looked at")
    assert job["queue_position"] is None
    await house.ingest()
    await house.work()
    assert (await house.ok("GET", f"/v1/jobs/{job['id']}"))["status"] == "succeeded"


async def test_a_failed_job_says_why_and_shows_what_there_is(house: House) -> None:
    session = await house.session()
    job = await house.edit(session)
    await house.work(until="compose")
    await house.fail(await house.claim("compose"), BROKEN)
    job = await house.ok("GET", f"/v1/jobs/{job['id']}")
    assert (job["status"], job["stage"]) == ("failed", None)
    error = job["error"]
    assert (error["code"], error["step"], error["log_tail"]) == ("program_failed", "compose", "last words")
    assert set(error) >= {"type", "title", "status", "detail", "hint", "errors", "trace_id"}
    assert [o["role"] for o in job["outputs"]] == ["final"]
    version = (await house.ok("GET", f"/v1/sessions/{session}/versions"))["items"][0]
    assert (version["state"], version["outputs"]) == ("failed", [])
    problem(await house.http.get(version["urls"]["self"] + "/program"), 404, "not_found")
    await house.edit(session)  # the branch is free again


async def test_program_and_report_of_a_version(house: House) -> None:
    session = await house.session()
    await house.edit(session)
    (version,) = (await house.ok("GET", f"/v1/sessions/{session}/versions"))["items"]
    assert "program" not in version["urls"]
    problem(await house.http.get(version["urls"]["self"] + "/program"), 409, "not_ready")
    await house.work()
    version = await house.ok("GET", version["urls"]["self"])
    program = await house.http.get(version["urls"]["program"])
    assert program.headers["content-type"] == "text/plain; charset=utf-8"
    assert program.text.startswith("#!/bin/sh")
    assert await house.ok("GET", version["urls"]["program"], headers={"Accept": "application/json"}) == {
        "engine": "ffmpeg"
    }
    assert await house.ok("GET", version["urls"]["report"]) == {"passed": True}


async def test_the_same_key_is_one_job_however_often_it_is_sent(house: House) -> None:
    session = await house.session()
    path, key = f"/v1/sessions/{session}/edits", {"Idempotency-Key": "k" * 255}
    answers = await asyncio.gather(*(house.http.post(path, json={"prompt": "trim"}, headers=key) for _ in range(50)))
    assert {a.status_code for a in answers} == {202}
    assert len({a.json()["id"] for a in answers}) == 1
    assert sum("idempotent-replayed" in a.headers for a in answers) == 49
    assert len((await house.ok("GET", "/v1/jobs?kind=edit"))["items"]) == 1
    await house.work()
    again = await house.http.post(
        path, content=b'{ "prompt" : "trim" }', headers={**key, "Content-Type": "application/json"}
    )
    assert (again.status_code, again.json()["status"]) == (200, "succeeded")
    problem(await house.http.post(path, json={"prompt": "fade"}, headers=key), 422, "idempotency_mismatch")
    problem(
        await house.http.post("/v1/sessions", json={"inputs": [new_id()]}, headers=key), 422, "idempotency_mismatch"
    )


async def test_a_key_is_good_for_sessions_and_uploads_too(house: House) -> None:
    key = {"Idempotency-Key": "one"}
    first, second = await house.upload(headers=key), await house.upload(headers=key)
    assert first["id"] == second["id"]
    problem(await house.http.put("/v1/assets", content=b"other", headers=key), 422, "idempotency_mismatch")
    body, key = {"inputs": [first["id"]]}, {"Idempotency-Key": "two"}
    answers = await asyncio.gather(*(house.http.post("/v1/sessions", json=body, headers=key) for _ in range(10)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["id"] for a in answers}) == 1
    assert len((await house.ok("GET", "/v1/sessions"))["items"]) == 1


async def test_an_old_key_is_forgotten(house: House) -> None:
    session = await house.session()
    key = {"Idempotency-Key": "k"}
    first = await house.http.post(f"/v1/sessions/{session}/edits", json={"prompt": "trim"}, headers=key)
    await house.work()
    await house.book.database.query("update idempotency set created = created - 90000")
    second = await house.http.post(f"/v1/sessions/{session}/edits", json={"prompt": "fade"}, headers=key)
    assert second.status_code == 202
    assert second.json()["id"] != first.json()["id"]


async def test_waiting_ends_with_the_job(house: House) -> None:
    session = await house.session()
    path = f"/v1/sessions/{session}/edits"
    asking = asyncio.create_task(
        house.http.post(path, json={"prompt": "trim"}, headers={"Prefer": "respond-async, wait=30"})
    )
    while not (jobs := (await house.ok("GET", "/v1/jobs?kind=edit"))["items"]):
        await asyncio.sleep(0.01)
    also = asyncio.create_task(house.http.get(f"/v1/jobs/{jobs[0]['id']}?wait=30"))
    await house.work()
    answer = await asking
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.headers["preference-applied"] == "wait=30"
    assert (await also).json()["status"] == "succeeded"


async def test_waiting_ends_with_the_time(house: House) -> None:
    session = await house.session()
    answer = await house.http.post(f"/v1/sessions/{session}/edits?wait=1", json={"prompt": "trim"})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert (await house.ok("GET", f"/v1/jobs/{answer.json()['id']}?wait=1"))["status"] == "queued"


async def test_a_client_that_leaves_cancels_nothing(house: House) -> None:
    session = await house.session()
    asking = asyncio.create_task(house.http.post(f"/v1/sessions/{session}/edits?wait=30", json={"prompt": "trim"}))
    while not (jobs := (await house.ok("GET", "/v1/jobs?kind=edit"))["items"]):
        await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await house.work()
    assert (await house.ok("GET", f"/v1/jobs/{jobs[0]['id']}"))["status"] == "succeeded"


async def test_cancelling(house: House) -> None:
    session = await house.session()
    job = await house.edit(session)
    await house.work(until="run")
    step = await house.claim("run")
    cancel = f"/v1/jobs/{job['id']}/cancel"
    stopping = await house.ok("POST", cancel, 202, json={})
    assert (stopping["status"], stopping["message"]) == ("running", "Stopping")
    await house.ok("POST", cancel, 202)
    problem(await house.http.post(f"/v1/jobs/{job['id']}/pause"), 409, "wrong_state")
    house.announce(await house.book.stopped(step))
    assert (await house.ok("GET", f"/v1/jobs/{job['id']}"))["status"] == "cancelled"
    assert (await house.ok("POST", cancel, 202))["status"] == "cancelled"
    other, _ = await house.edited()
    problem(await house.http.post(f"/v1/jobs/{other['id']}/cancel"), 409, "already_ended")


async def test_pausing_and_resuming(house: House) -> None:
    session = await house.session()
    job = await house.edit(session)
    at = f"/v1/jobs/{job['id']}"
    for _ in range(2):
        assert (await house.ok("POST", f"{at}/pause"))["status"] == "paused"
    assert await house.book.claim("w", ("plan",), 1) == []
    assert (await house.ok("GET", f"{at}?wait=30"))["status"] == "paused"
    for _ in range(2):
        assert (await house.ok("POST", f"{at}/resume"))["status"] == "queued"
    await house.work()
    problem(await house.http.post(f"{at}/pause"), 409, "already_ended")
    problem(await house.http.post(f"{at}/resume"), 409, "already_ended")


async def test_once_more(house: House) -> None:
    session = await house.session()
    job = await house.edit(session, operations=[TRIM], metadata={"a": 1})
    problem(await house.http.post(f"/v1/jobs/{job['id']}/retry"), 409, "wrong_state")
    await house.fail(await house.claim("plan"), BROKEN)
    key = {"Idempotency-Key": "again"}
    again = await house.ok("POST", f"/v1/jobs/{job['id']}/retry", 202, headers=key)
    assert again["id"] != job["id"]
    assert (again["subject"], again["metadata"]) == (job["subject"], {"a": 1})
    assert (await house.ok("POST", f"/v1/jobs/{job['id']}/retry", 202, headers=key))["id"] == again["id"]
    problem(await house.http.post(f"/v1/jobs/{job['id']}/retry"), 409, "busy")
    await house.work()
    assert (await house.ok("GET", f"/v1/jobs/{again['id']}"))["status"] == "succeeded"
    ingest = (await house.ok("GET", "/v1/jobs?kind=ingest"))["items"][0]
    problem(await house.http.post(f"/v1/jobs/{ingest['id']}/retry"), 409, "wrong_state")


async def test_a_deleted_session_cancels_its_edit_and_takes_no_more(house: House) -> None:
    session = await house.session()
    job = await house.edit(session)
    await house.ok("DELETE", f"/v1/sessions/{session}", 204)
    await house.ok("DELETE", f"/v1/sessions/{session}", 204)
    assert (await house.ok("GET", f"/v1/jobs/{job['id']}"))["status"] == "cancelled"
    for answer in (
        await house.http.get(f"/v1/sessions/{session}"),
        await house.http.get(f"/v1/sessions/{session}/versions"),
        await house.http.post(f"/v1/sessions/{session}/edits", json={"prompt": "trim"}),
        await house.http.post(f"/v1/jobs/{job['id']}/retry"),
        await house.http.patch(f"/v1/sessions/{session}", json={"name": "x"}),
    ):
        problem(answer, 410, "gone")
    assert (await house.ok("GET", "/v1/sessions"))["items"] == []


async def test_a_session_has_a_name(house: House) -> None:
    asset = await house.upload("my holiday.mp4")
    made = await house.ok("POST", "/v1/sessions", 201, json={"inputs": [asset["id"].upper()]})
    assert (made["name"], made["inputs"], made["head"]) == ("my holiday.mp4", [asset["id"]], None)
    renamed = await house.ok("PATCH", made["urls"]["self"], json={"name": "the \u202e sea\n"})
    assert renamed["name"] == "the sea"
    assert (await house.ok("GET", "/v1/sessions"))["items"][0]["name"] == "the sea"
