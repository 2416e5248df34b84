"""Jobs as this process last saw them, for a moment: a short step is completed without reading its job again.

Nothing depends on a view being fresh: every change is guarded by the version of the job's row that it was decided from.
"""

from __future__ import annotations

import time

from reel_common.ledger.seen import Seen

AGE = 0.5
"""Seconds for which a view is worth trying. Older ones would cost a failed write more often than they save a read."""
MOST = 256


class Views:
    """By job id; taking one removes it. Views do not always come in the order in which they were seen: the newest stays."""

    def __init__(self) -> None:
        self._views: dict[str, tuple[float, Seen]] = {}

    def put(self, view: Seen) -> None:
        _, known = self._views.get(view.job.id, (0.0, view))
        if known.version > view.version:
            return
        if len(self._views) >= MOST:
            self._views.pop(next(iter(self._views)))
        self._views[view.job.id] = (time.monotonic(), view)

    def take(self, job: str) -> Seen | None:
        at, view = self._views.pop(job, (0.0, None))
        return view if view and time.monotonic() - at < AGE else None
