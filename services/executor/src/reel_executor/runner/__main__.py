"""``python -m reel_executor.runner``: the composition root of the runner. Its settings come from the environment."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from types import FrameType

import uvicorn

from reel_common.errors import Code, PermanentError, ReelError
from reel_common.ports.runner_spool import SOCKET
from reel_executor.runner.local import LocalSandbox, open_local
from reel_executor.runner.server import application
from reel_executor.runner.settings import RunnerSettings, settings_from
from reel_executor.runner.spool import Keeping

log = logging.getLogger("reel.runner")

_LONGEST_ADDRESS = 107
_SHUTDOWN_SECONDS = 10


class Stop:
    """Remembers that the runner was asked to stop before its server listened for that, and lets it stop afterwards."""

    def __init__(self) -> None:
        self.asked = False
        self.server: uvicorn.Server | None = None

    def __call__(self, _: int, __: FrameType | None) -> None:
        """A signal's handler; the server raises the signal once more when it is done."""
        self.asked = True
        if self.server is not None:
            self.server.should_exit = True


class RunnerServer(uvicorn.Server):
    """Ends what runs as soon as it is told to stop; it does not wait for programs to be done."""

    def __init__(self, config: uvicorn.Config, sandbox: LocalSandbox, stop: Stop) -> None:
        super().__init__(config)
        self._sandbox = sandbox
        self._loop = asyncio.get_running_loop()
        self._closing: list[asyncio.Task[None]] = []
        stop.server = self
        self.should_exit = stop.asked

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._loop.call_soon_threadsafe(lambda: self._closing.append(self._loop.create_task(self._sandbox.close())))


def listen(settings: RunnerSettings) -> socket.socket:
    """The socket in the spool, for its owner and its group."""
    path = settings.spool / SOCKET
    if len(os.fsencode(path)) > _LONGEST_ADDRESS:
        raise PermanentError(Code.INVALID, "REEL_SPOOL is too long: the address of a Unix socket has 107 bytes at most")
    new = path.with_name(".sock")
    new.unlink(missing_ok=True)  # of a dead one: the spool is ours
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o117)
    try:
        listening.bind(str(new))
    finally:
        os.umask(mask)
    listening.listen()
    new.replace(path)  # once it is there, it answers
    return listening


async def serve(settings: RunnerSettings, stop: Stop) -> None:
    """Runs until a signal."""
    keeping = Keeping(budget_bytes=settings.budget_bytes)
    async with await open_local(
        settings.spool, sandbox=settings.sandbox, image=settings.image, slots=settings.slots, keeping=keeping
    ) as sandbox:
        described = await sandbox.describe()
        log.warning("%s: %s %d at once.", described["adapter"], described["isolation"], sandbox.admission.slots)
        config = uvicorn.Config(
            application(sandbox),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        listening = listen(settings)
        try:
            await RunnerServer(config, sandbox, stop).serve(sockets=[listening])
        finally:
            (settings.spool / SOCKET).unlink(missing_ok=True)


def main() -> int:
    """The exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        asyncio.run(serve(settings_from(os.environ), stop))
    except ReelError as error:
        log.critical("%s", error.detail)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
