"""Health, what the server says of itself, the API's document, and the page."""

from __future__ import annotations

import re

from tests.gateway.house import House


async def test_health(house: House) -> None:
    assert await house.ok("GET", "/health/live") == {"status": "live"}
    assert await house.ok("GET", "/health/ready") == {"open": True, "ledger": True, "store": True}


async def test_about(house: House) -> None:
    said = await house.ok("GET", "/v1/about")
    assert (said["name"], said["adapters"], said["job_kinds"]) == (
        "reelwright",
        {"ledger": "sqlite"},
        ["edit", "ingest"],
    )
    (tool,) = said["tools"]
    assert [o["properties"]["op"]["const"] for o in tool["operations"]] == ["trim", "resize", "fade"]
    assert said["limits"]["prompt_characters"] == 4000


async def test_the_document_of_the_api(house: House) -> None:
    document = await house.ok("GET", "/v1/openapi.json")
    assert document["info"]["title"] == "Reelwright"
    body = document["paths"]["/v1/sessions/{session}/edits"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["$ref"].endswith("EditRequest")
    edits = document["paths"]["/v1/sessions/{session}/edits"]["post"]["responses"]
    assert set(edits) == {"202", "422", "default"}
    assert set(edits["422"]["content"]) == {"application/problem+json"}
    names = [o["operationId"] for path in document["paths"].values() for o in path.values()]
    assert len(names) == len(set(names))


async def test_the_page_needs_nothing_from_elsewhere(house: House) -> None:
    page = await house.http.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    for name, kind in (("studio.js", "text/javascript"), ("studio.css", "text/css")):
        assert name in page.text
        part = await house.http.get(f"/{name}")
        assert part.headers["content-type"] == f"{kind}; charset=utf-8"
        assert not re.search(r"https?://", part.text)
    assert not re.search(r"https?://|<style|<script>| on[a-z]+=| style=", page.text)
    assert '<html lang="en">' in page.text
