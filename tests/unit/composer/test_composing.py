"""``compose``: real results through the gate, over embedded ports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from reel_common.domain import keys
from reel_common.domain.ids import new_id
from reel_common.domain.outcome import Done
from reel_common.domain.program import Engine, Program
from reel_common.errors import Code, PermanentError
from reel_common.ports.tool import Promise, Source
from reel_common.testing.clips import make_clip, make_sound
from reel_composer.service import Composer
from reel_tools.ffmpeg import FFmpeg
from reel_tools.ffmpeg.operations import Fade, Resize, Trim
from tests.unit.executor.conftest import Bench
from tests.unit.executor.ports import OWNER, MemoryStore, ProcessSandbox, Told, claimed
from tests.unit.inspector import clips

PROMISE = Promise(2.0, 192, 108, Fraction(30), video=True, audio=True)


@dataclass
class Desk:
    """A composer and all that it stands on."""

    folder: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    outputs: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sandbox = ProcessSandbox(self.folder / "spool")
        self.composer = Composer(self.store, self.sandbox, self.folder / "scratch")

    def stored(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        self.store.objects[keys.artifact(OWNER, sha256)] = (data, "video/mp4")
        return sha256

    def made(self, data: bytes, role: str = "final", media_type: str = "video/mp4") -> None:
        output = {"asset_id": new_id(), "role": role, "name": role, "sha256": self.stored(data), "size": len(data)}
        self.outputs.append({**output, "media_type": media_type})

    async def compose(self, promise: Promise = PROMISE, **given: Any) -> tuple[Done, Mapping[str, Any]]:
        step = claimed(
            "compose",
            {
                "outputs": self.outputs, "promise": promise.as_json(), "measured": {"black": []}, "operations": [],
                "program_key": "u/ann/jobs/1/program.json", "usage": {"wall": 2.5}, "sandbox": "docker", **given,
            },
        )  # fmt: skip
        try:
            done = await self.composer.handlers()["compose"](step, Told())
        finally:
            scratch = self.folder / "scratch"
            assert not scratch.exists() or not list(scratch.iterdir())
        return done, json.loads(await self.store.get(done.result["report_key"]))

    def report(self) -> Mapping[str, Any]:
        [text] = [data for key, (data, _) in self.store.objects.items() if key.endswith("report.json")]
        found = json.loads(text)
        assert isinstance(found, dict)
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="session")
def final(folder: Path) -> bytes:
    return make_clip(folder / "final.mp4", seconds=2).read_bytes()


@pytest.fixture(scope="session")
def poster(folder: Path) -> bytes:
    clips.ffmpeg(*clips.PATTERN, "-frames:v", "1", str(path := folder / "poster.jpg"))
    return path.read_bytes()


@pytest.fixture(scope="session")
def black(folder: Path) -> bytes:
    source = ("-f", "lavfi", "-i", "color=black:d=2:s=192x108:r=30")
    clips.ffmpeg(*source, *clips.TONE, *clips.H264, *clips.AAC, str(path := folder / "black.mp4"))
    return path.read_bytes()


async def test_a_good_result_is_delivered_with_its_figures(desk: Desk, final: bytes, poster: bytes) -> None:
    desk.made(final)
    desk.made(final, "proxy")
    desk.made(poster, "poster", "image/jpeg")
    desk.made(b"1\n00:00:00,000 --> 00:00:01,000\nhello\n", "captions", "application/x-subrip")
    done, report = await desk.compose()
    shapes = [(o["role"], o["duration_s"], o["width"], o["height"]) for o in done.result["outputs"]]
    assert shapes == [
        ("final", pytest.approx(2, abs=0.03), 192, 108),
        ("proxy", pytest.approx(2, abs=0.03), 192, 108),
        ("poster", None, 320, 240),
        ("captions", None, None, None),
    ]
    assert [o["bytes"] for o in done.result["outputs"]] == [o["size"] for o in desk.outputs]
    assert done.result["gate"]["video"]["frames"] == 60
    assert done.result["gate"]["difference"] < 0.06
    assert done.assets == ()
    assert len(desk.sandbox.ran) == 1, "one run looks at all of them"
    assert report["gate"] == {"passed": True, "failures": []}
    assert report["outputs"] == done.result["outputs"]
    assert report["sandbox"]["rendered_by"] == "docker"
    assert report["usage"]["render"] == {"wall": 2.5}
    assert report["usage"]["check"]["wall"] > 0


async def refused(desk: Desk, promise: Promise = PROMISE, **given: Any) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        await desk.compose(promise, **given)
    return caught.value


async def test_a_broken_promise_is_not_delivered(desk: Desk, final: bytes) -> None:
    desk.made(final)
    error = await refused(desk, Promise(3.0, 640, 108, Fraction(30), video=True, audio=True))
    assert error.code is Code.GATE
    assert error.detail.startswith("It lasts 2.0")
    assert error.detail.endswith(" s instead of 3.000 s. The picture is 192 pixels wide instead of 640.")
    assert desk.report()["gate"]["passed"] is False, "the report says why"


async def test_a_final_that_is_no_media(desk: Desk, final: bytes) -> None:
    """B47: whatever the program wrote under its promised name."""
    for data in (b"#EXTM3U\n#EXTINF:1,\nx.ts\n", b"hello", final[: len(final) // 2]):
        desk.outputs.clear()
        desk.made(data)
        assert (await refused(desk)).code is Code.BAD_OUTPUT


async def test_a_poster_that_is_no_picture(desk: Desk, final: bytes) -> None:
    desk.made(final)
    desk.made(final, "poster", "image/jpeg")
    error = await refused(desk)
    assert error.code is Code.BAD_OUTPUT
    assert error.detail.startswith("poster is not what it was made to be.")


async def test_no_final_at_all(desk: Desk, final: bytes) -> None:
    desk.made(final, "proxy")
    assert (await refused(desk)).code is Code.NO_OUTPUT
    desk.outputs.clear()
    assert (await refused(desk)).code is Code.NO_OUTPUT


async def test_a_result_that_is_gone(desk: Desk, final: bytes) -> None:
    desk.made(final)
    desk.store.objects.clear()
    assert (await refused(desk)).code is Code.INPUT_MISSING


async def test_sound_alone(desk: Desk, tmp_path: Path) -> None:
    desk.made(make_sound(tmp_path / "a.m4a", seconds=2).read_bytes(), media_type="audio/mp4")
    done, _ = await desk.compose(Promise(2.0, None, None, None, video=False, audio=True))
    assert done.result["outputs"][0]["duration_s"] == pytest.approx(2, abs=0.05)


def written(desk: Desk, source: bytes) -> str:
    """The program of a result, which names what it was made from."""
    program = Program(Engine.FFMPEG, (), inputs={"clip": desk.stored(source)})
    desk.store.objects[key := f"u/{OWNER}/jobs/1/program.json"] = (json.dumps(program.as_json()).encode(), "")
    return key


async def test_black_made_of_a_picture_is_not_delivered(desk: Desk, final: bytes, black: bytes) -> None:
    desk.made(black)
    error = await refused(desk, program_key=written(desk, final))
    assert error.code is Code.GATE
    assert "black at 0.000 s" in error.detail


async def test_black_made_of_black_is_delivered(desk: Desk, black: bytes) -> None:
    desk.made(black)
    done, _ = await desk.compose(program_key=written(desk, black))
    assert done.result["outputs"][0]["width"] == 192


@pytest.mark.parametrize("kind", ["mp4", "ts"])
async def test_what_the_ffmpeg_tool_promises_it_keeps(kind: str, final: bytes, tmp_path: Path) -> None:
    """Executor and composer in a row. In the transport stream the sound begins before the picture."""
    (made := tmp_path / "a.mp4").write_bytes(final)
    clips.ffmpeg("-i", str(made), "-c", "copy", str(path := tmp_path / f"b.{kind}"))
    bench = Bench(tmp_path / "bench")
    asset = bench.uploaded(path.read_bytes())
    ingested = await bench.handlers["ingest"](claimed("ingest", {"asset": asset.id, "part": "facts"}), Told())
    operations = [Trim(start=0.2, end=1.9), Resize(height=72), Fade(direction="out", duration=0.5)]
    compiled = FFmpeg().compile(operations, [Source(asset.sha256, ingested.facts[asset.id])])
    step = bench.step(compiled.program)
    ran = await bench.handlers["run"](step, Told())
    given = {**ran.result, **step.input, "promise": compiled.promise.as_json(), "operations": []}
    composer = Composer(bench.store, bench.sandbox, bench.scratch)
    done = await composer.handlers()["compose"](claimed("compose", given), Told())
    assert [(o["role"], o["height"]) for o in done.result["outputs"]] == [("final", 72), ("proxy", 72), ("poster", 72)]
    assert bench.clean()
