"""B22–B25, S21: files that ask their reader to open others. Refused, and nothing else is opened or called."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.unit.inspector import clips
from tests.unit.inspector.conftest import Inspect
from tests.unit.inspector.trap import Trap

HLS = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n{extra}#EXTINF:2,\n{uri}\n#EXT-X-ENDLIST\n"

LURES = {
    "hls, relative": HLS.format(extra="", uri="neighbour.ts"),
    "hls, file url": HLS.format(extra="", uri="file://{folder}/neighbour.ts"),
    "hls, http": HLS.format(extra="", uri="http://{address}/a.ts"),
    "hls, key": HLS.format(extra='#EXT-X-KEY:METHOD=AES-128,URI="http://{address}/k"\n', uri="neighbour.ts"),
    "hls, map": HLS.format(extra='#EXT-X-MAP:URI="http://{address}/m"\n', uri="neighbour.ts"),
    "hls, variant": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://{address}/v.m3u8\n",
    "hls, after blanks": "\ufeff \r\n\n" + HLS.format(extra="", uri="neighbour.ts"),
    "ffconcat": "ffconcat version 1.0\nfile neighbour.mp4\n",
    "dash": '<?xml version="1.0"?>\n<MPD type="static" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period>'
    '<BaseURL>http://{address}/</BaseURL><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
    '<SegmentList><SegmentURL media="a.mp4"/></SegmentList></Representation></AdaptationSet></Period></MPD>',
    "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\n",
    "srt": "1\n00:00:00,000 --> 00:00:02,000\nhello\n",
    "webvtt": "WEBVTT\n\n00:00.000 --> 00:02.000\nhello\n",
    "ass": "[Script Info]\nTitle: x\n[Events]\n",
    "smooth streaming": '<SmoothStreamingMedia MajorVersion="2"></SmoothStreamingMedia>',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="http://{address}/x.png"/></svg>',
    "rtsp reference": "[Reference]\nRef1=http://{address}/x\n",
}


@pytest.fixture
def trap(tmp_path: Path, good: Path) -> Trap:
    clips.ffmpeg("-i", str(good), "-c", "copy", str(tmp_path / "neighbour.ts"))
    (tmp_path / "neighbour.mp4").write_bytes(good.read_bytes())
    return Trap(tmp_path)


@pytest.fixture(params=list(LURES.values()), ids=list(LURES))
def lure(request: pytest.FixtureRequest, trap: Trap) -> Path:
    text = request.param.replace("{folder}", str(trap.folder)).replace("{address}", trap.address)
    (path := trap.folder / "lure.mp4").write_text(text)
    return path


def test_a_lure_is_refused_and_nothing_else_touched(lure: Path, trap: Trap, inspect: Inspect, look: Inspect) -> None:
    with trap:
        assert inspect(lure)["error"] == "unsupported_media"
        assert look(lure, "check")["error"] == "unsupported_media"
        assert trap.opened() == {"lure.mp4"}
    assert trap.hits == 0


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "tiff", "webp", "avif"])
def test_a_picture_is_not_video(kind: str, tmp_path: Path, inspect: Inspect) -> None:
    made, path = tmp_path / f"a.{kind}", tmp_path / "a%03d.mp4"
    clips.ffmpeg(*clips.PATTERN, "-frames:v", "1", *(("-cpu-used", "8") if kind == "avif" else ()), str(made))
    made.rename(path)
    assert inspect(path)["error"] == "unsupported_media"


def test_a_playlist_inside_of_an_avi_is_not_followed(trap: Trap, inspect: Inspect) -> None:
    playlist = HLS.format(extra="", uri=f"http://{trap.address}/a.ts").encode()
    (path := trap.folder / "lure.mp4").write_bytes(clips.avi_with_playlist(playlist))
    with trap:
        answer = inspect(path)
        assert trap.opened() == {"lure.mp4"}
    assert answer.get("video") is None or answer["video"]["width"] == 32
    assert trap.hits == 0


def test_the_trap_sees_what_an_unguarded_reader_does(trap: Trap) -> None:
    (path := trap.folder / "lure.mp4").write_text(LURES["ffconcat"])
    with trap:
        with av.open(str(path)) as stock:
            assert stock.format.name == "concat"
        assert trap.opened() == {"lure.mp4", "neighbour.mp4"}
        with pytest.raises(av.error.FFmpegError):
            av.open(f"http://{trap.address}/x.mp4", timeout=5)
    assert trap.hits > 0
