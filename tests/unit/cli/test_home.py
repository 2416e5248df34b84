"""The data folder: one at a time, and found by others."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from reel_cli.home import FolderInUseError, Home, Server


def test_one_at_a_time(tmp_path: Path) -> None:
    home = Home(tmp_path / "new" / "home")
    with home.locked(), pytest.raises(FolderInUseError), Home(home.root).locked():
        pass
    with home.locked():
        pass


def test_what_a_killed_server_said_is_forgotten(tmp_path: Path) -> None:
    home = Home(tmp_path)
    said = Server("http://127.0.0.1:1", 1, "t", passing=True)
    with home.locked():
        home.announce(said)
        assert home.server() == said
    with home.locked():
        assert home.server() is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": "x"}'])
def test_half_a_file_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.json").write_text(text)
    assert Home(tmp_path).server() is None


def test_only_its_owner_reads_what_is_in_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with home.locked():
        home.announce(Server("http://127.0.0.1:1", 1, "t"))
        for path in (home.root / "server.json", home.root / "reel.db", home.store):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077


def test_a_folder_that_no_address_can_name(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="question mark"), Home(tmp_path / "what?").locked():
        pass
