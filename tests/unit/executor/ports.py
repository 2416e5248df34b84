"""Small honest ports for handlers: objects in a dictionary, a library over them, programs as plain processes."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sys
import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from reel_common.domain import keys
from reel_common.domain.ids import new_id
from reel_common.domain.outcome import Done
from reel_common.domain.program import Engine, Program
from reel_common.domain.step import Claimed
from reel_common.errors import Code, PermanentError
from reel_common.ports.library import Asset
from reel_common.ports.sandbox import Collected, Completed, OnProgress, Usage
from reel_common.ports.store import ObjectMissingError, Stored

OWNER = "ann"


class MemoryStore:
    """An object store that forgets everything with the process."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}

    async def put(self, key: str, data: bytes, media_type: str) -> None:
        self.objects[key] = (data, media_type)

    async def put_file(self, key: str, path: Path, media_type: str) -> None:
        self.objects[key] = (path.read_bytes(), media_type)

    async def get(self, key: str) -> bytes:
        if key not in self.objects:
            raise ObjectMissingError(key)
        return self.objects[key][0]

    async def get_file(self, key: str, path: Path) -> None:
        path.write_bytes(await self.get(key))

    async def stream(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        data = await self.get(key)
        end = len(data) if length is None else start + length
        for at in range(start, end, 1 << 16):
            yield data[at : min(end, at + (1 << 16))]
            await asyncio.sleep(0)

    async def stat(self, key: str) -> Stored | None:
        found = self.objects.get(key)
        return Stored(key, len(found[0]), found[1]) if found else None

    async def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    async def list(self, prefix: str) -> AsyncIterator[Stored]:
        for key in sorted(k for k in self.objects if k.startswith(prefix)):
            yield Stored(key, len(self.objects[key][0]), self.objects[key][1])

    async def presign(self, key: str, expires: timedelta, filename: str) -> str | None:
        return None

    async def close(self) -> None:
        self.objects.clear()


class MemoryLibrary:
    """Assets and reusable results; ``complete`` does with an outcome what the ledger would."""

    def __init__(self, store: MemoryStore) -> None:
        self.store, self.assets = store, dict[str, Asset]()
        self.results: dict[tuple[str, str], Mapping[str, Any]] = {}

    async def asset(self, owner: str, asset: str) -> Asset | None:
        found = self.assets.get(asset)
        return found if found and found.owner == owner else None

    async def reusable(self, owner: str, content_key: str) -> Mapping[str, Any] | None:
        return self.results.get((owner, content_key))

    async def keep(self, owner: str, path: Path, sha256: str, media_type: str) -> None:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        await self.store.put_file(keys.artifact(owner, sha256), path, media_type)

    def complete(self, step: Claimed, done: Done) -> None:
        if done.content_key:
            self.results.setdefault((step.owner, done.content_key), done.result)


class ProcessSandbox:
    """Runs programs of our own as child processes, each in a folder of its own. It contains nothing."""

    def __init__(self, folder: Path) -> None:
        self.inputs, self.runs, self.ran = folder / "in", folder / "runs", list[Program]()
        self.inputs.mkdir(parents=True)
        self.runs.mkdir()
        self.digest = "sandbox-1"

    async def put(self, path: Path, sha256: str) -> None:
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise PermanentError(Code.INPUT_MISMATCH, "other bytes")
        shutil.copyfile(path, self.inputs / sha256)

    async def has(self, sha256: str) -> bool:
        return (self.inputs / sha256).exists()

    async def run(self, program: Program, on_progress: OnProgress | None = None) -> Completed:
        self.ran.append(program)
        folder = self.runs / new_id()
        (folder / "out").mkdir(parents=True)
        (folder / "files").mkdir()
        command = [self._engine(program.engine), *self._arguments(program, folder)]
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
        )
        try:
            _, stdout, stderr = await asyncio.gather(
                process.wait(), self._listen(process.stdout, on_progress), self._listen(process.stderr, None)
            )
        except BaseException:
            process.kill()
            await process.wait()
            shutil.rmtree(folder)
            raise
        outputs = tuple(self._collect(path) for path in sorted((folder / "out").iterdir()))
        usage = Usage(time.monotonic() - began)
        return Completed(process.returncode or 0, stdout[-65536:], stderr[-65536:], outputs, (), usage, "process")

    def _engine(self, engine: Engine) -> str:
        return sys.executable if engine is Engine.INSPECT else imageio_ffmpeg.get_ffmpeg_exe()

    def _arguments(self, program: Program, folder: Path) -> list[str]:
        places = {f"{{in:{name}}}": str(self.inputs / sha256) for name, sha256 in program.inputs.items()}
        for name, text in program.files.items():
            (folder / "files" / name).write_text(text)
            places[f"{{in:{name}}}"] = str(folder / "files" / name)
        places |= {f"{{out:{o.name}}}": str(folder / "out" / o.name) for o in program.outputs}
        arguments = list(program.arguments)
        for place, path in places.items():
            arguments = [a.replace(place, path) for a in arguments]
        return arguments

    async def _listen(self, stream: asyncio.StreamReader | None, on_progress: OnProgress | None) -> bytes:
        assert stream is not None
        heard = b""
        async for line in stream:
            heard += line
            key, _, value = line.decode(errors="replace").strip().partition("=")
            if on_progress and key == "out_time_us" and value.isdigit():
                await on_progress(int(value) / 1e6, "")
        return heard

    def _collect(self, path: Path) -> Collected:
        data = path.read_bytes()
        return Collected(path.name, path, hashlib.sha256(data).hexdigest(), len(data))

    def leftovers(self) -> list[Path]:
        """What programs wrote and nobody removed."""
        return [path for path in self.runs.rglob("out/*") if path.is_file()]

    async def describe(self) -> dict[str, str]:
        return {"adapter": "process", "isolation": "none", "digest": self.digest}

    async def close(self) -> None:
        shutil.rmtree(self.inputs.parent)


class Told:
    """Keeps what was reported."""

    def __init__(self) -> None:
        self.notes: list[tuple[float | None, str, str]] = []

    async def __call__(self, fraction: float | None, stage: str, message: str = "") -> None:
        self.notes.append((fraction, stage, message))


def claimed(kind: str, given: Mapping[str, Any], *, take: int = 0, owner: str = OWNER) -> Claimed:
    """A step as a worker holds it."""
    return Claimed(new_id(), new_id(), owner, kind, 0, 0, kind, take, 1, 0, 1, given)
