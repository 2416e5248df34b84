"""``ingest``: facts, then proxy and poster; a bad file is refused with its code."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from reel_common.domain.media import MediaFacts, VideoFacts
from reel_common.domain.outcome import Done
from reel_common.errors import Code, PermanentError
from reel_common.ports.library import Asset
from reel_executor.renditions import proxy_sides, renditions
from reel_tools.inspector import script
from tests.unit.executor.conftest import Bench
from tests.unit.executor.ports import claimed


async def ingest(bench: Bench, asset: Asset, part: str) -> Done:
    step = claimed("ingest", {"asset": asset.id, "part": part})
    done = await bench.handlers["ingest"](step, bench.told)
    bench.library.complete(step, done)
    assert bench.clean()
    return done


async def test_facts_make_an_upload_usable(bench: Bench, clip: bytes) -> None:
    asset = bench.uploaded(clip)
    done = await ingest(bench, asset, "facts")
    facts = done.facts[asset.id]
    assert done.result == {"facts": facts.as_json()}
    assert facts.video is not None
    assert (facts.video.width, facts.video.height, facts.video.frame_rate, facts.video.frames) == (
        192,
        108,
        Fraction(30),
        60,
    )
    assert facts.size == len(clip)
    assert facts.duration == pytest.approx(2, abs=0.05)


async def test_the_same_bytes_are_inspected_once(bench: Bench, clip: bytes) -> None:
    first, second = bench.uploaded(clip), bench.uploaded(clip)
    one = await ingest(bench, first, "facts")
    two = await ingest(bench, second, "facts")
    assert one.facts[first.id] == two.facts[second.id]
    assert len(bench.sandbox.ran) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", Code.NOT_MEDIA), (b"Dear diary", Code.NOT_MEDIA), (b"#EXTM3U\n#EXTINF:1,\nx.ts\n", Code.UNSUPPORTED_MEDIA)],
)
async def test_a_bad_file_is_refused(bench: Bench, data: bytes, code: Code) -> None:
    with pytest.raises(PermanentError) as caught:
        await ingest(bench, bench.uploaded(data), "facts")
    assert caught.value.code is code
    assert bench.clean()


async def test_a_cut_file_is_refused(bench: Bench, clip: bytes) -> None:
    with pytest.raises(PermanentError) as caught:
        await ingest(bench, bench.uploaded(clip[: len(clip) // 2]), "facts")
    assert caught.value.code is Code.TRUNCATED


async def test_proxy_and_poster(bench: Bench, clip: bytes, tmp_path: Path) -> None:
    facts = (await ingest(bench, plain := bench.uploaded(clip), "facts")).facts[plain.id]
    asset = bench.uploaded(clip, facts)
    done = await ingest(bench, asset, "renditions")
    assert [(a.role, a.source) for a in done.assets] == [("proxy", asset.id), ("poster", asset.id)]
    assert [o["asset_id"] for o in done.result["outputs"]] == [a.id for a in done.assets]
    seen = {}
    for made in done.assets:
        (path := tmp_path / made.name).write_bytes(await bench.store.get(f"u/ann/artifacts/{made.sha256}"))
        seen[made.role] = script.answer("check" if made.role == "proxy" else "picture", path)
    assert (seen["proxy"]["video"]["codec"], seen["proxy"]["audio"]["codec"]) == ("h264", "aac")
    assert seen["proxy"]["faststart"] is True
    assert seen["proxy"]["video"]["duration"] == pytest.approx(2, abs=0.05)
    assert (seen["poster"]["width"], seen["poster"]["height"]) == (192, 108)
    assert any(stage == "rendering" for _, stage, _ in bench.told.notes)


async def test_renditions_of_the_same_bytes_are_made_once(bench: Bench, clip: bytes) -> None:
    facts = (await ingest(bench, plain := bench.uploaded(clip), "facts")).facts[plain.id]
    first, second = bench.uploaded(clip, facts), bench.uploaded(clip, facts)
    one, two = await ingest(bench, first, "renditions"), await ingest(bench, second, "renditions")
    assert len(bench.sandbox.ran) == 2
    assert [a.sha256 for a in one.assets] == [a.sha256 for a in two.assets]
    assert {a.source for a in two.assets} == {second.id}


async def test_sound_alone_has_no_renditions(bench: Bench, sound: bytes) -> None:
    facts = (await ingest(bench, plain := bench.uploaded(sound), "facts")).facts[plain.id]
    assert facts.video is None
    assert await ingest(bench, bench.uploaded(sound, facts), "renditions") == Done({"outputs": []})


async def test_an_upload_that_is_not_there(bench: Bench, clip: bytes) -> None:
    asset = replace(bench.uploaded(clip), owner="bob")
    bench.library.assets[asset.id] = asset
    with pytest.raises(PermanentError) as caught:
        await ingest(bench, asset, "facts")
    assert caught.value.code is Code.INPUT_MISSING


async def test_no_other_part(bench: Bench, clip: bytes) -> None:
    with pytest.raises(PermanentError) as caught:
        await ingest(bench, bench.uploaded(clip), "subtitles")
    assert caught.value.code is Code.INVALID


@pytest.mark.parametrize(
    ("sides", "proxy"),
    [((1920, 1080), (960, 540)), ((1080, 1920), (540, 960)), ((640, 360), (640, 360)), ((1919, 1081), (958, 540)),
     ((8192, 100), (960, 12)), ((33, 2), (32, 2)), ((4096, 4096), (540, 540))],
)  # fmt: skip
def test_a_proxy_fits_its_box(sides: tuple[int, int], proxy: tuple[int, int]) -> None:
    video = VideoFacts("h264", *sides, Fraction(30))
    assert proxy_sides(video) == proxy


def test_the_renditions_program_reads_one_kind_of_file_and_no_address() -> None:
    program = renditions("a" * 64, MediaFacts("webm", 2.0, 1, VideoFacts("vp9", 64, 64, Fraction(30))))
    assert program is not None
    words = " ".join(program.arguments)
    assert words.index("-protocol_whitelist file,pipe -format_whitelist matroska -f matroska") < words.index(" -i ")
    assert "-nostdin" in words
    assert "://" not in words
