"""A handler's ``Report``: the newest note of a step, put up a few times a second at most."""

from __future__ import annotations

import time

from reel_common.domain.step import Claimed
from reel_common.ports.noticeboard import Noticeboard, Progress

EVERY = 0.25
"""Seconds between notes of one step; the first, the last and a new stage are put up at once."""


class Reporter:
    """Estimates what is left from what has passed."""

    def __init__(self, board: Noticeboard, step: Claimed) -> None:
        self._board, self._step = board, step
        self._begun = time.monotonic()
        self._last, self._stage = 0.0, ""

    async def __call__(self, fraction: float | None, stage: str, message: str = "") -> None:
        now = time.monotonic()
        if now - self._last < EVERY and stage == self._stage and (fraction or 0.0) < 1.0:
            return
        self._last, self._stage = now, stage
        bounded = None if fraction is None else min(1.0, max(0.0, fraction))
        step = self._step
        name = f"{step.step}/{step.item}/{step.rev}"
        note = Progress(step.job, name, step.epoch, bounded, stage, message, self._eta(bounded, now))
        await self._board.record(note)

    def _eta(self, fraction: float | None, now: float) -> float | None:
        elapsed = now - self._begun
        if not fraction or elapsed < 1.0:
            return None
        return round(elapsed * (1.0 - fraction) / fraction, 1)
