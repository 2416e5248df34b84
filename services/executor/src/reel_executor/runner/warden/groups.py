"""The control groups of one program, version 1 or 2, from its start to its end."""
# pathlib takes longer to import than the warden has
# ruff: noqa: PTH102, PTH106, PTH123

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reel_executor.runner.warden.orders import Group


def make(groups: list[Group]) -> None:
    """Makes them and sets their values."""
    for group in groups:
        os.mkdir(group["folder"])
        for name, value in group["values"].items():
            _write(group, name, value)
        for name, value in group["optional"].items():
            with suppress(OSError):
                _write(group, name, value)


def join(groups: list[Group]) -> None:
    """Moves the calling process into them."""
    for group in groups:
        _write(group, "cgroup.procs", str(os.getpid()))


def kill(groups: list[Group]) -> None:
    """Kills every process in them."""
    for group in groups:
        try:
            _write(group, "cgroup.kill", "1")
        except OSError:  # version 1, or a kernel before 5.14
            for pid in _words(group, "cgroup.procs"):
                with suppress(OSError):
                    os.kill(int(pid), signal.SIGKILL)


def ran_out_of_memory(groups: list[Group]) -> bool:
    """Whether the kernel killed anything in them for want of memory."""
    for group in groups:
        for name in ("memory.events", "memory.oom_control"):
            words = _words(group, name)
            if int(dict(zip(words[::2], words[1::2], strict=False)).get("oom_kill", 0)):
                return True
    return False


def remove(groups: list[Group]) -> None:
    """Removes them; the kernel lets go of the last process a moment after it is dead."""
    for group in groups:
        for _ in range(100):
            try:
                os.rmdir(group["folder"])
                break
            except FileNotFoundError:
                break
            except OSError:
                kill([group])
                time.sleep(0.01)


def _write(group: Group, name: str, value: str) -> None:
    # Never created: in a group that lacks the file, that would be another error.
    fd = os.open(f"{group['folder']}/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def _words(group: Group, name: str) -> list[str]:
    try:
        with open(f"{group['folder']}/{name}", encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []
