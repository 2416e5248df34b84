"""Results land whole or not at all, and never on a file that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from reel_cli.api import Api
from reel_cli.delivering import Place, deliver, final_of, mislabelled, plain_name
from reel_cli.exits import CommandFailedError, Exit
from tests.unit.cli.servers import api_of

OUTPUT: dict[str, Any] = {"role": "final", "url": "/f", "media_type": "video/mp4", "bytes": 5}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def serving(content: bytes) -> Api:
    return api_of(lambda _: httpx.Response(200, content=content))


def ignored(_: int) -> None:
    return


async def test_a_name_of_our_choice_hits_nothing(here: Path) -> None:
    for _ in range(3):
        await deliver(serving(b"12345"), OUTPUT, Place(None), "clip-edited", ignored)
    assert {path.name for path in here.iterdir()} == {"clip-edited.mp4", "clip-edited-2.mp4", "clip-edited-3.mp4"}


async def test_into_a_folder(here: Path) -> None:
    (here / "out").mkdir()
    assert await deliver(serving(b"12345"), OUTPUT, Place(Path("out")), "clip", ignored) == Path("out/clip.mp4")


async def test_half_a_download_leaves_nothing(here: Path) -> None:
    with pytest.raises(CommandFailedError, match="3 of 5") as caught:
        await deliver(serving(b"123"), OUTPUT, Place(Path("out.mp4")), "clip", ignored)
    assert caught.value.exit_code is Exit.UNREACHABLE
    assert list(here.iterdir()) == []


async def test_a_file_that_appears_meanwhile_is_not_replaced(here: Path) -> None:
    place = Place(Path("out.mp4"))
    place.check()
    (here / "out.mp4").write_text("mine")
    with pytest.raises(CommandFailedError) as caught:
        await deliver(serving(b"12345"), OUTPUT, place, "clip", ignored)
    assert caught.value.exit_code is Exit.USAGE
    assert [path.read_text() for path in here.iterdir()] == ["mine"]


async def test_force_replaces(here: Path) -> None:
    (here / "out.mp4").write_text("mine")
    place = Place(Path("out.mp4"), force=True)
    place.check()
    await deliver(serving(b"12345"), OUTPUT, place, "clip", ignored)
    assert [path.read_text() for path in here.iterdir()] == ["12345"]


def test_what_cannot_be_is_told_before_any_work(here: Path) -> None:
    (here / "out.mp4").touch()
    for place in (Place(Path("out.mp4")), Place(Path("none/out.mp4"))):
        with pytest.raises(CommandFailedError) as caught:
            place.check()
        assert caught.value.exit_code is Exit.USAGE
    Place(Path("new.mp4")).check()
    Place(Path()).check()


def test_names() -> None:
    assert plain_name("../../etc/passwd") == "etcpasswd"
    assert plain_name("My clip (1).final") == "My clip 1.final"
    assert plain_name("???") == "result"
    assert plain_name("été") == "été"
    assert mislabelled(Path("a.mov"), ".mp4")
    assert not mislabelled(Path("a.M4V"), ".mp4")
    assert not mislabelled(Path("a"), ".mp4")


def test_the_result_among_the_outputs() -> None:
    assert final_of({"outputs": [{"role": "poster"}, OUTPUT]}) == OUTPUT
    assert final_of({"outputs": []}) is None
    assert final_of({}) is None
