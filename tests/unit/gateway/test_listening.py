"""Sockets for the application, and the token for those that others reach."""

from __future__ import annotations

import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from reel_gateway.__main__ import with_token
from reel_gateway.listening import AddressTakenError, bind, is_loopback, kept_token, served, url_of
from reel_gateway.settings import GatewaySettings


def test_addresses() -> None:
    with closing(bind("127.0.0.1", 0)) as one, closing(bind("0.0.0.0", 0)) as other:
        assert url_of(one) == f"http://127.0.0.1:{one.getsockname()[1]}"
        assert url_of(other) == f"http://127.0.0.1:{other.getsockname()[1]}"
        assert is_loopback(one)
        assert not is_loopback(other)


def test_who_comes_late_is_told() -> None:
    with closing(bind("127.0.0.1", 0)) as first, pytest.raises(AddressTakenError, match="in use"):
        bind("127.0.0.1", first.getsockname()[1])
    with pytest.raises(AddressTakenError, match="no address"):
        bind("no-such-name.invalid", 0)


async def test_an_application_answers_while_the_block_lasts() -> None:
    async def app(scope: Any, _: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    listening = bind("127.0.0.1", 0)
    url = url_of(listening)
    async with httpx.AsyncClient(trust_env=False) as http:
        async with served(app, listening):
            answer = await http.get(f"{url}/x")
        assert answer.text == "/x"
        assert "server" not in answer.headers
        with pytest.raises(httpx.TransportError):
            await http.get(url)


def test_a_token_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    file = tmp_path / "new" / "token"
    token, is_new = kept_token(file)
    assert is_new
    assert len(token) >= 32
    assert kept_token(file) == (token, False)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["token"]
    file.write_text("")
    again, is_new = kept_token(file)
    assert is_new
    assert again != token


def test_the_gateway_wants_one_only_off_loopback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert with_token(GatewaySettings(spool=tmp_path, token=SecretStr(""))).secret == ""
    given = GatewaySettings(host="0.0.0.0", spool=tmp_path, token=SecretStr("mine"))
    assert with_token(given).secret == "mine"
    made = with_token(GatewaySettings(host="0.0.0.0", spool=tmp_path, token=SecretStr("")))
    assert capsys.readouterr().err.count(made.secret) == 1
    assert with_token(GatewaySettings(host="0.0.0.0", spool=tmp_path, token=SecretStr(""))).secret == made.secret
    assert capsys.readouterr().err == ""
