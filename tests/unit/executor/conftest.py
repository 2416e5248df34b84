"""An executor over embedded ports, a clip in its store, and ways to write programs into it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reel_common.domain import keys
from reel_common.domain.ids import new_id
from reel_common.domain.media import MediaFacts
from reel_common.domain.program import Engine, Output, Program
from reel_common.domain.step import Claimed
from reel_common.ports.library import Asset, AssetState
from reel_common.testing.clips import make_clip, make_sound
from reel_executor.service import Executor
from reel_tools.ffmpeg import FFmpeg
from tests.unit.executor.ports import OWNER, MemoryLibrary, MemoryStore, ProcessSandbox, Told, claimed


@dataclass
class Bench:
    """An executor and all that it stands on."""

    folder: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        self.library = MemoryLibrary(self.store)
        self.sandbox = ProcessSandbox(self.folder / "spool")
        self.scratch = self.folder / "scratch"
        self.executor = Executor(self.store, self.library, self.sandbox, self.scratch, {"ffmpeg": FFmpeg()})
        self.handlers = self.executor.handlers()

    def stored(self, data: bytes, owner: str = OWNER) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        self.store.objects[keys.artifact(owner, sha256)] = (data, "video/mp4")
        return sha256

    def uploaded(self, data: bytes, facts: MediaFacts | None = None) -> Asset:
        sha256 = self.stored(data)
        state = AssetState.READY if facts else AssetState.INGESTING
        asset = Asset(new_id(), OWNER, "original", state, "a.mp4", "video/mp4", sha256, len(data), facts)
        self.library.assets[asset.id] = asset
        return asset

    def step(self, program: Program, *, take: int = 0) -> Claimed:
        text = json.dumps(program.as_json()).encode()
        key = keys.of_job(OWNER, new_id(), "program.json")
        self.store.objects[key] = (text, "application/json")
        given = {
            "program_key": key, "program_sha256": hashlib.sha256(text).hexdigest(), "promise": {}, "tool": "ffmpeg",
        }  # fmt: skip
        return claimed("run", given, take=take)

    def clean(self) -> bool:
        """Whether nothing was left behind."""
        scratch = list(self.scratch.iterdir()) if self.scratch.exists() else []
        return not scratch and not self.sandbox.leftovers()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=2).read_bytes()


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_sound(tmp_path_factory.mktemp("clips") / "sound.m4a", seconds=1).read_bytes()


Copying = Callable[..., Program]


@pytest.fixture
def copying() -> Copying:
    """A program that copies a clip, or does something else with it before its output is named."""

    def make(sha256: str, *does: str, outputs: tuple[Output, ...] | None = None) -> Program:
        return Program(
            Engine.FFMPEG,
            ("-nostdin", "-y", "-progress", "pipe:1", "-i", "{in:clip}", *(does or ("-c", "copy")), "{out:final.mp4}"),
            inputs={"clip": sha256},
            outputs=outputs or (Output("final.mp4", "final", "video/mp4"),),
            duration=2.0,
        )

    return make
