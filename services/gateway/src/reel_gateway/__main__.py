"""The gateway process: ``python -m reel_gateway``. Servers by ``REEL_…`` settings.

The only module of this service that knows which products stand behind the ports.
"""

from __future__ import annotations

import contextlib
import sys
from contextlib import AsyncExitStack
from functools import partial

import structlog
from pydantic import SecretStr

from reel_common import health, lifecycle, logs
from reel_common.adapters import serving
from reel_common.metrics import Metrics
from reel_common.plugins import load_tools
from reel_common.settings import ServerSettings, ToolSettings, WorkSettings
from reel_common.worker import Relay
from reel_common.worker.sweeper import Sweeper
from reel_gateway.app import create_app
from reel_gateway.dependencies import Dependencies
from reel_gateway.listening import AddressTakenError, bind, kept_token, served, url_of
from reel_gateway.settings import GatewaySettings

log = structlog.get_logger(__name__)

ADAPTERS = {"ledger": "postgresql", "bell": "rabbitmq", "store": "s3", "noticeboard": "redis", "sandbox": "runner"}


async def serve(settings: GatewaySettings, pace: WorkSettings) -> None:
    """Until the process is asked to stop."""
    stop, metrics = lifecycle.stop_on_signals(), Metrics()
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(contextlib.closing(bind(settings.host, settings.port)))
        servers = await stack.enter_async_context(serving.connected("gateway", ServerSettings(), pace.lease_s))
        relay = Relay(servers.book, servers.bell)
        sweeper = Sweeper(servers.book, relay, metrics, every=pace.sweep_s, quiet=pace.sweep_s)
        for loop in (relay.run, sweeper.run):
            await stack.enter_async_context(lifecycle.beside(loop))
        stack.push_async_callback(relay.flush)
        checks: dict[str, health.Check] = {
            "ledger": partial(serving.ledger_answers, servers.book),
            "bell": servers.bell.healthy,
        }
        deps = _dependencies(servers, settings, relay, checks)
        await servers.bell.listen_hints(deps.wake.tell)
        await stack.enter_async_context(health.serve(pace.health_port, checks, metrics, pace.health_host))
        await stack.enter_async_context(served(create_app(deps), listening))
        stack.callback(deps.wake.close)  # or streams of events would hold up the end
        log.info("listening", url=url_of(listening))
        await stop.wait()


def _dependencies(
    servers: serving.Servers, settings: GatewaySettings, relay: Relay, checks: dict[str, health.Check]
) -> Dependencies:
    return Dependencies.of(
        ledger=servers.book,
        library=servers.library,
        store=servers.store,
        noticeboard=servers.board,
        announcer=relay.announce,
        settings=settings,
        tools=load_tools(ToolSettings().tools),
        checks=checks,
        adapters=ADAPTERS,
    )


def with_token(settings: GatewaySettings) -> GatewaySettings:
    """Others reach us: they need a token, which is made at the first start and shown that once."""
    if settings.loopback or settings.secret:
        return settings
    file = settings.spool / "token"
    token, is_new = kept_token(file)
    if is_new:
        print(f"The token for requests, kept in {file} and not shown again: {token}", file=sys.stderr)  # noqa: T201
    return settings.model_copy(update={"token": SecretStr(token)})


def main() -> int:
    """The exit code."""
    pace = WorkSettings()
    logs.configure("gateway", level=pace.log_level)
    settings = with_token(GatewaySettings())
    try:
        lifecycle.run(serve(settings, pace))
    except AddressTakenError as error:
        log.critical("cannot start", error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
