"""Makes a fresh clone ready: the tools, `.venv` with every package of the workspace, and what the system lacks.

Needs python3 (3.11 or newer) and nothing else; brings uv itself where there is none. Does nothing, quickly, when all
is as uv.lock says. `python3 scripts/setup.py --group bench` adds a dependency group, and keeps those added before.
"""

# ruff: noqa: S603, S607, T201, UP036 - it runs programs by name, talks to a person, and may meet an older Python

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parent.parent
VENV, TOOLS = ROOT / ".venv", ROOT / ".tools"
STAMP = VENV / "reel-setup.json"
UV_VERSION = "0.13.9"
UV_OLDEST = (0, 12)


def main() -> int:
    if sys.version_info < (3, 11):
        return complain(f"Reelwright needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", action="append", default=[], help="a dependency group beside the default ones")
    wanted = set(parser.parse_args().group)
    state, done = fingerprint(), last_state()
    if done and done["fingerprint"] == state and wanted <= set(done["groups"]):
        return 0
    groups = sorted(wanted.union(done["groups"] if done else ()))
    if not system_packages():
        return 1
    options = [option for group in groups for option in ("--group", group)]
    # The interpreter that runs this, so that nothing is downloaded in its stead.
    python = ["--python", os.path.realpath(sys.executable), "--no-python-downloads"]
    subprocess.run(
        [uv(), "sync", "--all-packages", "--frozen", *python, *options], cwd=ROOT, env=environment(), check=True
    )
    STAMP.write_text(json.dumps(State(fingerprint=state, groups=groups)))
    return 0


def fingerprint() -> str:
    """Changes with the lock, any pyproject.toml, this script and the interpreter."""
    projects = [ROOT / "pyproject.toml", *ROOT.glob("*/pyproject.toml"), *ROOT.glob("*/*/pyproject.toml")]
    digest = hashlib.sha256(sys.version.encode())
    for path in [Path(__file__).resolve(), ROOT / "uv.lock", *sorted(projects)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


class State(TypedDict):
    """What the last run made; kept within .venv, so that it goes with it."""

    fingerprint: str
    groups: list[str]


def last_state() -> State | None:
    try:
        state: State = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return None
    return state


# --- the system ---------------------------------------------------------------------------------------------------


def system_packages() -> bool:
    """Installs what is missing where that is ours to do (Debian, as root), else names it. False: cannot go on."""
    missing = []
    if importlib.util.find_spec("ensurepip") is None and not usable_uv():
        missing.append("python3-venv")
    if sys.platform == "linux" and shutil.which("bwrap") is None:
        missing.append("bubblewrap")
    if missing and os.geteuid() == 0 and Path("/etc/debian_version").exists():
        install(missing)
        missing = [name for name in missing if name == "python3-venv" and not ensurepip_runs()]
    if missing:
        print(f"setup: please install {' '.join(missing)} (Debian, Ubuntu: apt-get install {' '.join(missing)})")
    if "bubblewrap" in missing:
        print("setup: bubblewrap may wait: without it, and without Docker, only our own FFmpeg programs run, confined.")
    return "python3-venv" not in missing


def install(names: list[str]) -> None:
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *names]):
        done = subprocess.run(["apt-get", "-q", *command], env=quiet, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            print(f"setup: apt-get {command[0]} ended with {done.returncode}")


def ensurepip_runs() -> bool:
    return subprocess.run([sys.executable, "-c", "import ensurepip"], check=False, capture_output=True).returncode == 0


# --- uv -----------------------------------------------------------------------------------------------------------


def uv() -> str:
    return usable_uv() or own_uv()


def usable_uv() -> str | None:
    """The uv on PATH, if it is new enough to read the lock."""
    found = shutil.which("uv")
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"(\d+)\.(\d+)", said)
    return found if version and (int(version[1]), int(version[2])) >= UV_OLDEST else None


def own_uv() -> str:
    own = TOOLS / "bin" / "uv"
    marker = TOOLS / f"uv-{UV_VERSION}"
    if not own.exists() or not marker.exists():
        print(f"setup: uv {UV_VERSION} into {TOOLS.name}/", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(TOOLS)], check=True)
        pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"uv=={UV_VERSION}"], check=True)
        marker.touch()
    return str(own)


def environment() -> dict[str, str]:
    """uv does not read pip's own setting for a certificate bundle; a machine that needs one has it there."""
    bundle = os.environ.get("PIP_CERT")
    return {**os.environ, **({"SSL_CERT_FILE": bundle} if bundle and "SSL_CERT_FILE" not in os.environ else {})}


def complain(text: str) -> int:
    print(f"setup: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
