"""The slots of one queue: claims into free ones when rung, when one gets free, and every few seconds."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from reel_common.domain.step import Claimed
from reel_common.errors import TransientError

Claim = Callable[[Sequence[str], int], Awaitable[list[Claimed]]]
Work = Callable[["Desk", Claimed], Coroutine[None, None, None]]

FULL_PATIENCE = 0.05
"""Seconds that a ring waits for a slot at a full desk before it is handed on to another worker."""


class Desk:
    """``kinds`` of one queue and at most ``slots`` steps of them at a time. ``open_`` says whether the process takes work."""

    def __init__(
        self,
        queue: str,
        kinds: tuple[str, ...],
        slots: int,
        claim: Claim,
        work: Work,
        open_: Callable[[], bool],
        poll: float,
    ) -> None:
        self.queue, self.kinds, self.slots = queue, kinds, slots
        self._claim, self._work, self._open, self._poll = claim, work, open_, poll
        self.busy: set[asyncio.Task[None]] = set()
        self.reserved = 0
        """Slots kept for steps that are gone straight on with, while the write that says so is under way."""
        self._claiming = asyncio.Lock()
        self._asked = 0
        self._look = asyncio.Event()
        self._looked: asyncio.Event | None = None
        self._refused = False
        self._more = True
        """Whether the last claim came back full: then a freed slot is a reason to look, else only a ring or time is."""

    @property
    def free(self) -> int:
        return self.slots - len(self.busy) - self.reserved if self._open() else 0

    @property
    def spare(self) -> int:
        """Free slots without those that a claim under way may fill, or the one that is left to who waits for this desk."""
        return self.free - max(self._asked, int(self._more or self._refused))

    async def rung(self) -> bool:
        """Whether somebody looked, so that the ring is used up."""
        if self.free <= 0 and self.busy:
            await asyncio.wait(self.busy, timeout=FULL_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if self.free <= 0:
            self._refused = True
            return False
        looked = self._looked = self._looked or asyncio.Event()
        self._look.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await looked.wait()
        return True

    def look(self) -> None:
        """There may be room, or work."""
        self._look.set()

    async def run(self, ready: Callable[[], Awaitable[None]]) -> None:
        """Looks until cancelled. ``ready`` is called when there is room again after a ring was refused."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(0.5, 1.0) * self._poll):
                    await self._look.wait()
            self._look.clear()
            looked, self._looked = self._looked, None
            try:
                await self._fill()
            except TransientError:
                await asyncio.sleep(random.uniform(0.1, 0.5))
                self._look.set()
            finally:
                if looked:
                    looked.set()
            if self._refused and self.free > 0:
                self._refused = False
                await ready()

    async def _fill(self) -> None:
        while (free := self.free) > 0:
            async with self._claiming:
                self._asked = free
                try:
                    claimed = await self._claim(self.kinds, free)
                finally:
                    self._asked = 0
                for step in claimed:
                    self.start(step)
            self._more = len(claimed) == free
            if not self._more:
                return

    async def settled(self) -> None:
        """Returns when no claim is under way. Where no more work is taken, ``busy`` holds all that was claimed then."""
        async with self._claiming:
            return

    def start(self, step: Claimed) -> asyncio.Task[None]:
        task = asyncio.create_task(self._work(self, step))
        self.busy.add(task)
        task.add_done_callback(self._freed)
        return task

    def _freed(self, task: asyncio.Task[None]) -> None:
        self.busy.discard(task)
        self._look_again()

    def reserve(self) -> bool:
        """Keeps a slot for a step that is gone straight on with, if one can be spared."""
        if self.spare <= 0:
            return False
        self.reserved += 1
        return True

    def release(self) -> None:
        """Gives up a slot that was kept."""
        self.reserved -= 1
        self._look_again()

    def _look_again(self) -> None:
        if self._more or self._refused:
            self._look.set()


class Onward:
    """Where a worker goes straight on from a slot: in the same one, or at another desk that has room to spare.

    The slot there is kept from the decision until the step starts, and there is one at a time: a step that ends needs
    one at most.
    """

    def __init__(self, own: Desk, desks: Sequence[Desk]) -> None:
        self._own, self._desks = own, desks
        self._kept: Desk | None = None

    def room(self, kind: str) -> bool:
        """Keeps a slot if there is one. Asked again, of a decision that is made anew, it gives back the one it kept."""
        self.give_back()
        if kind in self._own.kinds:
            return True
        self._kept = next((desk for desk in self._desks if kind in desk.kinds and desk.reserve()), None)
        return self._kept is not None

    def start(self, step: Claimed) -> asyncio.Task[None]:
        """Starts the step in the slot that was kept for it."""
        desk = self._kept
        assert desk is not None
        self.give_back()
        return desk.start(step)

    def give_back(self) -> None:
        if self._kept:
            self._kept.release()
        self._kept = None
