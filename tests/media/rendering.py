"""Compiles operations and runs FFmpeg by hand, without a sandbox: these tests are about what comes out."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from reel_common.domain.media import MediaFacts, facts_from_json
from reel_common.domain.program import Program
from reel_common.ports.tool import Operation, Promise, Source
from reel_common.testing.clips import Sight, read_frame_number, read_frames
from reel_tools.ffmpeg import FFmpeg
from reel_tools.inspector import script

SHA = "0" * 64


@dataclass(frozen=True)
class Rendered:
    """What one run made."""

    program: Program
    promise: Promise
    folder: Path
    log: str

    @property
    def final(self) -> Path:
        return self.folder / self.program.outputs[0].name

    @property
    def proxy(self) -> Path:
        return self.folder / "proxy.mp4"

    @property
    def poster(self) -> Path:
        return self.folder / "poster.jpg"

    def checked(self) -> dict[str, Any]:
        """The inspector's figures of the final."""
        return script.check(self.final)


def facts_of(path: Path) -> MediaFacts:
    return facts_from_json(script.facts(path))


def run(program: Program, clip: Path, folder: Path) -> str:
    """Runs a program into an empty folder and returns its stderr."""
    folder.mkdir(parents=True)
    arguments = [_filled(argument, program, clip, folder) for argument in program.arguments]
    done = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "progress=end" in done.stdout
    assert sorted(p.name for p in folder.iterdir()) == sorted(o.name for o in program.outputs)
    return done.stderr


def render(clip: Path, folder: Path, *operations: Operation, facts: MediaFacts | None = None) -> Rendered:
    compiled = FFmpeg().compile(operations, [Source(SHA, facts or facts_of(clip))])
    log = run(compiled.program, clip, folder)
    return Rendered(compiled.program, compiled.promise, folder, log)


def numbers(path: Path) -> list[int]:
    return [read_frame_number(sight.luma) for sight in read_frames(path)]


def sights(path: Path) -> list[Sight]:
    return list(read_frames(path))


def kept(rate: Fraction | int, start: float, end: float, total: int) -> list[int]:
    """The frames of a fixed rate that begin at or after ``start`` and before ``end``."""
    rate, first, last = Fraction(rate), Fraction(str(start)), Fraction(str(end))
    return [n for n in range(total) if first <= n / rate < last]


def _filled(argument: str, program: Program, clip: Path, folder: Path) -> str:
    for name in program.inputs:
        argument = argument.replace(f"{{in:{name}}}", str(clip))
    for output in program.outputs:
        argument = argument.replace(f"{{out:{output.name}}}", str(folder / output.name))
    return argument
