"""Where a result goes: decided before any work is done, written beside its place, then put there whole."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reel_cli.api import Api, Json, OnBytes
from reel_cli.exits import CommandFailedError, Exit, usage

STDOUT = Path("-")
_SUFFIXES = {"video/mp4": ".mp4", "audio/mp4": ".m4a", "image/jpeg": ".jpg", "image/png": ".png"}
_ALIKE = {".mp4": {".mp4", ".m4v"}, ".m4a": {".m4a", ".mp4", ".m4b"}, ".jpg": {".jpg", ".jpeg"}}


@dataclass(frozen=True, slots=True)
class Place:
    """``wanted``: a file, a folder, ``-``, or None for a name of our choice in the current folder."""

    wanted: Path | None
    force: bool = False

    def check(self) -> None:
        """Raises: CommandFailedError(USAGE) when nothing could be put there."""
        if self.wanted is None or self.wanted == STDOUT:
            if self.wanted == STDOUT and sys.stdout.isatty():
                raise usage("A video on a terminal helps nobody.", "Send it on: reel edit … -o - | …")
            return
        if self.wanted.is_dir():
            return
        if not self.wanted.absolute().parent.is_dir():
            raise usage(f"There is no folder {self.wanted.parent} to put the result into.")
        if self.wanted.exists() and not self.force:
            raise usage(f"{self.wanted} exists.", "--force replaces it.")

    @property
    def is_stdout(self) -> bool:
        """Whether the result itself goes to stdout, and nothing else may."""
        return self.wanted == STDOUT

    def target(self, name: str, suffix: str) -> Path:
        """The path for a result that we would call ``name``; one of our choice never hits a file that is there."""
        folder = self.wanted if self.wanted is not None and self.wanted.is_dir() else Path()
        if self.wanted is not None and folder != self.wanted:
            return self.wanted
        for n in range(1, 10_000):
            path = folder / f"{name}{'' if n == 1 else f'-{n}'}{suffix}"
            if not path.exists():
                return path
        raise CommandFailedError(Exit.FAILED, f"There are too many files called {name} in {folder.absolute()}.")


def final_of(job: Json) -> Json | None:
    """The job's result itself, among its outputs."""
    return next((output for output in job.get("outputs") or [] if output.get("role") == "final"), None)


def suffix_of(output: Json) -> str:
    """By what it is."""
    return _SUFFIXES.get(str(output.get("media_type")), ".bin")


def mislabelled(path: Path, suffix: str) -> bool:
    """Whether the name promises another kind of file."""
    return bool(path.suffix) and path.suffix.lower() not in _ALIKE.get(suffix, {suffix})


def plain_name(text: str) -> str:
    """A file's name from words."""
    kept = re.sub(r"[^\w. -]+", "", text).strip(". ")[:80]
    return kept or "result"


async def deliver(api: Api, output: Json, place: Place, name: str, on_bytes: OnBytes) -> Path | None:
    """Downloads an output and puts it where it belongs. None: it went to stdout. Nothing is left of a failed try."""
    if place.is_stdout:
        await _copy(api, output, sys.stdout.buffer, on_bytes)
        sys.stdout.buffer.flush()
        return None
    path = place.target(name, suffix_of(output))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            await _copy(api, output, file, on_bytes)
        _put(part, path, force=place.force)
    except OSError as error:
        raise CommandFailedError(Exit.FAILED, f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    return path


async def _copy(api: Api, output: Json, target: Any, on_bytes: OnBytes) -> None:
    got = 0
    async with api.bytes_of(str(output["url"])) as chunks:
        async for chunk in chunks:
            target.write(chunk)
            got += len(chunk)
            on_bytes(len(chunk))
    if got != output["bytes"]:
        raise CommandFailedError(
            Exit.UNREACHABLE, f"The download ended early: {got} of {output['bytes']} bytes.", hint="Try again."
        )


def _put(part: Path, path: Path, *, force: bool) -> None:
    """In one step, so that there is a whole file or none."""
    if force:
        part.replace(path)
        return
    try:
        os.link(part, path)  # unlike a rename, this fails where a file has appeared meanwhile
    except FileExistsError:
        raise usage(f"{path} exists; it was not there when this began.", "--force replaces it.") from None
    except OSError:  # a file system without links
        if path.exists():
            raise usage(f"{path} exists; it was not there when this began.", "--force replaces it.") from None
        shutil.move(part, path)
