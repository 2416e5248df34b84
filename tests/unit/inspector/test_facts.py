"""B29: ordinary media of every kind is accepted, with the right facts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.unit.inspector import clips
from tests.unit.inspector.conftest import Inspect


def test_an_ordinary_clip(good: Path, look: Inspect) -> None:
    assert look(good) == {
        "container": "mp4", "duration": pytest.approx(2, abs=0.03), "size": good.stat().st_size,
        "video": {"codec": "h264", "width": 320, "height": 240, "rotation": 0, "frame_rate": "30/1",
                  "pixel_format": "yuv420p", "frames": 60},
        "audio": [{"codec": "aac", "sample_rate": 44100, "channels": 1}],
    }  # fmt: skip


KINDS = {
    "mov": ("-c", "copy"), "mkv": ("-c", "copy"), "avi": ("-c", "copy"), "ts": ("-c", "copy"), "flv": ("-c", "copy"),
    "m2ts": ("-c", "copy", "-mpegts_m2ts_mode", "1"),
    "webm": ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"), "mpg": ("-c:v", "mpeg2video", "-c:a", "mp2"),
    "wmv": ("-c:v", "wmv2", "-c:a", "wmav2"), "ogv": ("-c:v", "libtheora", "-c:a", "libvorbis"),
    "3gp": ("-c", "copy"),
}  # fmt: skip
NAMES = {"mkv": "matroska", "ts": "mpegts", "m2ts": "mpegts", "mpg": "mpeg", "wmv": "asf", "ogv": "ogg", "3gp": "mp4"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_video(kind: str, good: Path, tmp_path: Path, look: Inspect) -> None:
    clips.ffmpeg("-i", str(good), *KINDS[kind], str(path := tmp_path / f"x.{kind}"))
    answer = look(path)
    assert answer["container"] == NAMES.get(kind, kind)
    assert answer["duration"] == pytest.approx(2, abs=0.2)
    assert (answer["video"]["width"], answer["video"]["height"]) == (320, 240)
    assert Fraction(answer["video"]["frame_rate"]) == pytest.approx(30, rel=0.01)
    assert len(answer["audio"]) == 1
    assert "error" not in look(path, "check")


@pytest.mark.parametrize("kind", ["mp3", "aac", "m4a", "wav", "flac", "ogg", "opus", "aiff", "mka", "caf"])
def test_audio_only(kind: str, tmp_path: Path, look: Inspect) -> None:
    clips.ffmpeg(*clips.TONE, str(path := tmp_path / f"x.{kind}"))
    answer = look(path)
    assert answer["video"] is None
    assert answer["duration"] == pytest.approx(2, abs=0.1)
    assert answer["audio"][0]["channels"] == 1
    assert "error" not in look(path, "check")


def test_no_audio(tmp_path: Path, look: Inspect) -> None:
    answer = look(clips.clip(tmp_path / "x.mp4", "-an"))
    assert answer["audio"] == []
    assert answer["video"]["frames"] == 60


@pytest.mark.parametrize("kind", ["mp3", "m4a"])
def test_a_cover_picture_is_not_video(kind: str, tmp_path: Path, look: Inspect) -> None:
    clips.ffmpeg(*clips.PATTERN, "-frames:v", "1", str(cover := tmp_path / "c.jpg"))
    path = tmp_path / f"x.{kind}"
    picture = ("-map", "1", "-map", "0", "-c:v", "copy", "-disposition:v:0", "attached_pic")
    clips.ffmpeg("-i", str(cover), *clips.TONE, *picture, str(path))
    answer = look(path)
    assert answer["video"] is None
    assert answer["duration"] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(("turn", "clockwise"), [(90, 270), (180, 180), (270, 90)])
def test_rotated(turn: int, clockwise: int, good: Path, tmp_path: Path, look: Inspect) -> None:
    """A phone held upright; ``turn`` is counter-clockwise, as FFmpeg counts."""
    clips.ffmpeg("-display_rotation", str(turn), "-i", str(good), "-c", "copy", str(path := tmp_path / "x.mp4"))
    video = look(path)["video"]
    assert video["rotation"] == clockwise
    assert (video["width"], video["height"]) == ((320, 240) if turn == 180 else (240, 320))


def test_a_variable_rate_is_averaged(tmp_path: Path, look: Inspect) -> None:
    """Sixty frames in the first second and ten in the next: seventy in two."""
    source = "testsrc=d=2:s=64x64:r=60,select='lt(t,1)+not(mod(n,6))'"
    for kind in ("mp4", "mkv"):
        path = tmp_path / f"x.{kind}"
        clips.ffmpeg("-f", "lavfi", "-i", source, "-fps_mode", "vfr", *clips.H264, str(path))
        video = look(path)["video"]
        assert video["frames"] == 70
        assert Fraction(video["frame_rate"]) == pytest.approx(35, rel=0.06)


def test_hdr_of_ten_bits(tmp_path: Path, look: Inspect) -> None:
    colour = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")
    coding = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le")
    clips.ffmpeg(*clips.PATTERN, "-t", "0.5", *coding, *colour, str(path := tmp_path / "x.mp4"))
    video = look(path)["video"]
    assert (video["codec"], video["pixel_format"]) == ("hevc", "yuv420p10le")


def test_odd_sides(tmp_path: Path, look: Inspect) -> None:
    source = ("-f", "lavfi", "-i", "testsrc=d=0.2:s=1919x1081:r=10")
    clips.ffmpeg(
        *source, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p", str(path := tmp_path / "x.mp4")
    )
    video = look(path)["video"]
    assert (video["width"], video["height"]) == (1919, 1081)


def test_one_frame(tmp_path: Path, look: Inspect) -> None:
    clips.ffmpeg(*clips.PATTERN, "-frames:v", "1", *clips.H264, str(path := tmp_path / "x.mp4"))
    assert look(path)["video"]["frames"] == 1


@pytest.mark.parametrize("kind", ["webm", "mkv"])
def test_a_recording_without_a_duration_is_measured(kind: str, good: Path, tmp_path: Path, look: Inspect) -> None:
    """What browsers record: a live stream, its length in no header."""
    coding = ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus") if kind == "webm" else ("-c", "copy")
    clips.ffmpeg(
        "-i", str(good), *coding, "-live", "1", "-f", "matroska" if kind == "mkv" else kind, str(path := tmp_path / "x")
    )
    assert look(path)["duration"] == pytest.approx(2, abs=0.1)


def test_a_fragmented_mp4(good: Path, tmp_path: Path, look: Inspect) -> None:
    flags = ("-movflags", "frag_keyframe+empty_moov")
    clips.ffmpeg("-i", str(good), "-c", "copy", *flags, str(path := tmp_path / "x.mp4"))
    assert look(path)["duration"] == pytest.approx(2, abs=0.1)


def test_sound_longer_than_the_picture_is_no_truncation(tmp_path: Path, look: Inspect) -> None:
    tone = ("-f", "lavfi", "-i", "sine=d=20")
    for kind in ("mp4", "mkv"):
        clips.ffmpeg(*clips.PATTERN, *tone, *clips.H264, *clips.AAC, str(path := tmp_path / f"x.{kind}"))
        assert look(path)["duration"] == pytest.approx(20, abs=0.1)


def test_junk_behind_the_end_is_ignored(good: Path, tmp_path: Path, look: Inspect) -> None:
    """B33: an MP4 that is a ZIP as well is the MP4 that it is."""
    (path := tmp_path / "x.mp4").write_bytes(good.read_bytes() + b"PK\3\4" + b"\x14\0\0\0" * 50)
    assert look(path)["container"] == "mp4"


@pytest.mark.parametrize(
    "name", ["-i.mp4", "a;id.mp4", "$(id).mp4", "a\nb.mp4", "concat:a|b.mp4", "%d.mp4", "http:x.mp4"]
)
def test_a_name_means_nothing(name: str, good: Path, tmp_path: Path, look: Inspect) -> None:
    """S24. The product names files itself; the inspector does not rely on it."""
    (path := tmp_path / name).write_bytes(good.read_bytes())
    assert look(path)["video"]["frames"] == 60
