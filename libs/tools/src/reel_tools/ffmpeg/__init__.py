"""The ffmpeg tool: typed operations on video and sound, compiled into one run of FFmpeg from the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from reel_common.ports.tool import API_VERSION, Compiled, Operation, Source
from reel_tools.ffmpeg.compiling import compiled
from reel_tools.ffmpeg.measuring import measured
from reel_tools.ffmpeg.operations import OPERATIONS
from reel_tools.ffmpeg.reading import readable

__all__ = ["FFmpeg", "readable"]


class FFmpeg:
    """The tool itself; see ``reel_common.ports.tool.Tool``."""

    api_version: ClassVar[int] = API_VERSION
    name: ClassVar[str] = "ffmpeg"
    summary: ClassVar[str] = "Edits a video or sound file: keeps a stretch of it, resizes it, fades it in and out."
    operations: ClassVar[tuple[type[Operation], ...]] = OPERATIONS

    def compile(self, operations: Sequence[Operation], sources: Sequence[Source]) -> Compiled:
        """See ``Tool.compile``."""
        return compiled(operations, sources)

    def measured(self, log: str) -> Mapping[str, Any]:
        """See ``Tool.measured``."""
        return measured(log)
