"""Clips made once, and the inspector called as the sandbox calls it: a Python of its own, by path."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reel_tools.inspector import script
from tests.unit.inspector import clips

SCRIPT = Path(script.__file__)

Inspect = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ordinary MP4: 320x240, 30 frames a second, 2 s, with sound, its index at the end."""
    return clips.clip(tmp_path_factory.mktemp("clips") / "good.mp4")


@pytest.fixture(scope="session")
def fast(good: Path) -> Path:
    """The same with its index first."""
    path = good.with_name("fast.mp4")
    clips.ffmpeg("-i", str(good), "-c", "copy", "-movflags", "+faststart", str(path))
    return path


@pytest.fixture(scope="session")
def inspect() -> Inspect:
    """Runs the script in isolated mode, so that nothing of ours can be imported by it."""

    def run(path: Path, mode: str = "facts") -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-I", str(SCRIPT), mode, str(path)], capture_output=True, timeout=30, check=False
        )
        assert done.returncode == 0
        assert done.stderr == b""
        [answer] = json.loads(done.stdout)
        assert isinstance(answer, dict)
        return answer

    return run


@pytest.fixture(scope="session")
def look() -> Inspect:
    """The same in this process: quicker, for files that mean no harm."""

    def run(path: Path, mode: str = "facts") -> dict[str, Any]:
        answer = json.loads(json.dumps(script.answer(mode, path), allow_nan=False))
        assert isinstance(answer, dict)
        return answer

    return run
