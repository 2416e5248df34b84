"""Exchanges, queues and bindings as data: the RabbitMQ adapter declares from it, the embedded one routes by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reel_common.domain.kinds import KindRow

EVENTS = "reel.events"
"""Topic exchange for orders; what nobody is bound to goes to ``UNROUTED``."""
HINTS = "reel.hints"
"""Topic exchange for facts: one exclusive queue per process that listens, bound to what it asks for; nothing kept."""
DEAD_LETTERS = "reel.dlx"
DEAD = "reel.dead"
"""Only what cannot be understood."""
UNROUTED = "reel.unrouted"
MOST_RINGS = 4
"""A batch rings one queue at most so often: a ring means look, and who looks fills all its free slots."""


@dataclass(frozen=True, slots=True)
class Topology:
    """``bindings``: message type → the queues it is put into. An older version's type stays bound beside the newer one."""

    bindings: Mapping[str, tuple[str, ...]]

    @property
    def queues(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(q for queues in self.bindings.values() for q in queues))


def topology(kinds: Mapping[str, KindRow]) -> Topology:
    """From the table of step kinds."""
    return Topology({row.requested: (row.queue,) for row in kinds.values()})
