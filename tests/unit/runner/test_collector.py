"""What is taken out of a dead program's folder. What only a sandbox can make is in the tests of security."""

import hashlib
import os
import socket
from pathlib import Path

import pytest

from reel_common.domain.program import Output
from reel_executor.runner.collector import MOST_REFUSED, collect
from reel_executor.runner.trees import MOST_DEPTH, MOST_ENTRIES, measure, remove_tree


def promised(*names: str) -> tuple[Output, ...]:
    return tuple(Output(name, "final", "text/plain") for name in names)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "from"
    made.mkdir()
    (tmp_path / "to").mkdir()
    return made


@pytest.fixture
def target(folder: Path) -> Path:
    return folder.parent / "to"


def test_a_plain_file_is_moved_and_hashed(folder: Path, target: Path) -> None:
    (folder / "a.txt").write_bytes(b"content")
    (folder / "a.txt").chmod(0o6711)
    (collected,), refused = collect(folder, promised("a.txt", "missing"), target, "run", 100)
    assert (collected.name, collected.size) == ("a.txt", 7)
    assert collected.sha256 == hashlib.sha256(b"content").hexdigest()
    assert collected.path == target / "run-a.txt"
    assert collected.path.read_bytes() == b"content"
    assert collected.path.stat().st_mode & 0o7777 == 0o644
    assert refused == ()
    assert list(folder.iterdir()) == []


def test_nothing_but_plain_files_of_its_own(
    folder: Path, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (folder / "link").symlink_to(secret)
    (folder / "broken").symlink_to("nowhere")
    os.link(secret, folder / "hard")
    os.mkfifo(folder / "fifo")
    (folder / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(folder)  # the whole path would be too long for an address
        listening.bind("socket")
    with (folder / "sparse").open("wb") as file:
        file.truncate(100 << 20)
    names = ("link", "broken", "hard", "fifo", "folder", "socket", "sparse")
    collected, refused = collect(folder, promised(*names), target, "run", 1 << 30)
    assert collected == ()
    assert {name: reason for name, reason in refused if reason != "not promised"} == {
        "link": "a symbolic link",
        "broken": "a symbolic link",
        "hard": "a hard link",
        "fifo": "not a plain file",
        "folder": "not a plain file",
        "socket": "cannot be opened",
        "sparse": "mostly holes",
    }
    assert list(target.iterdir()) == []
    assert secret.read_text() == "secret"


def test_all_of_them_together_are_bounded(folder: Path, target: Path) -> None:
    for name in ("a", "b", "c"):
        (folder / name).write_bytes(bytes(400))
    collected, refused = collect(folder, promised("a", "b", "c"), target, "run", 1000)
    assert [c.name for c in collected] == ["a", "b"]
    assert refused == (("c", "too large"),)


def test_what_was_not_promised_is_named_but_not_all_of_it(folder: Path, target: Path) -> None:
    for n in range(100):
        (folder / f"x{n}").touch()
    _, refused = collect(folder, (), target, "run", 100)
    assert len(refused) == MOST_REFUSED
    assert all(reason == "not promised" for _, reason in refused)


def test_names_are_harmless_to_print(folder: Path, target: Path) -> None:
    for name in (b"\xff\xfe", b"\x1b[31m", b"new\nline", "\u202e".encode(), b"a" * 255):
        (folder / os.fsdecode(name)).touch()
    _, refused = collect(folder, (), target, "run", 100)
    assert len(refused) == 5
    assert all(name.isascii() and name.isprintable() and len(name) <= 80 for name, _ in refused)


def test_a_folder_that_its_owner_closed(folder: Path, target: Path) -> None:
    (folder / "a").write_bytes(b"a")
    folder.chmod(0)
    collected, _ = collect(folder, promised("a"), target, "run", 100)
    assert [c.name for c in collected] == ["a"]


def test_measuring_counts_blocks_and_gives_up_at_too_much(folder: Path) -> None:
    (folder / "below").mkdir()
    (folder / "below" / "a").write_bytes(bytes(1 << 20))
    (folder / "link").symlink_to("/")
    found = measure(folder)
    assert found.entries == 3
    assert found.excess == ""
    assert 1 << 20 <= found.bytes < 2 << 20
    for n in range(MOST_ENTRIES):
        (folder / f"x{n}").touch()
    assert "too many" in measure(folder).excess


def test_measuring_gives_up_at_too_deep(folder: Path) -> None:
    deep = folder.joinpath(*"d" * (MOST_DEPTH + 1))
    deep.mkdir(parents=True)
    assert "too deep" in measure(folder).excess
    assert measure(folder / "missing").excess != ""


def test_a_tree_of_any_depth_and_permissions_is_removed(folder: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)
    for _ in range(3000):  # much deeper than a path may be long or a function may call itself
        os.mkdir("d" * 50)
        os.chdir("d" * 50)
        Path("file").touch()
    os.chdir(here)
    (folder / "closed").mkdir()
    (folder / "closed" / "file").touch()
    (folder / "closed").chmod(0)
    folder.chmod(0)
    remove_tree(folder)
    assert not folder.exists()
    remove_tree(folder)


def test_what_a_link_points_to_is_not_removed(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    (folder / "link").symlink_to(kept)
    remove_tree(folder)
    assert (kept / "file").exists()
