"""What the gateway needs of the world, as plain objects; a composition root makes one of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

from fastapi import Depends, Request

from reel_common.health import Check
from reel_common.ledger import Ledger, Outcome
from reel_common.ledger.library import LedgerLibrary
from reel_common.ledger.reading import Reading
from reel_common.ledger.sessions import Sessions
from reel_common.plugins import Tools
from reel_common.ports.noticeboard import Noticeboard
from reel_common.ports.store import ObjectStore
from reel_gateway.progress import Heights
from reel_gateway.receiving import Receiver
from reel_gateway.settings import GatewaySettings
from reel_gateway.watch import Watch


@dataclass(frozen=True, slots=True)
class Dependencies:
    """``announcer`` rings and tells what an outcome of the ledger leaves to be rung and told (``Relay.announce``)."""

    ledger: Ledger
    reading: Reading
    sessions: Sessions
    library: LedgerLibrary
    store: ObjectStore
    noticeboard: Noticeboard
    announcer: Callable[[Outcome], None]
    wake: Watch
    settings: GatewaySettings
    receiver: Receiver
    tools: Tools = field(default_factory=dict)
    """Enabled tools: their operations are checked when they are asked for, and listed."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    """Further questions of ``/health/ready`` beside ledger and store, such as ``bell.healthy``."""
    adapters: Mapping[str, str] = field(default_factory=dict)
    """What stands behind each port, for ``/v1/about``."""
    heights: Heights = field(default_factory=Heights)

    @classmethod
    def of(
        cls,
        *,
        ledger: Ledger,
        library: LedgerLibrary,
        store: ObjectStore,
        noticeboard: Noticeboard,
        announcer: Callable[[Outcome], None],
        settings: GatewaySettings,
        tools: Tools | None = None,
        checks: Mapping[str, Check] | None = None,
        adapters: Mapping[str, str] | None = None,
    ) -> Self:
        """All that can be made from the rest is made here. Give ``wake.tell`` to ``Bell.listen_hints``."""
        reading = Reading(ledger.database)
        return cls(
            ledger=ledger,
            reading=reading,
            sessions=Sessions(ledger.database),
            library=library,
            store=store,
            noticeboard=noticeboard,
            announcer=announcer,
            wake=Watch(reading.seqs),
            settings=settings,
            receiver=Receiver(settings.scratch, settings.max_upload_bytes),
            tools=tools or {},
            checks=checks or {},
            adapters=adapters or {},
        )

    def announce(self, outcome: Outcome) -> None:
        """After a commit: who waits in this process is woken at once, the rest of the world by the announcer."""
        self.announcer(outcome)
        for fact in outcome.facts:
            self.wake.tell(fact)


def dependencies(request: Request) -> Dependencies:
    """Those that the application was made with."""
    deps: Dependencies = request.app.state.dependencies
    return deps


Deps = Annotated[Dependencies, Depends(dependencies)]
