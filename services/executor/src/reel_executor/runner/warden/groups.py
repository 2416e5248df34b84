"""The control groups of one program, version 1 or 2, from its start to its end."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from reel_executor.runner.warden.orders import Group


def make(groups: list[Group]) -> None:
    """Makes them and sets their values."""
    for group in groups:
        folder = Path(group.folder)
        folder.mkdir()
        for name, value in group.values.items():
            (folder / name).write_text(value)
        for name, value in group.optional.items():
            with suppress(OSError):
                (folder / name).write_text(value)


def join(groups: list[Group]) -> None:
    """Moves the calling process into them."""
    for group in groups:
        (Path(group.folder) / "cgroup.procs").write_text(str(os.getpid()))


def kill(groups: list[Group]) -> None:
    """Kills every process in them."""
    for group in groups:
        folder = Path(group.folder)
        try:
            (folder / "cgroup.kill").write_text("1")
        except OSError:  # version 1, or a kernel before 5.14
            with suppress(OSError):
                for pid in (folder / "cgroup.procs").read_text().split():
                    with suppress(OSError):
                        os.kill(int(pid), signal.SIGKILL)


def ran_out_of_memory(groups: list[Group]) -> bool:
    """Whether the kernel killed anything in them for want of memory."""
    for group in groups:
        for name in ("memory.events", "memory.oom_control"):
            with suppress(OSError):
                words = (Path(group.folder) / name).read_text().split()
                if int(dict(zip(words[::2], words[1::2], strict=False)).get("oom_kill", 0)):
                    return True
    return False


def remove(groups: list[Group]) -> None:
    """Removes them; the kernel lets go of the last process a moment after it is dead."""
    for group in groups:
        for _ in range(100):
            try:
                Path(group.folder).rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:
                kill([group])
                time.sleep(0.01)
