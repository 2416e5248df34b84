"""Who may ask, what a browser may do, and what every answer carries."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from reel_common.domain.ids import new_id
from reel_common.errors import TransientError
from reel_gateway.app import create_app
from reel_gateway.caller import caller, caller_by_link
from reel_gateway.front import HEADERS
from reel_gateway.settings import GatewaySettings, is_loopback
from reel_gateway.signing import MediaLinks
from tests.gateway.conftest import OpenHouse
from tests.gateway.house import CLIP, House, problem

PUBLIC = {"/health/live", "/health/ready", "/", "/studio.js", "/studio.css"}
TOKEN = "a token that nobody guesses"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def locked(open_house: OpenHouse) -> House:
    """Off loopback, with a token; asked with it."""
    house = await open_house(host="0.0.0.0", token=TOKEN)
    house.http.headers.update(BEARER)
    return house


def routes(house: House) -> Iterator[APIRoute]:
    for context in iter_route_contexts(house.app.routes):
        assert isinstance(context.original_route, APIRoute), f"{context.original_route} is none of ours"
        yield context.original_route


def calls(dependant: Dependant) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from calls(inner)


async def test_every_route_knows_who_asks(locked: House) -> None:
    found = list(routes(locked))
    assert len(found) > 25
    for route in found:
        knows = {caller, caller_by_link} & set(calls(route.dependant))
        assert bool(knows) != (route.path in PUBLIC), f"{route.path} has to take a Caller"


async def test_every_route_wants_the_token(locked: House) -> None:
    del locked.http.headers["Authorization"]
    for route in routes(locked):
        path = route.path.format(job=new_id(), asset=new_id(), session=new_id(), version=new_id())
        for method in route.methods or ():
            for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
                answer = await locked.http.request(method, path, headers=wrong)
                if route.path in PUBLIC:
                    assert answer.status_code == 200, path
                else:
                    assert answer.status_code == 401, path
                    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await locked.http.get("/v1/about", headers={"Authorization": f"bearer {TOKEN}"})).status_code == 200


async def test_off_loopback_there_is_a_token_or_nothing(house: House) -> None:
    for host in ("0.0.0.0", "192.168.1.2", "::", "example.org", "127.0.0.1.example.org"):
        deps = house.deps
        with pytest.raises(ValueError, match="needs a token"):
            create_app(
                type(deps)(**{**_fields(deps), "settings": GatewaySettings(host=host, spool=deps.settings.spool)})
            )


def _fields(deps: Any) -> dict[str, Any]:
    return {name: getattr(deps, name) for name in deps.__dataclass_fields__}


@pytest.mark.parametrize(
    ("host", "yes"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("localhost", True), ("LOCALHOST.", True),
        ("reel.localhost", True), ("localhost.evil.io", False), ("10.0.0.1", False), ("", False), ("0.0.0.0", False),
    ],
)  # fmt: skip
def test_what_is_this_machine(host: str, *, yes: bool) -> None:
    assert is_loopback(host) is yes


@pytest.mark.parametrize(
    "host", ["evil.io", "evil.io:8000", "10.0.0.1", "localhost.evil.io", "127.0.0.1.nip.io", "a b", "", "x@y"]
)
async def test_a_name_that_was_made_to_mean_us_is_refused(house: House, host: str) -> None:
    for path in ("/v1/jobs", "/", "/v1/about"):
        answer = await house.http.get(path, headers={"Host": host})
        assert answer.status_code in {400, 403}
        assert answer.json()["code"] in {"malformed", "forbidden"}


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "[::1]:8000", "reel.localhost:1"])
async def test_names_of_this_machine_are_ours(house: House, host: str) -> None:
    answer = await house.http.put("/v1/assets", content=CLIP, headers={"Host": host, "Origin": f"http://{host}"})
    assert answer.status_code == 201
    assert answer.json()["url"].startswith(f"http://{host}/v1/assets/")


@pytest.mark.parametrize(
    "origin",
    ["https://evil.io", "null", "http://127.0.0.1:3000", "http://localhost:8000", "", "http://127.0.0.1:8000.evil.io"],
)
async def test_pages_of_others_are_refused(house: House, origin: str) -> None:
    for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/sessions"), ("PUT", "/v1/assets"), ("OPTIONS", "/v1/jobs")):
        answer = await house.http.request(method, path, headers={"Origin": origin})
        problem(answer, 403, "forbidden")
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_with_a_token_any_name_is_ours(locked: House) -> None:
    answer = await locked.http.get(
        "/v1/about", headers={"Host": "reel.example.org", "Origin": "https://other.example.org"}
    )
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_player_follows_a_signed_address(locked: House) -> None:
    job, _ = await locked.edited()
    (output,) = job["outputs"]
    assert output["expires_at"] > job["finished_at"]
    del locked.http.headers["Authorization"]
    answer = await locked.http.get(output["url"], headers={"Range": "bytes=0-4"})
    assert (answer.status_code, answer.content) == (206, b"final")
    url, asset = output["url"], output["asset_id"]
    other = (await locked.upload(headers=BEARER))["id"]
    for wrong in (
        url.replace("sig=", "sig=A")[:-1],
        url.replace("exp=1", "exp=2"),
        url.replace(asset, other),
        url.split("?")[0],
        url.split("&")[0],
        url.replace("/content?", "?"),
    ):
        problem(await locked.http.get(wrong), 401, "unauthenticated")
    problem(await locked.http.delete(url.replace("/content", "")), 401, "unauthenticated")
    assert (await locked.http.get(url.replace(asset, asset.upper()))).status_code == 200


async def test_without_a_token_a_signature_means_nothing(house: House) -> None:
    asset = await house.upload()
    assert (await house.http.get(f"{asset['url']}?exp=1&sig={'x' * 43}")).content == CLIP


async def test_a_signed_address_ends(locked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = await locked.upload()
    del locked.http.headers["Authorization"]
    now = time.time()
    monkeypatch.setattr("reel_gateway.signing.time.time", lambda: now + 3599)
    assert (await locked.http.get(asset["url"])).status_code == 200
    monkeypatch.setattr("reel_gateway.signing.time.time", lambda: now + 3600 + 601)
    problem(await locked.http.get(asset["url"]), 401, "unauthenticated")


def test_a_signature_is_for_one_owner_and_one_token() -> None:
    links, other = (MediaLinks(GatewaySettings(token=t)) for t in ("a", "b"))
    query = links.query("local", "x")
    assert query
    expires, signature = (part.partition("=")[2] for part in query[0].lstrip("?").split("&"))
    assert links.holds("local", "x", expires, signature)
    assert not links.holds("another", "x", expires, signature)
    assert not other.holds("local", "x", expires, signature)
    assert MediaLinks(GatewaySettings()).query("local", "x") is None


async def test_every_answer_has_the_headers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = await house.upload()

    async def broken(*_: Any) -> Any:
        raise RuntimeError("secret words")

    answers = [
        await house.http.get("/v1/about"),
        await house.http.get("/nothing"),
        await house.http.get("/v1/jobs/1"),
        await house.http.get("/"),
        await house.http.get("/v1/jobs", headers={"Host": "evil.io"}),
        await house.http.get(asset["url"]),
        await house.http.get(asset["url"], headers={"Range": "bytes=0-0"}),
    ]
    monkeypatch.setattr(house.deps.reading._database, "read", broken)
    answers.append(await house.http.get("/v1/jobs"))
    assert [a.status_code for a in answers] == [200, 404, 422, 200, 403, 200, 206, 500]
    for answer in answers:
        assert set(answer.headers) >= {name.lower() for name in HEADERS} | {"trace-id"}
        assert "server" not in answer.headers
        assert "strict-transport-security" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert answers[0].headers["cache-control"] == "no-store"


async def test_https_is_kept_to(open_house: OpenHouse) -> None:
    house = await open_house(public_url="https://reel.example.org/here/", token=TOKEN)
    answer = await house.http.put("/v1/assets", content=CLIP, headers=BEARER)
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert answer.json()["urls"]["self"].startswith("https://reel.example.org/here/v1/assets/")


async def test_our_own_mistake_is_told_without_its_words(
    house: House, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("secret words")

    monkeypatch.setattr(house.deps.reading._database, "read", broken)
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = await house.http.get("/v1/jobs", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    said = problem(answer, 500, "internal")
    assert said["trace_id"] == answer.headers["trace-id"] == trace
    assert "secret" not in answer.text
    assert [line["event"] for line in logged] == ["request failed", "request"]


async def test_a_ledger_that_is_away_is_told_as_such(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any) -> Any:
        raise TransientError("The database cannot be reached.")

    monkeypatch.setattr(house.deps.reading._database, "read", away)
    for path in ("/v1/jobs", f"/v1/jobs/{new_id()}", f"/v1/jobs/{new_id()}/events", "/v1/sessions"):
        answer = await house.http.get(path)
        problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
    answer = await house.http.get("/health/ready")
    assert (answer.status_code, answer.json()["ledger"], answer.json()["store"]) == (503, False, True)
    assert (await house.http.get("/health/live")).status_code == 200


async def test_addresses_with_signatures_are_not_logged(locked: House, logged: list[Any]) -> None:
    asset = await locked.upload()
    await locked.http.get(asset["url"])
    assert "sig=" in asset["url"]
    assert "sig=" not in str(logged)
    assert TOKEN not in str(logged)
