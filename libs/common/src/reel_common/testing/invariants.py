"""What must hold of a ledger whatever happened to its processes: checked over the rows, on both dialects.

Numbers are those of the project's list of invariants: I1 a job ends once, I2 nothing is left undone, I3 an end stays,
I5 what is done has its assets and bytes, I7 events are gapless, I9 nothing is held any more, I10 nothing is unsent.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from reel_common.domain import keys
from reel_common.domain.job import TERMINAL
from reel_common.ledger.database import Database
from reel_common.ledger.tables import assets, events, jobs, objects, outbox, steps, versions, waits
from reel_common.ports.store import ObjectMissingError, ObjectStore

FINISHES = frozenset(
    {"plan.made", "script.written", "step.finished", "asset.ready", "composition.finished", "step.failed", "plan.failed",
     "script.exhausted", "asset.rejected", "composition.failed"}
)  # fmt: skip
"""Events that end a step."""


@dataclass(frozen=True, slots=True)
class Books:
    """Everything in a ledger, read in one transaction."""

    jobs: list[Any]
    steps: list[Any]
    events: list[Any]
    outbox: list[Any]
    waits: list[Any]
    assets: list[Any]
    objects: list[Any]
    versions: list[Any]


async def read_books(database: Database) -> Books:
    """The rows of all tables that the invariants speak of."""

    def read(connection: sa.Connection) -> Books:
        tables = (jobs, steps, events, outbox, waits, assets, objects, versions)
        return Books(*(list(connection.execute(sa.select(t))) for t in tables))

    return await database.transact(read)


async def violations(database: Database, *, drained: bool = True, store: ObjectStore | None = None) -> list[str]:
    """A sentence for each. ``drained``: everything should have ended by now. ``store``: look at the bytes too."""
    books = await read_books(database)
    found = [*_ends(books), *_events(books), *_finishes(books), *_versions(books), *_rows_of_bytes(books)]
    if drained:
        found += _leftovers(books)
    if store:
        found += [v async for v in _bytes(books, store)]
    return found


def _ends(books: Books) -> Iterator[str]:
    finished: dict[str, list[Any]] = defaultdict(list)
    for event in books.events:
        if event.type == "job.finished":
            finished[event.job].append(event)
    for job in books.jobs:
        ended = job.state in TERMINAL
        if ended != (job.ended is not None):
            yield f"I3 job {job.id} is {job.state} and its end is {job.ended}"
        if len(finished[job.id]) != int(ended):
            yield f"I1 job {job.id} is {job.state} with {len(finished[job.id])} ends"
        for event in finished[job.id]:
            if event.seq != job.event_seq or json.loads(event.data)["state"] != job.state:
                yield f"I3 job {job.id} went on after its end"
    live = {job.id for job in books.jobs if job.state not in TERMINAL}
    for step in books.steps:
        if step.job not in live and step.state in ("blocked", "ready", "running"):
            yield f"I2 step {step.id} is {step.state} in a job that has ended"


def _events(books: Books) -> Iterator[str]:
    seqs: dict[str, list[int]] = defaultdict(list)
    for event in books.events:
        seqs[event.job].append(event.seq)
    for job in books.jobs:
        if sorted(seqs[job.id]) != list(range(1, job.event_seq + 1)):
            yield f"I7 events of job {job.id} have gaps: {sorted(seqs[job.id])} of {job.event_seq}"


def _finishes(books: Books) -> Iterator[str]:
    told: Counter[tuple[str, int | None]] = Counter()
    for event in books.events:
        if event.type in FINISHES:
            data = json.loads(event.data)
            told[f"{event.job}/{data['step']}/{data['item']}/{data['rev']}", data["epoch"]] += 1
    tries: Counter[str] = Counter()
    for (step, _), n in told.items():
        tries[step] += n
    for row in books.steps:
        ended = row.state in ("done", "failed")
        if tries[row.id] != int(ended):
            yield f"I1 step {row.id} is {row.state} with {tries[row.id]} finishes"
        if ended and told[row.id, row.epoch] != 1:
            yield f"I1 step {row.id} was finished by a fenced writer"


def _versions(books: Books) -> Iterator[str]:
    states = {job.id: job.state for job in books.jobs}
    for version in books.versions:
        job = states.get(version.job)
        should = {"succeeded": "ready", "failed": "failed", "cancelled": "cancelled"}.get(str(job), "pending")
        if version.state != should:
            yield f"I1 version {version.id} is {version.state} and its job {job}"


def _rows_of_bytes(books: Books) -> Iterator[str]:
    present = {(o.owner, o.sha256) for o in books.objects if o.state == "present"}
    made: dict[str, set[str]] = defaultdict(set)
    for asset in books.assets:
        made[asset.step or ""].add(asset.id)
        if asset.state == "ready" and (asset.owner, asset.sha256) not in present:
            yield f"I5 asset {asset.id} has no object"
    effects = Counter((a.step, a.role) for a in books.assets if a.step)
    for (step, role), n in effects.items():
        if n > 1:
            yield f"I5 step {step} made {n} assets of role {role}"


def _leftovers(books: Books) -> Iterator[str]:
    for job in books.jobs:
        if job.state not in TERMINAL:
            yield f"I2 job {job.id} is still {job.state}"
    for step in books.steps:
        if step.state == "running":
            yield f"I9 step {step.id} is still held by {step.worker}"
    if books.outbox:
        yield f"I10 {len(books.outbox)} orders were never sent"
    if books.waits:
        yield f"I2 {len(books.waits)} waits are left"


async def _bytes(books: Books, store: ObjectStore) -> Any:
    for asset in books.assets:
        if asset.state != "ready":
            continue
        try:
            data = await store.get(keys.artifact(asset.owner, asset.sha256))
        except ObjectMissingError:
            yield f"I5 the bytes of asset {asset.id} are missing"
            continue
        if len(data) != asset.size or hashlib.sha256(data).hexdigest() != asset.sha256:
            yield f"I5 the bytes of asset {asset.id} are others"
    rows = {(o.owner, o.sha256) for o in books.objects}
    async for stored in store.list("u/"):
        parts = stored.key.split("/")
        if parts[2] == "artifacts" and (parts[1], parts[3]) not in rows:
            yield f"I6 the object {stored.key} has no row"
