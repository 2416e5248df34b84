"""The warden's life: start the program, wait for its end or for the runner's word, leave nothing of it, report."""

from __future__ import annotations

import marshal
import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress

from reel_executor.runner.warden import groups
from reel_executor.runner.warden.descendants import descendants, memory_bytes
from reel_executor.runner.warden.starting import become_reaper, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reel_executor.runner.warden.orders import Orders, Report

_CONTROL = 0
_LOOK_SECONDS = 0.1
_SHARE = 20
"""Looking at the memory of a machine with many processes takes its time: never more than a twentieth of ours."""
_BURIAL_SECONDS = 5.0


def main(status: int) -> None:
    """Reads the orders from stdin, whose end means: kill. Writes the report to the descriptor ``status``."""
    os.set_inheritable(status, False)
    become_reaper()
    orders = _orders()
    report: Report = {
        "exit": 0, "error": "", "killed": False, "out_of_memory": False, "cpu": 0.0, "memory_bytes": 0,
    }  # fmt: skip
    try:
        groups.make(orders["groups"])
        _perform(orders, report)
        report["out_of_memory"] |= groups.ran_out_of_memory(orders["groups"])
    except OSError as error:
        report["error"] = f"{type(error).__name__}: {error}"
    finally:
        _bury(orders)
        groups.remove(orders["groups"])
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    report["cpu"] = usage.ru_utime + usage.ru_stime
    report["memory_bytes"] = max(report["memory_bytes"], usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
    os.write(status, marshal.dumps(report))  # type: ignore[arg-type]  # it does not know typed dictionaries
    os._exit(0)  # an interpreter's farewell takes longer than all of the above


def _orders() -> Orders:
    """Its length in four bytes, then what it says."""
    text = b""
    while len(text) < 4 or len(text) < 4 + int.from_bytes(text[:4], "big"):
        piece = os.read(_CONTROL, 1 << 16)
        if not piece:
            os._exit(0)  # the runner changed its mind
        text += piece
    orders: Orders = marshal.loads(text[4:])  # noqa: S302  # from our parent, over a pipe of its own
    return orders


def _perform(orders: Orders, report: Report) -> None:
    wake, awake = os.pipe()
    os.set_blocking(awake, False)
    signal.set_wakeup_fd(awake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child, trouble, confirmed = start(orders)
    report["exit"] = _watch(orders, report, child, wake)
    report["error"] = os.read(trouble, 500).decode(errors="replace")
    os.set_blocking(confirmed, False)
    said = b""
    with suppress(BlockingIOError):
        said = os.read(confirmed, 1 << 16)
    if (
        orders["confirmation"]
        and report["exit"]
        and not report["killed"]
        and orders["confirmation"].encode() not in said
    ):
        report["error"] = report["error"] or "the sandbox could not be set up"


def _watch(orders: Orders, report: Report, child: int, wake: int) -> int:
    """Waits for the child; kills it when the runner says so, is dead, or is late, and when it holds too much memory."""
    until = time.monotonic() + orders["wall"]
    pause = _LOOK_SECONDS
    listening = [_CONTROL, wake]
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        ready, _, _ = select.select(listening, [], [], pause if orders["memory_bytes"] else 1.0)
        if wake in ready:
            os.read(wake, 512)
        since = time.monotonic()
        if orders["memory_bytes"]:
            report["memory_bytes"] = max(report["memory_bytes"], memory_bytes())
            report["out_of_memory"] = report["memory_bytes"] > orders["memory_bytes"]
            pause = max(_LOOK_SECONDS, _SHARE * (time.monotonic() - since))
        elif groups.ran_out_of_memory(orders["groups"]):
            # The kernel ends one process; what is left of the program would go on for nothing.
            report["out_of_memory"] = True
        hung_up = _CONTROL in ready and not os.read(_CONTROL, 512)
        if hung_up or since > until or report["out_of_memory"]:
            report["killed"] = True
            listening = [wake]
            _kill(orders, child)


def _kill(orders: Orders, child: int) -> None:
    for send in (os.killpg, os.kill):
        with suppress(OSError):
            send(child, signal.SIGKILL)
    groups.kill(orders["groups"])


def _bury(orders: Orders) -> None:
    """Kills and reaps until there is nobody left: the program's orphans are our children."""
    until = time.monotonic() + _BURIAL_SECONDS
    while time.monotonic() < until:
        groups.kill(orders["groups"])
        for pid in descendants():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)
