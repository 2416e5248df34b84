"""The figures of a result, as the delivery gate reads them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.inspector import clips
from tests.unit.inspector.conftest import SCRIPT, Inspect


def test_the_figures_of_a_whole_file(fast: Path, look: Inspect) -> None:
    answer = look(fast, "check")
    assert answer["faststart"] is True
    assert answer["monotonic"] is True
    assert answer["video"]["frames"] == 60
    assert answer["video"]["frame_rate"] == "30/1"
    assert answer["video"]["duration"] == pytest.approx(2, abs=1e-6)
    assert answer["audio"]["duration"] == pytest.approx(2, abs=0.03)
    assert [s["at"] for s in answer["samples"]] == pytest.approx([0, 59 / 60, 59 / 30])
    assert all(s["luma"] > 50 and s["peak"] > 200 and s["width"] == 320 for s in answer["samples"])


def test_an_index_at_the_end(good: Path, look: Inspect) -> None:
    assert look(good, "check")["faststart"] is False


def test_black_is_black_and_a_white_word_on_it_is_seen(tmp_path: Path, look: Inspect) -> None:
    black = ("-f", "lavfi", "-i", "color=black:d=1:s=640x360:r=25")
    clips.ffmpeg(*black, *clips.H264, str(path := tmp_path / "b.mp4"))
    assert all(s["luma"] < 2 and s["peak"] < 16 for s in look(path, "check")["samples"])
    clips.ffmpeg(*black, "-vf", "drawbox=300:170:20:4:white:fill", *clips.H264, str(path))
    assert all(s["luma"] < 4 and s["peak"] > 200 for s in look(path, "check")["samples"])


def test_a_hole_in_the_middle_is_found(tmp_path: Path, look: Inspect) -> None:
    path = clips.clip(tmp_path / "x.mp4", "-an", "-g", "10", "-movflags", "+faststart")
    data = bytearray(path.read_bytes())
    start = data.find(b"mdat")
    third = (len(data) - start) // 3
    data[start + third : start + 2 * third] = bytes(third)
    path.write_bytes(data)
    assert [bool(s.get("error")) for s in look(path, "check")["samples"]] == [False, True, False]


def test_the_end_of_the_last_long_group_is_reached(tmp_path: Path, look: Inspect) -> None:
    """One keyframe for all sixty frames: the middle and the end are decoded all the same."""
    path = clips.clip(tmp_path / "x.mp4", "-an", "-g", "1000", "-vf", "fade=out:0:60:color=black")
    first, middle, last = look(path, "check")["samples"]
    assert first["luma"] > middle["luma"] > last["luma"]


@pytest.mark.parametrize(("kind", "sides"), [("jpg", (320, 240)), ("png", (320, 240))])
def test_a_picture_has_sides(kind: str, sides: tuple[int, int], tmp_path: Path, look: Inspect) -> None:
    clips.ffmpeg(*clips.PATTERN, "-frames:v", "1", str(path := tmp_path / f"x.{kind}"))
    answer = look(path, "picture")
    assert (answer["width"], answer["height"]) == sides


def test_a_bomb_of_a_picture_is_refused_before_it_is_decoded(tmp_path: Path, look: Inspect) -> None:
    source = ("-f", "lavfi", "-i", "color=black:s=8000x8000:d=1:r=1")
    clips.ffmpeg(*source, "-frames:v", "1", "-pix_fmt", "monob", str(path := tmp_path / "x.png"))
    assert path.stat().st_size < 50_000
    assert look(path, "picture")["error"] == "media_limits"


def test_video_is_no_picture(good: Path, look: Inspect) -> None:
    assert look(good, "picture")["error"] == "not_media"


def test_several_files_in_one_run(good: Path, tmp_path: Path) -> None:
    (empty := tmp_path / "empty").touch()
    command = [
        sys.executable,
        "-I",
        str(SCRIPT),
        "check",
        str(good),
        "facts",
        str(empty),
        "facts",
        str(tmp_path / "none"),
    ]
    done = subprocess.run(command, capture_output=True, timeout=30, check=True)
    whole, nothing, missing = json.loads(done.stdout)
    assert whole["video"]["frames"] == 60
    assert nothing == {"error": "not_media", "detail": "The file is empty."}
    assert missing["error"] == "not_media"


@pytest.mark.parametrize("arguments", [[], ["facts"], ["delete", "x"], ["facts", "x", "check"]])
def test_called_wrongly_it_says_how(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-I", str(SCRIPT), *arguments], capture_output=True, timeout=30, check=False)
    assert done.returncode == 2
    assert b"usage" in done.stderr
