"""A process that asks as a gateway would: it submits, wishes and announces, and after any death goes on where it was.

What it has done is noted in a journal after the commit. One that dies in between does it again: a job by its id, a
wish because it has been granted.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import sqlalchemy as sa

from reel_common.errors import TransientError
from reel_common.ledger import Ledger, NewJob, NewVersion, Outcome
from reel_common.ledger.library import LedgerLibrary
from reel_common.worker import Relay
from tests.faults.acts import Act

NEW_SESSION = """insert into sessions (id, owner, name, inputs, created) values (:id, :owner, 's', :inputs, 0.0)
    on conflict (id) do nothing"""


class Journal:
    """Which acts are done: one line each, whole because it is short and appended."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def done(self) -> set[int]:
        return {int(n) for n in self._path.read_text().split()} if self._path.exists() else set()

    def note(self, n: int) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(descriptor, f"{n}\n".encode())
        finally:
            os.close(descriptor)


class Gateway:
    """``begun`` is the second since 1970 from which the acts' times count."""

    def __init__(
        self, book: Ledger, library: LedgerLibrary | None, relay: Relay, acts: list[Act], journal: Journal
    ) -> None:
        self._book, self._library, self._relay, self._acts, self._journal = book, library, relay, acts, journal

    async def run(self, begun: float) -> None:
        """Returns when all is asked for."""
        done = self._journal.done()
        lines: dict[str, list[int]] = {}
        for n, act in sorted(enumerate(self._acts), key=lambda each: each[1].at):
            if n not in done:
                lines.setdefault(act.line, []).append(n)
        async with asyncio.TaskGroup() as tasks:
            for numbers in lines.values():
                tasks.create_task(self._one_line(numbers, begun))

    async def _one_line(self, numbers: list[int], begun: float) -> None:
        for n in numbers:
            await asyncio.sleep(max(0.0, begun + self._acts[n].at - time.time()))
            self._relay.announce(await insisting(lambda n=n: self._do(self._acts[n])))  # type: ignore[misc]
            self._journal.note(n)

    async def _do(self, act: Act) -> Outcome:
        if act.do == "submit":
            return await self._submit(act)
        wishes = {"pause": self._book.pause, "resume": self._book.resume, "cancel": self._book.cancel}
        return await wishes[act.do](act.job)

    async def _submit(self, act: Act) -> Outcome:
        if act.file and self._library and act.asset:
            await self._library.keep(act.owner, Path(act.file), act.asset["sha256"], act.asset["media_type"])
        version = None
        if session := act.request.get("session"):
            inputs = json.dumps(act.request["inputs"])
            await self._book.database.query(NEW_SESSION, {"id": session, "owner": act.owner, "inputs": inputs})
            version = NewVersion(act.request["version"], session, None, None)
        job = NewJob(act.kind, act.owner, act.request, act.job, act.subject, version=version, asset=act.asset)
        try:
            return await self._book.submit(job)
        except sa.exc.IntegrityError:
            if await self._book.see(act.job) is None:
                raise
            return Outcome()  # the commit whose answer was lost: the sweep rings for it


async def insisting(act: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """As a person does who is told to try again shortly."""
    while True:
        try:
            return await act()
        except TransientError:
            await asyncio.sleep(random.uniform(0.1, 0.5))
