"""The executor process: ``python -m reel_executor``. Servers by ``REEL_…`` settings; the runner beside it, by the spool."""

from __future__ import annotations

from contextlib import AsyncExitStack

from reel_common.adapters import serving
from reel_common.adapters.runner_client import RunnerClient
from reel_common.plugins import load_tools
from reel_common.ports.handler import Handlers
from reel_common.settings import ToolSettings, WorkSettings
from reel_executor.service import Executor


def handlers(servers: serving.Servers, settings: WorkSettings, stack: AsyncExitStack) -> Handlers:
    sandbox = RunnerClient(settings.spool)
    stack.push_async_callback(sandbox.close)
    scratch = settings.scratch("executor")
    tools = load_tools(ToolSettings().tools)
    return Executor(
        store=servers.store, library=servers.library, sandbox=sandbox, scratch=scratch, tools=tools
    ).handlers()


def main() -> None:
    serving.run("executor", handlers)


if __name__ == "__main__":
    main()
