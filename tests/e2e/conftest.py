"""Clips, and a place to run commands in."""

from __future__ import annotations

from pathlib import Path

import pytest

from reel_common.testing.clips import make_clip
from tests.e2e.command import Reel


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten small seconds."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=10, size=(320, 180))


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made larger, it takes long enough to be caught in the middle."""
    return make_clip(tmp_path_factory.mktemp("clips") / "long.mp4", seconds=90, size=(320, 180))


@pytest.fixture
def reel(tmp_path: Path) -> Reel:
    """Commands with an empty data folder."""
    return Reel(tmp_path)
