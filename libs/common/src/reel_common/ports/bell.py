"""The doorbell: a message says only "look"; the ledger says what there is to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

from reel_common.messages.envelope import Envelope

OnRing = Callable[[Envelope], Awaitable[bool]]
"""Whether somebody looked. False: no room here, hand the ring on to another listener of the queue."""

OnHint = Callable[[Envelope], None]


class Bell(Protocol):
    """Rings are delivered at least once to one listener of a queue, in no order, however late; hints at most once to all.

    A listener that answered False gets no more rings until it calls ``ready``.
    """

    async def ring(self, orders: Sequence[Envelope]) -> None:
        """Returns when every order is safe with the broker. Raises: OSError when that is unknown (ring again later)."""

    async def hint(self, facts: Sequence[Envelope]) -> None:
        """Tells every process that listens for hints; lost without a word when that fails."""

    async def listen(self, queues: Sequence[str], on_ring: OnRing) -> None:
        """From now on ``on_ring`` is called for the orders in these queues. Returns once listening; survives outages."""

    async def listen_hints(self, on_hint: OnHint, types: Collection[str] = ()) -> None:
        """From now on ``on_hint`` is called for facts of these types, or for every one. Returns once listening; survives
        outages."""

    async def ready(self) -> None:
        """There is room again."""

    async def healthy(self) -> bool:
        """Whether the broker can be reached now."""

    async def close(self) -> None:
        """Stops listening (a ring being answered may still be answered) and gives up connections."""
