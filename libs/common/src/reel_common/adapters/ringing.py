"""Which orders of a batch are worth sending: both bells choose by it, so they cannot differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reel_common.messages.envelope import Envelope
from reel_common.messages.topology import MOST_RINGS, Topology


def choose(orders: Sequence[Envelope], topology: Topology) -> list[Envelope]:
    """Each order once, and of those for one queue at most ``MOST_RINGS``.

    A type that this process does not know counts as a queue of its own: the broker may know it already.
    """
    if len(orders) == 1:  # by far the most frequent, and this is the hottest path there is
        return list(orders)
    rung: Counter[str] = Counter()
    chosen: dict[str, Envelope] = {}
    for order in orders:
        queues = topology.bindings.get(order.type, (order.type,))
        if order.id in chosen or all(rung[queue] >= MOST_RINGS for queue in queues):
            continue
        rung.update(queues)
        chosen[order.id] = order
    return list(chosen.values())
