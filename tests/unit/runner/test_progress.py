"""FFmpeg's progress, in whatever pieces it comes and whoever pretends to it."""

import pytest

from reel_common.errors import Code, LimitExceededError
from reel_executor.runner.progress import LONGEST_LINE, FFmpegProgress
from reel_executor.runner.transcript import TAIL_BYTES, Transcript

BLOCK = (
    b"frame=120\nfps=59.6\nstream_0_0_q=29.0\nbitrate= 412.7kbits/s\ntotal_size=206336\nout_time_us=4000000\n"
    b"out_time_ms=4000000\nout_time=00:00:04.000000\ndup_frames=0\ndrop_frames=0\nspeed=1.99x\nprogress=continue\n"
)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_pieces_of_any_size(size: int) -> None:
    progress = FFmpegProgress()
    text = b"before\n" + BLOCK + b"between\n" + BLOCK.replace(b"4000000", b"5500000") + b"after"
    rest = b"".join(progress.feed(text[n : n + size]) for n in range(0, len(text), size)) + progress.end()
    assert rest == b"before\nbetween\nafter"
    assert (progress.seconds, progress.speed) == (5.5, "1.99x")


def test_time_never_goes_back_and_nonsense_is_no_time() -> None:
    progress = FFmpegProgress()
    progress.feed(b"out_time_us=3000000\nout_time_us=1000000\nout_time_us=N/A\nout_time_us=-5\nspeed=N/A\n")
    assert (progress.seconds, progress.speed) == (3.0, "")
    progress.feed(b"out_time_us=" + b"9" * 200 + b"\n")
    assert progress.seconds < 1e10


def test_what_only_looks_like_progress_is_text() -> None:
    progress = FFmpegProgress()
    lines = b"frames=1\n frame=1\nprogress\nframe=" + b"1" * LONGEST_LINE + b"\n\n"
    assert progress.feed(lines) == lines


def test_a_line_without_an_end_is_not_kept() -> None:
    progress = FFmpegProgress()
    assert sum(len(progress.feed(b"x" * 1000)) for _ in range(100)) + len(progress.end()) == 100_000


def test_windows_line_ends() -> None:
    progress = FFmpegProgress()
    assert progress.feed(b"out_time_us=2000000\r\n") == b""
    assert progress.seconds == 2.0


def test_a_little_progress_is_not_counted_and_a_flood_of_it_is() -> None:
    transcript = Transcript(1000, FFmpegProgress())
    for _ in range(50):
        transcript.take(1, BLOCK)
    with pytest.raises(LimitExceededError) as raised:
        transcript.take(1, BLOCK * 10_000)
    assert raised.value.code is Code.LIMIT_OUTPUT


def test_both_streams_count_together_and_the_ends_are_kept() -> None:
    transcript = Transcript(1 << 20, None)
    for n in range(200):
        transcript.take(1, b"%03d" % n * 500)
        transcript.take(2, b"!" * 500)
    stdout, stderr = transcript.end()
    assert len(stdout) == TAIL_BYTES
    assert stdout.endswith(b"199" * 500)
    assert stderr == b"!" * TAIL_BYTES
    with pytest.raises(LimitExceededError, match="1048576 bytes of log"):
        transcript.take(1, bytes(1 << 20))


def test_the_tail_is_harmless_to_print() -> None:
    transcript = Transcript(1000, None)
    transcript.take(2, b"\x1b[31mred\x07\xff\nnext line\x00")
    assert transcript.log_tail() == "[31mred \ufffd\nnext line"
