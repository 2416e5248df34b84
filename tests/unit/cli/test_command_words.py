"""What ``reel edit`` is told, before anything is done."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reel_cli.api import Json
from reel_cli.editing import read_words, spooled
from reel_cli.exits import CommandFailedError
from reel_cli.tables import ago, percent, print_list, print_one


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files of one name, in two folders."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "more/a.mp4"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"x")


def test_files_and_a_prompt() -> None:
    assert read_words(["a.mp4", "more/a.mp4", "cut it"], "") == ("cut it", (Path("a.mp4"), Path("more/a.mp4")))
    assert read_words(["cut it"], "last") == ("cut it", ())
    with spooled((Path("a.mp4"), Path("more/a.mp4"))) as found:
        assert [name for name, _ in found] == ["a.mp4", "a.mp4"]


def test_stdin_is_the_prompt_or_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"cut it")))
    assert read_words(["a.mp4", "-"], "") == ("cut it", (Path("a.mp4"),))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"bytes")))
    prompt, given = read_words(["a.mp4", "-", "cut it"], "")
    with spooled(given) as found:
        assert prompt == "cut it"
        assert [(name, path.read_bytes()) for name, path in found] == [("a.mp4", b"x"), ("stdin", b"bytes")]
    assert not found[1][1].exists()


@pytest.mark.parametrize(
    ("words", "session", "code"),
    [
        (["a.mp4"], "", 2),
        (["-", "-"], "", 2),
        (["a.mp4", "cut"], "last", 2),
        (["b.mp4", "cut"], "", 4),
        (["more", "x"], "", 4),
    ],
)
def test_what_cannot_be_meant(words: list[str], session: str, code: int) -> None:
    with pytest.raises(CommandFailedError) as caught:
        read_words(words, session)
    assert caught.value.exit_code == code


def test_tables_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    items: list[Json] = [{"id": "1" * 36, "name": "a\x1b[2Jb"}, {"id": "2" * 36, "name": None}]
    print_list(items, [("name", lambda item: item["name"])], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["id", "1" * 36, "2" * 36]
    assert "\x1b" not in lines[1]
    print_list(items, [], as_json=True)
    assert '"name": null' in capsys.readouterr().out
    print_one({"id": "1", "none": None, "list": ["é"]}, as_json=False)
    assert capsys.readouterr().out == 'id: 1\nlist: ["é"]\n'


def test_times_and_fractions_for_people() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    ages = ["2026-01-01T23:59:30Z", "2026-01-01T23:50:00Z", "2026-01-01T12:00:00Z", "2025-12-01T00:00:00Z", "x", None]
    assert [ago(age, now) for age in ages] == ["now", "10 m ago", "12 h ago", "32 d ago", "", ""]
    assert (percent(0.256), percent(None)) == ("26%", "")
