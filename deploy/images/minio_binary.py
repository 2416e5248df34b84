"""The MinIO server as a binary: named by REEL_MINIO_BINARY, kept from last time, or compiled with Go.

The project publishes no binaries any more. Compiling takes minutes, so it starts at once, beside everything else.
"""

# ruff: noqa: S603 - it runs the Go that it found

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

MODULE = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
# Go 1.21 and later fetch the toolchain that a module asks for; for an older one (Debian 12's) we do.
TOOLCHAIN = "golang.org/toolchain@v0.0.1-go1.24.8"
SELF_SUFFICIENT = (1, 21)


class MinioBinary:
    """`wait()` returns the file, or raises RuntimeError with the reason."""

    def __init__(self, cache: Path) -> None:
        named = os.environ.get("REEL_MINIO_BINARY")
        self.path = Path(named) if named else cache / MODULE.rpartition("-")[2] / "minio"
        self.error = f"REEL_MINIO_BINARY: there is no file {named}" if named and not self.path.is_file() else None
        self._compiler = threading.Thread(target=self._compile, daemon=True)
        if not named and not self.path.is_file():
            self._compiler.start()

    @property
    def is_ready(self) -> bool:
        return not self._compiler.is_alive()

    def wait(self) -> Path:
        if self._compiler.ident is not None:
            self._compiler.join()
        if self.error:
            raise RuntimeError(self.error)
        return self.path

    def _compile(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            install = [go(), "install", "-trimpath", "-ldflags=-s -w", MODULE]
            say(install, GOBIN=str(self.path.parent), CGO_ENABLED="0")
        except (RuntimeError, OSError) as error:
            self.error = f"MinIO could not be compiled; a binary may be named in REEL_MINIO_BINARY.\n{error}"


def go() -> str:
    """A Go that can compile MinIO."""
    found = shutil.which("go")
    if found is None:
        raise RuntimeError("there is no Go on PATH")
    version = re.search(r"go(\d+)\.(\d+)", say([found, "version"]))
    if version and (int(version[1]), int(version[2])) >= SELF_SUFFICIENT:
        return found
    platform = "-".join(say([found, "env", "GOOS", "GOARCH"]).split())
    folder = Path(json.loads(say([found, "mod", "download", "-json", f"{TOOLCHAIN}.{platform}"]))["Dir"])
    for program in (*folder.glob("bin/*"), *folder.glob("pkg/tool/*/*")):
        program.chmod(0o755)  # a module's files are never executable
    return str(folder / "bin" / "go")


def say(command: list[str], **variables: str) -> str:
    """What a command prints; RuntimeError with its complaint when it fails."""
    # Outside of any module, or that module's go.mod would have a say.
    done = subprocess.run(
        command,
        cwd=tempfile.gettempdir(),
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout
