"""What is wrong with a ledger after a run, beyond the invariants that hold for any: sentences, none when all is well."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from reel_common.domain.job import JobState
from reel_common.ledger.database import Database
from reel_common.ledger.tables import metadata
from reel_common.testing.flows import DRILLS
from reel_common.testing.invariants import Books, read_books
from tests.faults.drills import BAD_ITEM, ITEMS


async def faults(database: Database, ends: Mapping[str, frozenset[JobState]]) -> list[str]:
    """``ends``: every job that was asked for, and how it may end."""
    books = await read_books(database)
    effects = await database.read("select id, step, epoch from effects order by id")
    return [*outcomes(books, ends), *fans(books), *accounts(books), *effected(books, effects)]


def outcomes(books: Books, ends: Mapping[str, frozenset[JobState]]) -> Iterator[str]:
    """Each job that was asked for is there, no other is, and it ended as its request says."""
    found = {job.id: job for job in books.jobs}
    for job in ends.keys() - found.keys():
        yield f"the job {job} was asked for and is not there"
    for job in found.keys() - ends.keys():
        yield f"nobody asked for the job {job}"
    for job in found.keys() & ends.keys():
        row = found[job]
        if row.state not in ends[job]:
            yield f"the {row.kind} {job} is {row.state}, not {' or '.join(sorted(ends[job]))}: {row.error}"


def fans(books: Books) -> Iterator[str]:
    """A fan that succeeded has all its items made and finished, the bad one as a replacement, of which it tells."""
    for job in books.jobs:
        if job.kind != "fan" or job.state != JobState.SUCCEEDED:
            continue
        done = Counter(s.step for s in books.steps if s.job == job.id and s.state == "done")
        if done != {"plan": 1, "make": ITEMS, "finish": ITEMS, "join": 1}:
            yield f"the fan {job.id} succeeded with {dict(done)}"
        replaced = [(s.item, s.rev) for s in books.steps if s.job == job.id and s.state == "done" and s.rev]
        if replaced != [(BAD_ITEM, 1)]:
            yield f"the fan {job.id} has replaced {replaced}"
        if f"make {BAD_ITEM}: was replaced" not in (job.degraded or ""):
            yield f"the fan {job.id} does not tell of its replacement: {job.degraded}"


def accounts(books: Books) -> Iterator[str]:
    """Every claim and every attempt is accounted for by an event: a stop costs none, nothing else is free."""
    told: dict[str, Counter[str]] = {}
    for event in books.events:
        data = json.loads(event.data)
        if "rev" in data:
            step = f"{event.job}/{data['step']}/{data['item']}/{data['rev']}"
            told.setdefault(step, Counter())[event.type] += 1
    for step in books.steps:
        events = told.get(step.id, Counter())
        if step.epoch != step.attempt + events["step.returned"]:
            yield f"the step {step.id} was claimed {step.epoch} times in {step.attempt} attempts: {dict(events)}"
        if step.state in ("done", "failed") and step.attempt != 1 + events["step.retried"] + events["step.lost"]:
            yield f"the step {step.id} took {step.attempt} attempts: {dict(events)}"
        if step.crashes != events["step.lost"] and step.state != "failed":
            yield f"the step {step.id} counts {step.crashes} crashes: {dict(events)}"


def effected(books: Books, effects: Iterable[Any]) -> Iterator[str]:
    """Each done drill had its effect under the claim that completed it, and none after a later claim's."""
    epochs: dict[str, list[int]] = {}
    for effect in effects:
        epochs.setdefault(effect.step, []).append(effect.epoch)
    known = {s.id: s for s in books.steps}
    for step, seen in epochs.items():
        if step not in known or seen[-1] > known[step].epoch:
            yield f"the effect of {step} is of an epoch that never was: {seen}"
        elif seen != sorted(seen):
            yield f"a fenced writer had an effect on {step}: {seen}"
    for step in books.steps:
        if step.kind in DRILLS and step.state == "done" and epochs.get(step.id, [0])[-1] != step.epoch:
            yield f"the step {step.id} is done under {step.epoch}, its effects are of {epochs.get(step.id)}"


async def types_of_events(database: Database) -> Counter[str]:
    """How often each happened."""
    rows = await database.read("select type, count(*) as n from events group by type")
    return Counter({r.type: r.n for r in rows})


async def summary(database: Database) -> str:
    """What it took, for people."""
    most = (await database.read("select max(attempt) as a, max(crashes) as c, max(epoch) as e from steps"))[0]
    told = ", ".join(f"{n} {kind}" for kind, n in sorted((await types_of_events(database)).items()))
    return f"{told}; at most {most.a} attempts, {most.c} crashes, {most.e} claims of a step"


async def dump(database: Database) -> str:
    """All rows of all tables, as lines of JSON, for whoever looks into a red run."""

    def rows(connection: sa.Connection) -> list[str]:
        return [
            json.dumps({"table": table.name, **row._mapping}, default=str)
            for table in metadata.sorted_tables
            for row in connection.execute(sa.select(table))
        ]

    return "\n".join(await database.transact(rows))
