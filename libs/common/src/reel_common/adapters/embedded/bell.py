"""The bell of a single process: a doorbell per queue, routed by the same topology as the broker's."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from reel_common.adapters.ringing import choose
from reel_common.messages.envelope import Envelope, NotUnderstoodError
from reel_common.messages.registry import read_body
from reel_common.messages.topology import Topology
from reel_common.ports.bell import OnHint, OnRing

log = structlog.get_logger(__name__)

_MOST_WAITING = 10_000
_MOST_DEAD = 1000
_AT_ONCE = 16
_AFTER_ERROR_S = 1.0
_PATIENCE_S = 5.0


@dataclass(slots=True, eq=False)
class _Ear:
    on_ring: OnRing
    deaf: bool = False
    calls_of_ready: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def takes(self) -> bool:
        return not self.deaf and len(self.tasks) < _AT_ONCE

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


@dataclass(slots=True, eq=False)
class _Doorbell:
    waiting: deque[Envelope] = field(default_factory=deque)
    ears: deque[_Ear] = field(default_factory=deque)

    def next_ear(self) -> _Ear | None:
        """Whose turn it is among those who take rings."""
        for _ in range(len(self.ears)):
            self.ears.rotate(-1)
            if self.ears[-1].takes:
                return self.ears[-1]
        return None


class _House:
    """What the bells of one process share."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.doorbells = {queue: _Doorbell() for queue in topology.queues}
        self.hint_listeners: list[tuple[OnHint, frozenset[str]]] = []
        self.counts: Counter[str] = Counter()
        self.dead: deque[tuple[Envelope, str]] = deque(maxlen=_MOST_DEAD)


class EmbeddedBell:
    """The ``Bell`` without a broker. Each service of the process takes one: ``beside()`` gives more on the same doorbells.

    ``counts`` as on RabbitMQ. ``dead`` holds the last messages whose bodies do not fit their types, with the reason.
    """

    def __init__(self, topology: Topology, house: _House | None = None) -> None:
        self._house = house or _House(topology)
        self._ears: list[_Ear] = []
        self._hint_listeners: list[tuple[OnHint, frozenset[str]]] = []
        self._closed = False
        self.counts = self._house.counts
        self.dead = self._house.dead

    def beside(self) -> EmbeddedBell:
        """Another bell of the same process: what one rings, listeners of the other hear."""
        return EmbeddedBell(self._house.topology, self._house)

    async def ring(self, orders: Sequence[Envelope]) -> None:
        """Raises: OSError when too many rings wait already (nobody listens), or after ``close``."""
        if self._closed:
            raise ConnectionError("the bell is closed")
        for order in choose(orders, self._house.topology):
            order.to_bytes()  # what would be too large for a broker is too large here
            if self._understood(order):
                self._put(order)

    async def hint(self, facts: Sequence[Envelope]) -> None:
        """Tells every listener, soon; never raises."""
        loop = asyncio.get_running_loop()
        for fact in facts:
            for listener, types in tuple(self._house.hint_listeners):
                if not types or fact.type in types:
                    loop.call_soon(_tell, listener, fact)

    async def listen(self, queues: Sequence[str], on_ring: OnRing) -> None:
        """``on_ring`` is called in a task of its own, a few at once."""
        ear = _Ear(on_ring)
        self._ears.append(ear)
        for queue in queues:
            self._house.doorbells.setdefault(queue, _Doorbell()).ears.append(ear)
            self._pump(queue)

    async def listen_hints(self, on_hint: OnHint, types: Collection[str] = ()) -> None:
        """From now on."""
        listener = (on_hint, frozenset(types))
        self._hint_listeners.append(listener)
        self._house.hint_listeners.append(listener)

    async def ready(self) -> None:
        """Costs next to nothing unless a ring was refused."""
        for ear in self._ears:
            ear.calls_of_ready += 1
            if ear.deaf:
                self._hear(ear)

    async def healthy(self) -> bool:
        """Always, until it is closed."""
        return not self._closed

    async def close(self) -> None:
        """Stops listening; rings being answered may end (5 s). The other bells of the process go on."""
        self._closed = True
        for doorbell in self._house.doorbells.values():
            doorbell.ears = deque(ear for ear in doorbell.ears if ear not in self._ears)
        for listener in self._hint_listeners:
            self._house.hint_listeners.remove(listener)
        self._hint_listeners.clear()
        tasks = {task for ear in self._ears for task in ear.tasks}
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for queue in self._house.doorbells:
            self._pump(queue)

    def _understood(self, order: Envelope) -> bool:
        try:
            if read_body(order) is None:
                self.counts["unknown"] += 1
        except NotUnderstoodError as e:
            self.counts["dead"] += 1
            self.dead.append((order, str(e)))
            return False
        return True

    def _put(self, order: Envelope) -> None:
        for queue in self._house.topology.bindings.get(order.type, ()):
            doorbell = self._house.doorbells[queue]
            if len(doorbell.waiting) >= _MOST_WAITING:
                raise ConnectionRefusedError(f"{_MOST_WAITING} rings wait in {queue} already")
            doorbell.waiting.append(order)
            self._pump(queue)

    def _pump(self, queue: str) -> None:
        doorbell = self._house.doorbells[queue]
        while doorbell.waiting and (ear := doorbell.next_ear()):
            ear.spawn(self._answer(queue, ear, doorbell.waiting.popleft()))

    async def _answer(self, queue: str, ear: _Ear, order: Envelope) -> None:
        before = ear.calls_of_ready
        looked = False
        try:
            looked = not ear.deaf and await self._ask(ear, order)
        finally:
            if not looked:
                self._refuse(queue, ear, order, before)
            # after this task has left the ear: it makes room for the next
            asyncio.get_running_loop().call_soon(self._pump, queue)

    async def _ask(self, ear: _Ear, order: Envelope) -> bool:
        try:
            return await ear.on_ring(order)
        except Exception:
            log.exception("on_ring_failed", type=order.type)
            asyncio.get_running_loop().call_later(_AFTER_ERROR_S, self._hear, ear)  # whoever failed will not say so
            return False

    def _refuse(self, queue: str, ear: _Ear, order: Envelope, before: int) -> None:
        self.counts["refused"] += 1
        self._house.doorbells[queue].waiting.appendleft(order)
        ear.deaf = ear.calls_of_ready == before  # else room came up meanwhile: nobody will call ready again

    def _hear(self, ear: _Ear) -> None:
        ear.deaf = False
        if not self._closed:
            for queue, doorbell in self._house.doorbells.items():
                if ear in doorbell.ears:
                    self._pump(queue)


def _tell(listener: OnHint, fact: Envelope) -> None:
    try:
        listener(fact)
    except Exception:
        log.exception("on_hint_failed", type=fact.type)
