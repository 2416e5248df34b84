"""The planner process: ``python -m reel_planner``. Servers by ``REEL_…`` settings."""

from __future__ import annotations

from contextlib import AsyncExitStack

from reel_common.adapters import serving
from reel_common.plugins import load_tools
from reel_common.ports.handler import Handlers
from reel_common.settings import ToolSettings, WorkSettings
from reel_planner.service import Planner


def handlers(servers: serving.Servers, _: WorkSettings, __: AsyncExitStack) -> Handlers:
    """A missing tool stops the process before it takes work."""
    tools = load_tools(ToolSettings().tools)
    return Planner(library=servers.library, store=servers.store, tools=tools).handlers()


def main() -> None:
    serving.run("planner", handlers)


if __name__ == "__main__":
    main()
