"""The logs of a job's programs as one text: every finished try of every step, with how it ended."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence

from reel_common.ledger.showing import StepRow
from reel_common.ports.store import ObjectMissingError, ObjectStore
from reel_gateway.closing import closed_after

_LOG = re.compile(r"([^/]+)\.([0-9]+)\.([0-9]+)/([0-9]+)/log\.txt")
_Try = tuple[int, int, str]
"""Position of its step, number of the try, key of its log."""


async def log_of(store: ObjectStore, owner: str, job: str, steps: Sequence[StepRow]) -> AsyncIterator[bytes]:
    """In the order of ``steps``. Tries that left no log are passed over; what a failed step says is at its end."""
    logs = await _logs(store, f"u/{owner}/jobs/{job}/steps/", steps)
    for position, step in enumerate(steps):
        for _, number, key in (each for each in logs if each[0] == position):
            yield f"── {_title(step)}, try {number}\n".encode()
            try:
                async with closed_after(store.stream(key)) as log:
                    async for chunk in log:
                        yield chunk
            except ObjectMissingError:
                continue
            yield b"\n"
        if step.error:
            yield f"── {_title(step)}: {step.state}: {step.error.get('detail', '')}\n".encode()


def _title(step: StepRow) -> str:
    parts = (("item", step.item), ("revision", step.rev))
    return ", ".join((step.step, *(f"{name} {n}" for name, n in parts if n)))


async def _logs(store: ObjectStore, prefix: str, steps: Sequence[StepRow]) -> list[_Try]:
    known = {(s.step, s.item, s.rev): (n, s) for n, s in enumerate(steps)}
    found: list[_Try] = []
    async for stored in store.list(prefix):
        match = _LOG.fullmatch(stored.key.removeprefix(prefix))
        if match is None:
            continue
        position, step = known.get((match[1], int(match[2]), int(match[3])), (0, None))
        number = int(match[4])
        if step is not None and (number < step.epoch or step.state != "running"):
            found.append((position, number, stored.key))
    return sorted(found)
