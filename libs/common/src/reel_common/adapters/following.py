"""Followers of a job's progress within one process: what both noticeboards hand out."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from weakref import WeakSet

from reel_common.ports.noticeboard import Progress

_MOST_WAITING = 256


class Following:
    """An iterator over notes. While nobody reads, a newer note of a step replaces the one that waits: skipped, not reordered."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Progress] = OrderedDict()
        self._some = asyncio.Event()
        self._ended = False

    def put(self, note: Progress) -> None:
        """Never waits; drops the oldest when too many steps wait."""
        self._waiting.pop(note.step, None)
        self._waiting[note.step] = note
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.popitem(last=False)
        self._some.set()

    def end(self) -> None:
        """What waits is still read."""
        self._ended = True
        self._some.set()

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self._ended

    def __aiter__(self) -> Following:
        return self

    async def __anext__(self) -> Progress:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._some.clear()
            await self._some.wait()
        return self._waiting.popitem(last=False)[1]

    async def aclose(self) -> None:
        """No more of it."""
        self._waiting.clear()
        self.end()


class Followers:
    """Who follows which job. A follower that was closed or forgotten leaves by itself."""

    def __init__(self) -> None:
        self._by_job: dict[str, WeakSet[Following]] = {}
        self._ended = False

    def add(self, job: str) -> Following:
        """From now on; ended already after ``end``."""
        following = Following()
        if self._ended:
            following.end()
            return following
        self._by_job.setdefault(job, WeakSet()).add(following)
        return following

    def tell(self, note: Progress) -> None:
        """To everyone who follows the note's job."""
        for following in tuple(self._by_job.get(note.job, ())):
            following.put(note)

    def jobs(self) -> set[str]:
        """Jobs that are still followed."""
        for job, followings in tuple(self._by_job.items()):
            for following in tuple(followings):
                if following.ended:
                    followings.discard(following)
            if not followings:
                del self._by_job[job]
        return set(self._by_job)

    def end(self) -> None:
        """Ends every iterator, also those to come."""
        self._ended = True
        for followings in self._by_job.values():
            for following in tuple(followings):
                following.end()
        self._by_job.clear()
