"""The engines as they lie on this machine, for the adapters that use no image: FFmpeg from its wheel, our interpreter."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import imageio_ffmpeg

from reel_common.errors import SandboxUnavailableError

FONTS = ("/usr/share/fonts", "/etc/fonts")


@dataclass(frozen=True, slots=True)
class HostEngines:
    """``ffmpeg`` is the same static build as in the sandbox image. ``python`` runs with the paths of this process."""

    ffmpeg: Path
    python: Path

    @property
    def python_paths(self) -> tuple[Path, ...]:
        """All that the interpreter and its packages need to be read from, beside the system's own libraries."""
        paths = (sys.base_prefix, sys.prefix, sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
        return tuple(dict.fromkeys(Path(p) for p in paths))

    def digest(self) -> str:
        """Names FFmpeg, PyAV and the fonts; reads the whole of FFmpeg, so not on the event loop."""
        return _digest(self.ffmpeg)


def host_engines() -> HostEngines:
    """Those of this machine. Raises: SandboxUnavailableError when there is no FFmpeg for it."""
    try:
        ffmpeg = Path(imageio_ffmpeg.get_ffmpeg_exe()).resolve()
    except RuntimeError as error:
        raise SandboxUnavailableError("there is no FFmpeg for this machine") from error
    return HostEngines(ffmpeg, Path(sys.executable))


@cache
def _digest(ffmpeg: Path) -> str:
    names = hashlib.sha256()
    with ffmpeg.open("rb") as file:
        names.update(hashlib.file_digest(file, "sha256").digest())
    names.update(version("av").encode())
    for folder in FONTS:
        for font in sorted(Path(folder).rglob("*")):
            if font.is_file():
                names.update(f"{font}\0{font.stat().st_size}\0".encode())
    return f"sha256:{names.hexdigest()}"
