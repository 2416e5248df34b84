"""Flags, then the environment, then the folder's file, then the user's."""

from __future__ import annotations

from pathlib import Path

import pytest

from reel_cli.exits import CommandFailedError, Exit
from reel_cli.settings import read_settings


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The folder's and the user's file, in a world without settings."""
    for name in ("URL", "TOKEN", "HOME", "HOST", "PORT", "COLLECT_AGE_S"):
        monkeypatch.delenv(f"REEL_{name}", raising=False)
    work, config = tmp_path / "work", tmp_path / "config"
    work.mkdir()
    (config / "reel").mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return work / "reel.toml", config / "reel" / "config.toml"


def test_nearer_wins(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = files
    seen = [read_settings().port]
    far.write_text("port = 1")
    seen.append(read_settings().port)
    near.write_text("port = 2")
    seen.append(read_settings().port)
    monkeypatch.setenv("REEL_PORT", "3")
    seen.append(read_settings().port)
    seen.append(read_settings(port=4).port)
    assert seen == [8000, 1, 2, 3, 4]


def test_a_flag_that_was_not_given_hides_nothing(files: tuple[Path, Path]) -> None:
    files[1].write_text('url = "http://far"')
    assert read_settings(url=None).url == "http://far"
    assert read_settings(url="").url == ""


def test_the_data_folder(files: tuple[Path, Path], tmp_path: Path) -> None:
    assert read_settings().folder.root in {tmp_path / "data" / "reel", Path.home() / "Library/Application Support/reel"}
    assert read_settings(home=Path("here")).folder.root == Path("here").absolute()


def test_a_folder_cannot_send_the_users_token_elsewhere(files: tuple[Path, Path]) -> None:
    near, far = files
    far.write_text('url = "http://mine"\ntoken = "secret"')
    assert read_settings().token == "secret"
    near.write_text('url = "http://elsewhere"')
    settings = read_settings()
    assert (settings.url, settings.token) == ("http://elsewhere", "")
    near.write_text('url = "http://mine"')
    assert read_settings().token == "secret"
    near.write_text('url = "http://elsewhere"\ntoken = "theirs"')
    assert read_settings().token == "theirs"


@pytest.mark.parametrize(
    ("text", "words"), [("port = 'x'", "port"), ("port = ", "reel.toml"), ("port = 70000", "port")]
)
def test_what_is_wrong_is_named(files: tuple[Path, Path], text: str, words: str) -> None:
    files[0].write_text(text)
    with pytest.raises(CommandFailedError, match=words) as caught:
        read_settings()
    assert caught.value.exit_code is Exit.USAGE


def test_a_name_that_is_not_known_is_told(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    files[0].write_text("prot = 1")
    assert read_settings().port == 8000
    assert "prot" in capsys.readouterr().err
