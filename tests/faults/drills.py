"""Synthetic work that takes a moment, fails where it is told to, and leaves an effect that can be counted."""

from __future__ import annotations

import asyncio
import os
import random
from datetime import timedelta

import sqlalchemy as sa

from reel_common.domain.outcome import Done
from reel_common.domain.step import Claimed
from reel_common.errors import Code, PermanentError, TransientError
from reel_common.ledger.database import Database
from reel_common.ports.handler import Handler, Report

BAD_ITEM, ITEMS = 3, 8
SLEEP_S = 0.1
"""Of a sleeper's step."""
KILLED = 86
"""Exit code of a process that its own step took down."""

EFFECTS = """create table effects (id {serial}, step text not null, epoch integer not null, unique (step, epoch))"""
SERIAL = {"postgresql": "bigserial primary key", "sqlite": "integer primary key autoincrement"}
EFFECT = """insert into effects (step, epoch)
    select id, epoch from steps where id = :id and epoch = :epoch and state = 'running' {lock}
    on conflict (step, epoch) do nothing"""
LOCK = {"postgresql": "for share", "sqlite": ""}
"""The fence in the statement of the effect itself: on PostgreSQL nobody takes the step away before it is committed."""


async def make_effects(database: Database) -> None:
    text = EFFECTS.replace("{serial}", SERIAL[database.dialect.name])
    await database.transact(lambda c: c.execute(sa.text(text)))


def drill(database: Database, shortest: float = 0.1, longest: float = 0.9) -> Handler:
    """A handler; ``shortest`` and ``longest`` are seconds of a step."""
    text = EFFECT.replace("{lock}", LOCK[database.dialect.name])

    async def work(step: Claimed, report: Report) -> Done:
        await report(0.1, "drilling")
        await asyncio.sleep(random.uniform(shortest, longest))
        if step.input.get("bad") and step.step == "s2":
            raise PermanentError(Code.PROGRAM_FAILED, "This one is bad.")
        if step.step == "make" and step.item == BAD_ITEM and not step.input.get("placeholder"):
            raise PermanentError(Code.PROGRAM_FAILED, f"Item {BAD_ITEM} is bad.")
        if step.input.get("shaky") and step.attempt == 1:
            raise TransientError("The first try fails.", after=timedelta(seconds=0.2))
        await _insist(database, text, step)
        await asyncio.sleep(random.uniform(0, shortest))
        return Done({"items": ITEMS})

    return work


async def _insist(database: Database, text: str, step: Claimed) -> None:
    """Until the database has it; whoever is fenced meanwhile is cancelled here."""
    while True:
        try:
            await database.query(text, {"id": step.id, "epoch": step.epoch})
        except TransientError:
            await asyncio.sleep(random.uniform(0.05, 0.3))
        else:
            return


def sleeper(seconds: float) -> Handler:
    """Steps of equal length, each of which tells how many there were at once in its process."""
    at_work = 0

    async def work(_: Claimed, __: Report) -> Done:
        nonlocal at_work
        at_work += 1
        most = at_work
        await asyncio.sleep(seconds)
        at_work -= 1
        return Done({"at_once": most})

    return work


def deadly(database: Database) -> Handler:
    """A drill whose steps take their process down when they are told to."""
    harmless = drill(database)

    async def work(step: Claimed, report: Report) -> Done:
        if step.input.get("kills"):
            await asyncio.sleep(0.1)  # its neighbours are at work by now
            os._exit(KILLED)
        return await harmless(step, report)

    return work
