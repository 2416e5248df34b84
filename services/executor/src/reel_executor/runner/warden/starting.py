"""From fork to exec: the child gives up everything but what its orders leave it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress

from reel_executor.runner.warden import groups, landlock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reel_executor.runner.warden.orders import Orders

_PARENT_DEATH_SIGNAL, _SUBREAPER = 1, 36


def become_reaper() -> None:
    """Orphans of the program become ours, so that none of them is missed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def start(orders: Orders) -> tuple[int, int, int]:
    """The child, a descriptor on which it says why it could not be started, and that of its confirmation."""
    trouble, said = os.pipe()
    confirmed, confirm = os.pipe()
    argv = [*_wrapper(orders, confirm), *orders["command"]]
    warden = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            _seal(orders, warden)
            os.chdir(orders["folder"])
            os.execve(argv[0], argv, orders["environment"])  # noqa: S606  # there is no shell here on purpose
        except BaseException as error:  # noqa: BLE001  # nothing may return into the warden's own code
            with suppress(OSError):
                os.write(said, f"{type(error).__name__}: {error}".encode()[:500])
        finally:
            os._exit(126)
    os.close(said)
    os.close(confirm)
    return child, trouble, confirmed


def _wrapper(orders: Orders, confirm: int) -> list[str]:
    numbers: dict[str, int] = {}
    if orders["confirmation"]:
        numbers["{status}"] = confirm
    if orders["seccomp"]:
        numbers["{seccomp}"], filling = os.pipe()
        os.write(filling, orders["seccomp"])
        os.close(filling)
    for fd in numbers.values():
        os.set_inheritable(fd, True)
    return [str(numbers.get(a, a)) for a in orders["wrapper"]]


def _seal(orders: Orders, warden: int) -> None:
    os.setsid()
    groups.join(orders["groups"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # as an interpreter sets them; exec would pass that on
        signal.signal(ignored, signal.SIG_DFL)
    if orders["cpus"] and sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: orders["cpus"]])
    for name, value in orders["limits"].items():
        _limit(getattr(resource, f"RLIMIT_{name}"), value)
    if orders["user"] >= 0:
        os.setgroups([])
        os.setgid(orders["user"])
        os.setuid(orders["user"])
    if sys.platform == "linux":
        # After the change of user, which the kernel takes as a reason to forget it.
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != warden:
        os._exit(126)
    if orders["read"] or orders["write"]:
        landlock.restrict(orders["read"], orders["write"])


def _limit(kind: int, value: int) -> None:
    """Never above what we have ourselves, which would be refused."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))
