"""The composer process: ``python -m reel_composer``. Servers by ``REEL_…`` settings; the runner beside it, by the spool."""

from __future__ import annotations

from contextlib import AsyncExitStack

from reel_common.adapters import serving
from reel_common.adapters.runner_client import RunnerClient
from reel_common.ports.handler import Handlers
from reel_common.settings import WorkSettings
from reel_composer.service import Composer


def handlers(servers: serving.Servers, settings: WorkSettings, stack: AsyncExitStack) -> Handlers:
    sandbox = RunnerClient(settings.spool)
    stack.push_async_callback(sandbox.close)
    return Composer(store=servers.store, sandbox=sandbox, scratch=settings.scratch("composer")).handlers()


def main() -> None:
    serving.run("composer", handlers)


if __name__ == "__main__":
    main()
