"""The REST interface: problems as words, streams however they are cut, a token only where it belongs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from reel_cli.api import Api, ServerGoneError, problem_of
from reel_cli.events import ServerSentEvent, read
from reel_cli.exits import CommandFailedError, Exit
from reel_cli.showing import complain
from tests.unit.cli.servers import api_of

PROBLEM = {
    "title": "Not understood",
    "detail": "Nothing is known about 'blur'.",
    "hint": "Try keep, resize or fade.",
    "errors": [{"path": "prompt", "reason": "too odd"}],
}


async def chunks(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def test_events_however_they_are_cut() -> None:
    text = ': hello\n\nevent: a\nid: 1\ndata: {"x":\ndata: "\u2028"}\n\nid: 2\r\ndata: two\r\n\r\ndata: cut sho'
    expected = [ServerSentEvent("a", '{"x":\n"\u2028"}', "1"), ServerSentEvent("message", "two", "2")]
    for size in (1, 2, 7, 1000):
        pieces = [text[n : n + size] for n in range(0, len(text), size)]
        assert [event async for event in read(chunks(*pieces))] == expected
    assert expected[0].json == {"x": "\u2028"}
    assert expected[1].json == {}


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, 4), (403, 4), (404, 4), (410, 4), (409, 1), (413, 1), (422, 1), (429, 7), (500, 1), (503, 5), (504, 5)],
)
def test_exit_codes_of_answers(status: int, code: int) -> None:
    assert problem_of(status, b"not json").exit_code == code


async def test_a_problem_becomes_words(capsys: pytest.CaptureFixture[str]) -> None:
    api = api_of(lambda _: httpx.Response(422, json=PROBLEM))
    with pytest.raises(CommandFailedError) as caught:
        await api.ask("jobs")
    complain(caught.value)
    said = capsys.readouterr().err
    for words in ("Not understood", "'blur'", "Try keep", "prompt: too odd"):
        assert words in said


def test_a_server_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    complain(CommandFailedError(Exit.FAILED, "a\x1b[2Jb", "c\x07d\r\ne"))
    said = capsys.readouterr().err
    assert not {"\x1b", "\x07", "\r"} & set(said)


async def test_nobody_there() -> None:
    api = Api.at("http://127.0.0.1:9")
    with pytest.raises(ServerGoneError) as caught:
        await api.ask("jobs")
    assert caught.value.exit_code is Exit.UNREACHABLE
    await api.http.aclose()


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://x", "http://"])
def test_no_address(url: str) -> None:
    with pytest.raises(CommandFailedError) as caught:
        Api.at(url)
    assert caught.value.exit_code is Exit.USAGE


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://reel.test/v1/assets/1/content", "Bearer t"),
        ("/v1/assets/1/content", "Bearer t"),
        ("http://store.test/x", ""),
        ("https://reel.test/x", ""),
    ],
)
async def test_a_token_only_for_its_server(url: str, shown: str) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization", ""))
        return httpx.Response(200, content=b"bytes")

    async with api_of(answer, token="t").bytes_of(url) as body:
        assert b"".join([chunk async for chunk in body]) == b"bytes"
    assert seen == [shown]


async def test_an_upload_says_how_far_it_is(tmp_path: Path) -> None:
    file, seen, sent = tmp_path / "a b.mp4", [], []  # type: tuple[Path, list[httpx.Request], list[int]]
    file.write_bytes(b"x" * 600_000)

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"id": "1"})

    assert await api_of(answer).upload(file, "a b.mp4", 600_000, sent.append) == {"id": "1"}
    assert sum(sent) == 600_000
    assert len(sent) == 3
    assert seen[0].headers["Content-Length"] == "600000"
