"""The noticeboard of a single process: a dictionary, and whoever follows."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable

from reel_common.adapters.following import Followers
from reel_common.ports.noticeboard import Progress

_MOST_JOBS = 1000
_MOST_STEPS = 1000
_KEPT_S = 24 * 3600


class EmbeddedNoticeboard:
    """The ``Noticeboard`` in memory. Jobs not heard of for longest go first; so do steps of a job that has too many."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._jobs: OrderedDict[str, tuple[float, OrderedDict[str, Progress]]] = OrderedDict()
        self._followers = Followers()

    async def record(self, note: Progress) -> None:
        """Puts up the newest note of a step, unless a later try of it has one."""
        _, steps = self._jobs.get(note.job, (0.0, OrderedDict()))
        there = steps.get(note.step)
        if there is not None and there.epoch > note.epoch:
            return
        steps[note.step] = note
        steps.move_to_end(note.step)
        if len(steps) > _MOST_STEPS:
            steps.popitem(last=False)
        self._jobs[note.job] = (self._monotonic() + _KEPT_S, steps)
        self._jobs.move_to_end(note.job)
        self._forget()
        self._followers.tell(note)

    async def read(self, job: str) -> list[Progress]:
        """The newest note of each step."""
        self._forget()
        _, steps = self._jobs.get(job, (0.0, OrderedDict()))
        return list(steps.values())

    def follow(self, job: str) -> AsyncIterator[Progress]:
        """From this call on."""
        self._followers.jobs()  # those who left make room
        return self._followers.add(job)

    async def close(self) -> None:
        """Iterators end."""
        self._followers.end()

    def _forget(self) -> None:
        now = self._monotonic()
        while self._jobs:
            job, (until, _) = next(iter(self._jobs.items()))
            if until > now and len(self._jobs) <= _MOST_JOBS:
                return
            del self._jobs[job]
