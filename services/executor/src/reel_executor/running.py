"""``run``: a stored program, its inputs and the sandbox in; stored outputs, a log and what was measured out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from reel_common.domain import keys
from reel_common.domain.outcome import Done
from reel_common.domain.program import Program, program_from_json
from reel_common.domain.step import Claimed
from reel_common.errors import Code, PermanentError, ProgramFailedError
from reel_common.ports.handler import Report
from reel_common.ports.library import Library
from reel_common.ports.sandbox import Completed, Sandbox
from reel_common.ports.store import ObjectMissingError, ObjectStore
from reel_common.ports.tool import Tool
from reel_executor import outputs
from reel_executor.fetching import Fetcher

_TAIL = 2000
"""Characters of the log that are shown with a failed job; the whole log is stored."""
_UNPRINTABLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Running:
    """The handler of ``run`` steps. ``tools``, by name, read what their programs measured."""

    store: ObjectStore
    library: Library
    sandbox: Sandbox
    fetcher: Fetcher
    tools: Mapping[str, Tool]

    async def run(self, step: Claimed, report: Report) -> Done:
        """Runs the step's program, or finds that it ran before on the same bytes."""
        program = await self._program(step)
        content_key = await self._content_key(step, program)
        earlier = await self.library.reusable(step.owner, content_key)
        if earlier is not None:
            assets = outputs.again(earlier["outputs"])
            return Done({**earlier, "outputs": outputs.as_json(assets), "reused": True}, assets)
        await report(None, "fetching")
        for sha256 in dict.fromkeys(program.inputs.values()):
            await self.fetcher.bring(step.owner, sha256)
        async with outputs.ran(self.sandbox, program, progress(program, report)) as completed:
            return await self._finish(step, program, completed, content_key, report)

    async def _program(self, step: Claimed) -> Program:
        key, sha256 = str(step.input["program_key"]), step.input["program_sha256"]
        if not key.startswith(f"u/{step.owner}/"):
            raise PermanentError(Code.INPUT_MISMATCH, "The program is not this owner's.")
        try:
            text = await self.store.get(key)
        except ObjectMissingError:
            raise PermanentError(Code.INPUT_MISSING, "The program that was written for this step is gone.") from None
        if hashlib.sha256(text).hexdigest() != sha256:
            raise PermanentError(Code.INPUT_MISMATCH, "The stored program is not the one that was written.")
        try:
            return program_from_json(json.loads(text))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PermanentError(Code.INVALID, "The stored program cannot be read as one.") from error

    async def _content_key(self, step: Claimed, program: Program) -> str:
        """The program names its inputs by digest; with what runs it and the take, that is all that decides the result."""
        sandbox = await self.sandbox.describe()
        return keys.content_key(
            {
                "kind": step.kind,
                "tool": step.input["tool"],
                "program": program.as_json(),
                "sandbox": sandbox["digest"],
                "take": step.take,
            }
        )

    async def _finish(
        self, step: Claimed, program: Program, completed: Completed, content_key: str, report: Report
    ) -> Done:
        log = readable(completed.stderr)
        log_key = keys.of_step(step, "log.txt")
        await self.store.put(log_key, log.encode(), "text/plain; charset=utf-8")
        name = str(step.input["tool"])
        if completed.exit != 0:
            detail = f"The program ({name}) ended with status {completed.exit}."
            raise ProgramFailedError(Code.PROGRAM_FAILED, detail, log_tail=log[-_TAIL:])
        found = outputs.promised(program, completed)
        await report(1.0, "storing")
        assets = await outputs.keep(self.library, step.owner, found)
        tool = self.tools.get(name)
        result = {
            "outputs": outputs.as_json(assets),
            "measured": dict(tool.measured(log)) if tool else {},
            "usage": usage_of(completed),
            "sandbox": completed.adapter,
            "log_key": log_key,
            "reused": False,
        }
        return Done(result, assets, content_key)


def usage_of(completed: Completed) -> dict[str, float]:
    """What the run cost, as JSON."""
    usage = completed.usage
    return {"wall": round(usage.wall, 3), "cpu": round(usage.cpu, 3), "memory_bytes": usage.memory_bytes}


def readable(log: bytes) -> str:
    """A log as text that any database and terminal can take: without control characters and colours."""
    text = log.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub("", text)


def progress(program: Program, report: Report) -> Callable[[float, str], Awaitable[None]]:
    """Turns seconds of result made so far into a fraction and words: ``1:02 of 2:00``."""
    total = program.duration

    async def told(seconds: float, _word: str) -> None:
        done = max(0.0, seconds)
        if not total:
            await report(None, "rendering", clock(done))
            return
        await report(min(1.0, done / total), "rendering", f"{clock(min(done, total))} of {clock(total)}")

    return told


def clock(seconds: float) -> str:
    """Seconds as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
