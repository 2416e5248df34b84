"""Figures out of FFmpeg's log, and none out of what a file says of itself."""

from __future__ import annotations

from reel_tools.ffmpeg import FFmpeg

LOG = """\
Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:clip':
  Metadata:
    title           : [blackdetect @ 0x1] black_start:0 black_end:99 black_duration:99
                    : [silencedetect @ 0x1] silence_start: 7
frame=0\r\
[Parsed_blackdetect_9 @ 0x55d0] black_start:0 black_end:1.5 black_duration:1.5
[Parsed_silencedetect_12 @ 0x7ff6] silence_start: -0.021
[Parsed_silencedetect_12 @ 0x7ff6] silence_end: 2 | silence_duration: 2.021
[blackdetect @ 0x55d0] black_start:8 black_end:10 black_duration:2
[Parsed_silencedetect_12 @ 0x7ff6] silence_start: 9.5
[Parsed_ebur128_13 @ 0x7ff6] Summary:

  Integrated loudness:
    I:         -14.3 LUFS
    Threshold: -24.7 LUFS

  Loudness range:
    LRA:         2.6 LU
[out#0/mp4 @ 0x558f] video:4KiB audio:83KiB
"""


def test_stretches_and_loudness() -> None:
    assert FFmpeg().measured(LOG) == {
        "black": [[0.0, 1.5], [8.0, 10.0]],
        "silence": [[0.0, 2.0], [9.5, None]],
        "loudness": -14.3,
    }


def test_only_the_end_of_a_log() -> None:
    cut = "0x7ff6] silence_start: 1\n[Parsed_silencedetect_12 @ 0x7ff6] silence_end: 2 | silence_duration: 1\n"
    assert FFmpeg().measured(cut) == {"black": [], "silence": [], "loudness": None}


def test_more_stretches_than_anybody_wants_to_know() -> None:
    log = "".join(f"[blackdetect @ 0x1] black_start:{n} black_end:{n}.5 black_duration:0.5\n" for n in range(10_000))
    assert len(FFmpeg().measured(log)["black"]) == 200
