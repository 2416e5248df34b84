"""Lists of jobs, and what can be read of one."""

from __future__ import annotations

from reel_common.domain.ids import new_id
from reel_common.errors import Code, Failure
from tests.gateway.house import House, problem


async def test_lists_are_filtered_by_kind_status_and_subject(house: House) -> None:
    done, session = await house.edited()
    queued = await house.edit(session)
    other = await house.session()
    paused = await house.edit(other)
    await house.ok("POST", f"/v1/jobs/{paused['id']}/pause")

    async def ids(query: str) -> list[str]:
        return [j["id"] for j in (await house.ok("GET", f"/v1/jobs?{query}"))["items"]]

    assert await ids("kind=edit") == [paused["id"], queued["id"], done["id"]]
    assert await ids("kind=edit&status=succeeded") == [done["id"]]
    assert await ids("status=queued") == [queued["id"]]
    assert await ids("status=paused") == [paused["id"]]
    assert await ids("status=queued&status=paused") == [paused["id"], queued["id"]]
    assert await ids("status=failed&kind=edit") == []
    assert await ids(f"subject=session:{session}") == [queued["id"], done["id"]]
    assert await ids(f"subject=session:{session.upper()}") == [queued["id"], done["id"]]
    step = await house.claim("plan")
    assert await ids("status=running") == [queued["id"]]
    await house.fail(step, Failure(Code.PLAN_INVALID, "Nothing is left."))
    assert await ids("status=failed") == [queued["id"]]


async def test_lists_are_paged_newest_first(house: House) -> None:
    asset = (await house.upload())["id"]
    made = [(await house.ok("POST", "/v1/sessions", 201, json={"inputs": [asset]}))["id"] for _ in range(5)]
    seen, cursor = [], ""
    while True:
        page = await house.ok("GET", "/v1/sessions", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += [s["id"] for s in page["items"]]
        if not (cursor := page["next_cursor"] or ""):
            break
    assert seen == made[::-1]


async def test_the_steps_of_a_job(house: House) -> None:
    job, _ = await house.edited()
    steps = (await house.ok("GET", job["urls"]["steps"]))["items"]
    assert [(s["step"], s["state"], s["attempt"]) for s in steps] == [
        ("plan", "done", 1), ("write", "done", 1), ("run", "done", 1), ("compose", "done", 1),
    ]  # fmt: skip
    assert all(s["started_at"] <= s["finished_at"] for s in steps)
    assert "result" not in steps[0]


async def test_the_log_of_a_job_has_every_try(house: House) -> None:
    session = await house.session()
    job = await house.edit(session)
    await house.work(until="run")
    assert (await house.http.get(job["urls"]["log"])).text == ""
    first = await house.claim("run")
    await house.store.put(f"u/local/jobs/{job['id']}/steps/run.0.0/{first.epoch}/log.txt", b"first\n", "text/plain")
    assert (await house.http.get(job["urls"]["log"])).text == ""  # this try has not ended
    house.announce(await house.book.retry(first, Failure(Code.DEPENDENCY, "The store is away."), 0))
    second = await house.claim("run")
    await house.store.put(
        f"u/local/jobs/{job['id']}/steps/run.0.0/{second.epoch}/log.txt", "zweite ü".encode(), "text/plain"
    )
    await house.fail(second, Failure(Code.PROGRAM_FAILED, "The program ended with status 1."))
    answer = await house.http.get(job["urls"]["log"])
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == (
        f"── run, try {first.epoch}\nfirst\n\n── run, try {second.epoch}\nzweite ü\n"
        "── run: failed: The program ended with status 1.\n"
    )


async def test_a_job_without_a_plan_says_so(house: House) -> None:
    job = (await house.ok("GET", (await house.upload())["urls"]["job"]))["id"]
    problem(await house.http.get(f"/v1/jobs/{job}/plan"), 409, "not_ready")
    await house.ingest()
    problem(await house.http.get(f"/v1/jobs/{job}/plan"), 404, "not_found")


async def test_what_is_somebody_elses_is_not_there(house: House) -> None:
    job, session = await house.edited()
    version = (await house.ok("GET", f"/v1/sessions/{session}"))["head"]
    asset = job["outputs"][0]["asset_id"]
    for table in ("jobs", "steps", "sessions", "versions", "assets"):
        await house.book.database.query(f"update {table} set owner = 'another'")
    own = await house.upload()
    for method, path in (
        ("GET", f"jobs/{job['id']}"),
        ("GET", f"jobs/{job['id']}/events"),
        ("GET", f"jobs/{job['id']}/steps"),
        ("GET", f"jobs/{job['id']}/artifacts"),
        ("GET", f"jobs/{job['id']}/plan"),
        ("GET", f"jobs/{job['id']}/log"),
        ("POST", f"jobs/{job['id']}/cancel"),
        ("POST", f"jobs/{job['id']}/pause"),
        ("POST", f"jobs/{job['id']}/resume"),
        ("POST", f"jobs/{job['id']}/retry"),
        ("GET", f"assets/{asset}"),
        ("DELETE", f"assets/{asset}"),
        ("GET", f"assets/{asset}/content"),
        ("GET", f"sessions/{session}"),
        ("DELETE", f"sessions/{session}"),
        ("GET", f"sessions/{session}/versions"),
        ("GET", f"sessions/{session}/versions/{version}"),
        ("GET", f"sessions/{session}/versions/{version}/program"),
        ("GET", f"sessions/{session}/versions/{version}/report"),
    ):
        problem(await house.http.request(method, f"/v1/{path}"), 404, "not_found")
    problem(await house.http.patch(f"/v1/sessions/{session}", json={"name": "mine"}), 404, "not_found")
    problem(await house.http.post(f"/v1/sessions/{session}/edits", json={"prompt": "trim"}), 404, "not_found")
    problem(await house.http.post("/v1/sessions", json={"inputs": [own["id"], asset]}), 404, "not_found")
    assert [a["id"] for a in (await house.ok("GET", "/v1/assets"))["items"]] == [own["id"]]
    assert (await house.ok("GET", "/v1/sessions"))["items"] == []
    assert [j["kind"] for j in (await house.ok("GET", "/v1/jobs"))["items"]] == ["ingest"]


async def test_a_version_of_another_session_is_not_there(house: House) -> None:
    _, session = await house.edited()
    version = (await house.ok("GET", f"/v1/sessions/{session}"))["head"]
    other = await house.session()
    problem(await house.http.get(f"/v1/sessions/{other}/versions/{version}"), 404, "not_found")
    body = {"prompt": "trim", "base_version": version}
    problem(await house.http.post(f"/v1/sessions/{other}/edits", json=body), 404, "not_found")
    problem(await house.http.get(f"/v1/sessions/{session}/versions/{new_id()}"), 404, "not_found")


async def test_an_edit_cannot_go_on_from_what_is_not_ready(house: House) -> None:
    session = await house.session()
    job = await house.edit(session)
    version = (await house.ok("GET", f"/v1/sessions/{session}/versions"))["items"][0]["id"]
    body = {"prompt": "trim", "base_version": version}
    said = problem(await house.http.post(f"/v1/sessions/{session}/edits", json=body), 409, "not_ready")
    assert said["job_id"] == job["id"]
