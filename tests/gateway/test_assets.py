"""Uploads and downloads."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reel_common.domain import keys
from reel_common.errors import Code, Failure
from tests.gateway.conftest import OpenHouse
from tests.gateway.house import CLIP, House, problem

NOT_MEDIA = Failure(Code.NOT_MEDIA, "This is no video or audio file.")


async def chunks(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


def digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


async def test_an_upload_becomes_an_asset(house: House) -> None:
    answer = await house.http.put("/v1/assets", params={"name": "my clip.mp4"}, content=chunks(CLIP))
    asset = answer.json()
    assert (answer.status_code, asset["state"], asset["role"]) == (201, "ingesting", "original")
    assert answer.headers["location"] == asset["urls"]["self"]
    assert (asset["name"], asset["media_type"], asset["bytes"]) == ("my clip.mp4", "video/mp4", len(CLIP))
    assert asset["sha256"] == hashlib.sha256(CLIP).hexdigest()
    assert [o.type for o in house.announced[-1].orders] == ["asset.uploaded.v1"]
    job = await house.ok("GET", asset["urls"]["job"])
    assert (job["kind"], job["subject"], job["status"]) == ("ingest", f"asset:{asset['id']}", "queued")
    await house.ingest()
    asset = await house.ok("GET", asset["urls"]["self"])
    assert (asset["state"], asset["width"], asset["duration_s"]) == ("ready", 1280, 10.0)
    assert asset["facts"]["audio"][0]["codec"] == "aac"
    (poster,) = asset["renditions"]
    assert (await house.http.get(poster["url"])).content == b"jpeg"
    assert (await house.http.get(asset["url"])).content == CLIP
    made = await house.ok("GET", f"{job['urls']['self']}/artifacts")
    assert {a["role"] for a in made["items"]} == {"original", "poster"}


async def test_the_same_file_twice_is_two_assets_with_the_same_bytes(house: House) -> None:
    first, second = await house.upload("a.mp4"), await house.upload("b.mp4")
    assert first["id"] != second["id"]
    assert first["sha256"] == second["sha256"]


async def test_one_can_wait_until_an_upload_has_been_looked_at(house: House) -> None:
    asset = await house.upload()
    asking = asyncio.create_task(house.http.get(f"/v1/assets/{asset['id']}?wait=30"))
    await asyncio.sleep(0.05)
    await house.fail(await house.claim("ingest"), NOT_MEDIA)
    said = (await asking).json()
    assert (said["state"], said["error"]["code"], said["error"]["detail"]) == (
        "rejected",
        "not_media",
        NOT_MEDIA.detail,
    )
    answer = await house.http.post("/v1/sessions", json={"inputs": [asset["id"]]})
    assert problem(answer, 422, "not_media")["detail"] == NOT_MEDIA.detail


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("-vf.mp4", "-vf.mp4"),
        ("a\r\nX-Evil: y.mp4", "aX-Evil: y.mp4"),
        ("n" * 300 + ".mp4", "n" * 196 + ".mp4"),
        ("clip\u202egpj.mp4", "clipgpj.mp4"),
        ("", "upload"),
        (" ", "upload"),
        ("..", "upload"),
        ("CON", "CON"),
        (".htaccess", ".htaccess"),
        ("C:\\videos\\wähl.mp4", "wähl.mp4"),
        ("фильм\0.mp4", "фильм.mp4"),
        ('quote".mp4', 'quote".mp4'),
    ],
)
async def test_any_name_is_taken_and_none_does_harm(house: House, name: str, kept: str) -> None:
    asset = await house.upload(name)
    assert asset["name"] == kept
    answer = await house.http.get(asset["url"])
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="')
    assert disposition.isascii()
    assert disposition.count('"') == 2
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")


async def test_nothing_is_no_media(house: House) -> None:
    problem(await house.http.put("/v1/assets"), 422, "not_media")
    problem(await house.http.put("/v1/assets", content=chunks(b"")), 422, "not_media")


async def test_a_digest_is_checked(house: House) -> None:
    for name in ("Content-Digest", "Repr-Digest"):
        await house.upload(headers={name: digest(CLIP)})
        await house.upload(headers={name: f"md5=:abcd:, {digest(CLIP)}"})
        await house.upload(headers={name: "md5=:abcd:"})
        answer = await house.http.put("/v1/assets", content=CLIP, headers={name: digest(b"other")})
        problem(answer, 422, "checksum")
        for wrong in ("sha-256=abc", "sha-256=:!:", "sha-256=::"):
            problem(await house.http.put("/v1/assets", content=CLIP, headers={name: wrong}), 422, "invalid")


async def test_what_is_too_large_is_refused_before_it_is_read(open_house: OpenHouse, tmp_path: Path) -> None:
    house = await open_house(max_upload_bytes=3000)
    read = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal read
        async for chunk in chunks(b"x" * 10_000):
            read += len(chunk)
            yield chunk

    problem(
        await house.http.put("/v1/assets", content=counted(), headers={"Content-Length": "10000"}), 413, "too_large"
    )
    assert read == 0
    problem(await house.http.put("/v1/assets", content=counted()), 413, "too_large")
    assert 3000 < read < 6000
    assert list((tmp_path / "spool" / "scratch" / "gateway").iterdir()) == []
    assert (await house.ok("GET", "/v1/assets"))["items"] == []
    await house.upload(content=b"x" * 3000)


async def test_an_encoded_upload_is_refused(house: House) -> None:
    answer = await house.http.put("/v1/assets", content=CLIP, headers={"Content-Encoding": "gzip"})
    problem(answer, 415, "unsupported_type")


async def test_a_large_upload_arrives_whole(house: House) -> None:
    content = bytes(range(256)) * 20_000
    asset = await house.upload(content=content)
    assert (await house.http.get(asset["url"])).content == content


async def test_a_full_disk_is_nothing_that_a_client_did(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "spool" / "scratch" / "gateway"
    folder.rmdir()
    answer = await house.http.put("/v1/assets", content=CLIP)
    problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_deleting(house: House) -> None:
    asset = await house.upload()
    session = await house.ok("POST", "/v1/sessions", 201, json={"inputs": [asset["id"]]})
    job = await house.edit(session["id"])
    for _ in range(2):
        await house.ok("DELETE", asset["urls"]["self"], 204)
    problem(await house.http.get(asset["urls"]["self"]), 410, "gone")
    problem(await house.http.get(asset["url"]), 410, "gone")
    problem(await house.http.post("/v1/sessions", json={"inputs": [asset["id"]]}), 410, "gone")
    assert (await house.ok("GET", "/v1/assets"))["items"] == []
    assert (await house.ok("GET", asset["urls"]["job"]))["status"] == "cancelled"
    needs = {n for outcome in house.announced for n in outcome.needs}
    assert f"asset:{asset['id']}" in needs
    for outcome in await house.book.revisit(sorted(needs)):
        house.announce(outcome)
    failed = await house.ok("GET", job["urls"]["self"])
    assert (failed["status"], failed["error"]["code"]) == ("failed", "input_missing")
    problem(await house.http.post(f"/v1/jobs/{job['id']}/retry"), 410, "gone")


async def test_deleting_takes_renditions_along(house: House) -> None:
    asset = await house.ok("GET", f"/v1/assets/{await house.asset()}")
    await house.ok("DELETE", asset["urls"]["self"], 204)
    problem(await house.http.get(asset["renditions"][0]["url"]), 410, "gone")


async def test_bytes_that_are_lost_are_gone(house: House) -> None:
    asset = await house.upload()
    await house.store.delete(keys.artifact("local", asset["sha256"]))
    problem(await house.http.get(asset["url"]), 410, "gone")


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-99", 206, slice(0, 100)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-100", 206, slice(-100, None)),
        (f"bytes={len(CLIP) - 1}-", 206, slice(-1, None)),
        ("bytes=0-999999", 206, slice(0, None)),
        ("bytes=-999999", 206, slice(0, None)),
        ("bytes = 5 - 9", 206, slice(5, 10)),
        (f"bytes={len(CLIP)}-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=5-2", 200, slice(0, None)),
        ("bytes=", 200, slice(0, None)),
        ("bytes=-", 200, slice(0, None)),
        ("bytes=a-b", 200, slice(0, None)),
        ("frames=1-2", 200, slice(0, None)),
        ("bytes=0-1,5-6", 200, slice(0, None)),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(10_000)), 200, slice(0, None)),
        ("bytes=" + "9" * 5000 + "-", 200, slice(0, None)),
        ("bytes=0-" + "9" * 18, 206, slice(0, None)),
    ],
)
async def test_ranges(house: House, wanted: str, status: int, part: slice | None) -> None:
    asset = await house.upload()
    answer = await house.http.get(asset["url"], headers={"Range": wanted})
    assert answer.status_code == status
    if part is None:
        problem(answer, 416, "range_not_satisfiable")
        assert answer.headers["content-range"] == f"bytes */{len(CLIP)}"
        return
    assert answer.content == CLIP[part]
    assert int(answer.headers["content-length"]) == len(CLIP[part])
    if status == 206:
        start = len(CLIP) - len(CLIP[part]) if part.stop is None else part.start
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(CLIP[part]) - 1}/{len(CLIP)}"


async def test_a_range_of_another_file_is_the_whole_one(house: House) -> None:
    asset = await house.upload()
    etag = f'"{asset["sha256"]}"'
    answer = await house.http.get(asset["url"], headers={"Range": "bytes=0-9", "If-Range": etag})
    assert (answer.status_code, answer.headers["etag"]) == (206, etag)
    for other in ('"x"', f"W/{etag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        answer = await house.http.get(asset["url"], headers={"Range": "bytes=0-9", "If-Range": other})
        assert (answer.status_code, answer.content) == (200, CLIP)
    answer = await house.http.get(asset["url"], headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


async def test_asking_for_the_head_only(house: House) -> None:
    asset = await house.upload()
    answer = await house.http.head(asset["url"], headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert (answer.headers["content-length"], answer.headers["accept-ranges"]) == (str(len(CLIP)), "bytes")


async def test_lists_of_assets_are_filtered_and_paged(house: House) -> None:
    await house.asset()
    newest = await house.upload()
    found = await house.ok("GET", "/v1/assets?limit=1")
    assert [a["id"] for a in found["items"]] == [newest["id"]]
    rest = await house.ok("GET", f"/v1/assets?cursor={found['next_cursor']}")
    assert [a["role"] for a in rest["items"]] == ["poster", "original"]
    assert rest["next_cursor"] is None
    assert len((await house.ok("GET", "/v1/assets?role=original"))["items"]) == 2
    assert len((await house.ok("GET", "/v1/assets?state=ingesting"))["items"]) == 1


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (CLIP, "video/mp4"),
        (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        (b"\x1aE\xdf\xa3....webm", "video/webm"),
        (b"\x1aE\xdf\xa3....matroska", "video/x-matroska"),
        (b"RIFF....WAVEfmt ", "audio/wav"),
        (b"<html><script>alert(1)</script>", "application/octet-stream"),
        (b"#EXTM3U\n", "application/octet-stream"),
        (b"x", "application/octet-stream"),
    ],
)
async def test_the_type_is_that_of_the_bytes(house: House, head: bytes, media_type: str) -> None:
    asset = await house.upload("page.html", head, {"Content-Type": "text/html"})
    answer = await house.http.get(asset["url"])
    assert asset["media_type"] == answer.headers["content-type"] == media_type
