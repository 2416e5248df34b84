"""What cannot be taken, and the answer that it gets: a problem with a code, quickly, and nothing of it said back."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from reel_common.domain.ids import new_id
from tests.gateway.house import TRIM, House, problem

JSON = {"Content-Type": "application/json"}
SOME = new_id()


def sent(body: bytes | str, **headers: str) -> dict[str, Any]:
    return {"content": body if isinstance(body, bytes) else body.encode(), "headers": {**JSON, **headers}}


EDIT = '{"prompt": %s}'


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        # B01
        ("", 422, "invalid"),
        ("[]", 422, "invalid"),
        ("null", 422, "invalid"),
        ("1", 422, "invalid"),
        ("{", 400, "malformed"),
        ("{}", 422, "invalid"),
        ('{"prompt": "a"} x', 400, "malformed"),
        ("{'prompt': 'a'}", 400, "malformed"),
        # B02
        ('{"prompt": "a", "deadline_s": NaN}', 422, "invalid"),
        ('{"prompt": "a", "deadline_s": 1e999}', 422, "invalid"),
        ('{"prompt": "a", "deadline_s": -Infinity}', 422, "invalid"),
        ('{"prompt": "a", "metadata": {"x": [NaN]}}', 422, "invalid"),
        # B03, B04
        (r'{"prompt": "\ud800"}', 422, "invalid"),
        (r'{"prompt": "a", "metadata": {"\udc00": 1}}', 422, "invalid"),
        (r'{"prompt": "a\u0000b"}', 422, "invalid"),
        (r'{"prompt": "a", "metadata": {"a\u0000": 1}}', 422, "invalid"),
        ('{"prompt": "a\0b"}', 400, "malformed"),
        # B06, B07
        ("[" * 100_000, 400, "malformed"),
        ("[" * 100_000 + "]" * 100_000, 400, "malformed"),
        ('{"prompt": "a", "metadata": {"a": ' + "[" * 50 + "]" * 50 + "}}", 400, "malformed"),
        ('{"prompt": "a", "deadline_s": ' + "9" * 5000 + "}", 400, "malformed"),
        ('{"prompt": "a", "deadline_s": 1.' + "9" * 5000 + "}", 400, "malformed"),
        ('{"prompt": "a", "deadline_s": ' + "9" * 100 + "}", 422, "invalid"),
        ('{"prompt": "a", "operations": [{"op": "resize", "width": ' + "9" * 100 + "}]}", 422, "invalid"),
        # B08
        ('{"prompt": 1}', 422, "invalid"),
        ('{"prompt": ["a"]}', 422, "invalid"),
        ('{"prompt": "a", "plan_only": 1}', 422, "invalid"),
        ('{"prompt": "a", "plan_only": "true"}', 422, "invalid"),
        ('{"prompt": "a", "deadline_s": "5"}', 422, "invalid"),
        ('{"prompt": "a", "deadline_s": true}', 422, "invalid"),
        ('{"prompt": "a", "metadata": "x"}', 422, "invalid"),
        ('{"operations": {"op": "trim"}}', 422, "invalid"),
        ('{"operations": ["trim"]}', 422, "invalid"),
        # B09, B10
        ('{"prompt": "a", "is_admin": true}', 422, "invalid"),
        ('{"prompt": "a", "prompt": "b"}', 400, "malformed"),
        ('{"prompt": "a", "metadata": {"a": 1, "a": 2}}', 400, "malformed"),
        # B11
        (EDIT % '"   "', 422, "empty"),
        (EDIT % '""', 422, "empty"),
        (EDIT % r'"\u200b\u200d\ufeff\u2060\u00ad\u034f\u3164\u2800\ufe0f"', 422, "empty"),
        (EDIT % json.dumps("a" * 4001), 422, "too_long"),
        # the rest of an edit
        ('{"prompt": "a", "operations": [{"op": "trim", "end": 1}]}', 422, "invalid"),
        ('{"operations": []}', 422, "empty"),
        ('{"operations": [{"op": "explode"}]}', 422, "plan_invalid"),
        ('{"operations": [{"op": "trim", "start": 5, "end": 2}]}', 422, "plan_invalid"),
        ('{"operations": [{"op": "trim", "start": "0", "end": 2}]}', 422, "plan_invalid"),
        (json.dumps({"operations": [TRIM] * 201}), 422, "too_long"),
        ('{"prompt": "a", "deadline_s": 0}', 422, "invalid"),
        ('{"prompt": "a", "deadline_s": 1e9}', 422, "invalid"),
        ('{"prompt": "a", "on_busy": "queue"}', 422, "invalid"),
        ('{"prompt": "a", "on_busy": "wait"}', 422, "invalid"),
        ('{"prompt": "a", "base_version": "1"}', 422, "invalid"),
        (json.dumps({"prompt": "a", "base_version": SOME}), 404, "not_found"),
        (json.dumps({"prompt": "a", "metadata": {"a": "x" * 17_000}}), 422, "too_long"),
        # B05
        (EDIT % json.dumps("a" * 300_000), 413, "too_large"),
    ],
)
async def test_bodies(house: House, body: str, status: int, code: str) -> None:
    session = await house.session()
    began = time.monotonic()
    answer = await house.http.post(f"/v1/sessions/{session}/edits", **sent(body))
    assert time.monotonic() - began < 0.5
    said = problem(answer, status, code)
    assert len(answer.content) < 4000
    assert said["detail"]
    assert (await house.ok("GET", "/v1/jobs?kind=edit"))["items"] == []


async def test_a_body_of_50_mb_is_not_read(house: House) -> None:
    session, read = await house.session(), 0

    async def much() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(50):
            read += 1 << 20
            yield b"x" * (1 << 20)

    path = f"/v1/sessions/{session}/edits"
    problem(
        await house.http.post(path, content=much(), headers={**JSON, "Content-Length": "52428800"}), 413, "too_large"
    )
    assert read == 0
    problem(await house.http.post(path, content=much(), headers=JSON), 413, "too_large")
    assert read <= 2 << 20


async def test_the_body_may_be_as_long_as_it_says(house: House) -> None:
    session = await house.session()
    await house.edit(session, prompt="é" * 4000, metadata={"a": {"b": [1, 2.5, None, True]}})


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b'{"prompt": "a"}', "text/plain", 415, "unsupported_type"),
        (b'{"prompt": "a"}', "", 415, "unsupported_type"),
        (b'{"prompt": "a"}', "application/json; charset=utf-16", 415, "unsupported_type"),
        (b'{"prompt": "a"}', "application/json; charset=latin-1", 415, "unsupported_type"),
        ('{"prompt": "a"}'.encode("utf-16"), "application/json", 415, "unsupported_type"),
        ('{"prompt": "a"}'.encode("utf-16-le"), "application/json", 415, "unsupported_type"),
        ('{"prompt": "a"}'.encode("utf-32-be"), "application/json", 415, "unsupported_type"),
        (b'{"prompt": "\xff\xfe"}', "application/json", 400, "malformed"),
        (b'{"prompt": "\xed\xa0\x80"}', "application/json", 400, "malformed"),
        (b"prompt=a", "application/x-www-form-urlencoded", 415, "unsupported_type"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415, "unsupported_type"),
    ],
)
async def test_types_of_content(house: House, body: bytes, kind: str, status: int, code: str) -> None:
    session = await house.session()
    path = f"/v1/sessions/{session}/edits"
    problem(await house.http.post(path, content=body, headers={"Content-Type": kind}), status, code)


@pytest.mark.parametrize("length", ["abc", "-1", "1.5", "", "9" * 30, "٣"])
async def test_lengths_that_are_none(house: House, length: str) -> None:
    for method, path in (("PUT", "/v1/assets"), ("POST", "/v1/sessions")):
        answer = await house.http.request(method, path, content=b"{}", headers={b"Content-Length": length.encode()})
        problem(answer, 400, "malformed")


async def test_utf_8_may_be_named(house: House) -> None:
    session = await house.session()
    answer = await house.http.post(
        f"/v1/sessions/{session}/edits",
        **sent('{"prompt": "é"}', **{"Content-Type": 'application/json; charset="UTF-8"'}),
    )
    assert answer.status_code == 202


@pytest.mark.parametrize("secret", ["hunter2-canary", "<script>canary</script>", "canary\\u0000"])
async def test_nothing_comes_back(house: House, secret: str) -> None:
    session = await house.session()
    for body in (
        f'{{"prompt": ["{secret}"]}}',
        f'{{"prompt": "a", "{secret}": 1}}',
        f'{{"prompt": "a", "on_busy": "{secret}"}}',
        f'{{"prompt": "a", "base_version": "{secret}"}}',
        f'{{"operations": [{{"op": "{secret}"}}]}}',
        f'{{"prompt": "{secret}"',
        f'{{"prompt": "a", "metadata": {{"{secret}": NaN}}}}',
    ):
        answer = await house.http.post(f"/v1/sessions/{session}/edits", **sent(body))
        assert 400 <= answer.status_code < 500
        plain = secret.isascii() and secret.replace("-", "").isalnum()  # a plain name is named, no value ever is
        if not (plain and f'"{secret}":' in body):
            assert "canary" not in answer.text


async def test_where_a_mistake_is_and_what_it_is(house: House) -> None:
    session = await house.session()
    body = {"prompt": "a", "deadline_s": -1, "is_admin": True, "metadata": []}
    said = problem(await house.http.post(f"/v1/sessions/{session}/edits", json=body), 422, "invalid")
    assert {(e["path"], e["type"], e["reason"]) for e in said["errors"]} == {
        ("deadline_s", "greater_than", "has to be over 0.0"),
        ("is_admin", "extra_forbidden", "is not known here"),
        ("metadata", "dict_type", "has to be an object"),
    }
    said = problem(
        await house.http.post(f"/v1/sessions/{session}/edits", json={"operations": [{"op": "resize", "width": 1}]}),
        422, "plan_invalid",
    )  # fmt: skip
    assert said["errors"][0]["path"] == "operations[0].width"


@pytest.mark.parametrize(
    "given",
    ["1", "' OR 1=1", "%00", "x" * 36, "01a20e98_62d8_7d8e_b3f0_fc013c7e5c7d", SOME + "0", "%F0%9F%8E%AC", "NaN"],
)
async def test_what_is_no_id(house: House, given: str) -> None:
    for path in ("jobs/{}", "assets/{}", "assets/{}/content", "sessions/{}", f"sessions/{SOME}/versions/{{}}"):
        problem(await house.http.get(f"/v1/{path.format(given)}"), 422, "invalid")


async def test_an_address_that_means_another(house: House) -> None:
    for path in ("/v1/jobs/..%2F1", "/v1/jobs/%2e%2e/x", "/v1/jobs/a%2Fb"):
        problem(await house.http.get(path), 422, "invalid")
    problem(await house.http.get("/v1/jobs/" + "x" * 10_240), 414, "too_long")
    problem(await house.http.get("/v1/jobs?cursor=" + "x" * 10_240), 414, "too_long")


async def test_an_id_in_capitals_is_the_same(house: House) -> None:
    job = await house.edit(await house.session())
    assert (await house.ok("GET", f"/v1/jobs/{job['id'].upper()}"))["id"] == job["id"]


@pytest.mark.parametrize(
    "query",
    [
        "page=-1", "limit=0", "limit=101", "limit=1e9", "limit=-1", "limit=abc", "limit=", "sort=password_hash", "limit=1.5",
        "cursor=", "cursor=abc", "cursor=AAAAAAAAAAAAAAAAAAAAAA", "cursor=../../etc/passwd", "cursor=%00", "cursor=é",
        "cursor=" + "A" * 64,
    ],
)  # fmt: skip
async def test_pages_that_are_none(house: House, query: str) -> None:
    await house.upload()
    session = await house.ok("POST", "/v1/sessions", 201, json={"inputs": [(await house.upload())["id"]]})
    for path in ("jobs", "assets", "sessions", f"sessions/{session['id']}/versions"):
        assert (await house.http.get(f"/v1/{path}?{query}")).status_code == 422, path


@pytest.mark.parametrize(
    "query", ["status=done", "status=", "kind=", "kind=EDIT", "subject=x", "subject=session:1", f"subject=job:{SOME}"]
)
async def test_filters_that_are_none(house: House, query: str) -> None:
    problem(await house.http.get(f"/v1/jobs?{query}"), 422, "invalid")
    problem(await house.http.get("/v1/assets?state=lost"), 422, "invalid")


@pytest.mark.parametrize("wait", ["61", "-1", "abc", "1e9", "", "1.5"])
async def test_waits_that_are_none(house: House, wait: str) -> None:
    problem(await house.http.get(f"/v1/jobs/{SOME}?wait={wait}"), 422, "invalid")


@pytest.mark.parametrize("prefer", ["wait=abc", "wait=-1", "wait", "respond-async", "x" * 5000, "wait=9999999999"])
async def test_preferences_that_are_none_are_passed_over(house: House, prefer: str) -> None:
    session = await house.session()
    answer = await house.http.post(f"/v1/sessions/{session}/edits", json={"prompt": "a"}, headers={"Prefer": prefer})
    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers


@pytest.mark.parametrize("key", ["", "k" * 256, "k\tk", "é".encode()])
async def test_keys_that_are_none(house: House, key: str | bytes) -> None:
    headers = {b"Idempotency-Key": key if isinstance(key, bytes) else key.encode()}
    problem(await house.http.post("/v1/sessions", json={"inputs": [SOME]}, headers=headers), 422, "invalid")


async def test_a_key_is_its_owners(house: House) -> None:
    session = await house.session()
    headers = {"Idempotency-Key": "k"}
    first = await house.http.post(f"/v1/sessions/{session}/edits", json={"prompt": "a"}, headers=headers)
    await house.book.database.query("update idempotency set owner = 'another'")
    await house.work()
    second = await house.http.post(f"/v1/sessions/{session}/edits", json={"prompt": "b"}, headers=headers)
    assert second.status_code == 202
    assert second.json()["id"] != first.json()["id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid"),
        ({"inputs": []}, "invalid"),
        ({"inputs": SOME}, "invalid"),
        ({"inputs": ["../x"]}, "invalid"),
        ({"inputs": [None]}, "invalid"),
        ({"inputs": [SOME] * 17}, "too_long"),
        ({"inputs": [SOME], "name": "n" * 201}, "too_long"),
        ({"inputs": [SOME], "name": ""}, "invalid"),
        ({"inputs": [SOME], "owner": "root"}, "invalid"),
    ],
)
async def test_sessions_that_are_none(house: House, body: Any, code: str) -> None:
    problem(await house.http.post("/v1/sessions", json=body), 422, code)


async def test_what_is_not_there(house: House) -> None:
    for path in ("", "jobs", "assets", "sessions"):
        problem(await house.http.get(f"/v1/{path or 'nothing'}" + (f"/{SOME}" if path else "")), 404, "not_found")
    problem(await house.http.post("/v1/sessions", json={"inputs": [SOME]}), 404, "not_found")
    problem(await house.http.get("/docs"), 404, "not_found")
    problem(await house.http.get("/v1/jobs/"), 404, "not_found")
    answer = await house.http.delete(f"/v1/jobs/{SOME}")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("state", ["uploading", "rejected", "deleted"])
async def test_files_that_cannot_be_edited(house: House, state: str) -> None:
    session = await house.session()
    await house.book.database.query("update assets set state = :state where role = 'original'", {"state": state})
    status, code = {"uploading": (409, "not_ready"), "rejected": (422, "not_media"), "deleted": (410, "gone")}[state]
    problem(await house.http.post(f"/v1/sessions/{session}/edits", json={"prompt": "a"}), status, code)
