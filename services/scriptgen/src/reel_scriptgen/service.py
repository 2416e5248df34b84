"""Scriptgen: turns operations into the program that does them, and keeps it to be read and run again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from reel_common.domain import keys
from reel_common.domain.kinds import StepKind
from reel_common.domain.outcome import Done
from reel_common.domain.step import Claimed
from reel_common.plugins import Tools, read_operations, tool_for
from reel_common.ports.handler import Handlers, Report
from reel_common.ports.library import Library
from reel_common.ports.store import ObjectStore
from reel_tools.ffmpeg import readable
from reel_tools.sources import sources_of


class WriteInput(BaseModel):
    """The input of a ``write`` step: the whole list of operations from the originals, and these."""

    model_config = ConfigDict(frozen=True)

    operations: list[Any]
    inputs: list[str]


@dataclass(frozen=True, slots=True)
class Scriptgen:
    """Compiles; it needs no sandbox, since it runs nothing."""

    library: Library
    store: ObjectStore
    tools: Tools

    def handlers(self) -> Handlers:
        """What the worker calls."""
        return {StepKind.WRITE: self.write}

    async def write(self, step: Claimed, report: Report) -> Done:
        """One ``write`` step. Raises: PermanentError(NO_SUCH_TOOL, PLAN_INVALID, …) when there is no such program."""
        await report(None, "writing", "Writing the program")
        asked = WriteInput.model_validate(step.input)
        operations = read_operations(self.tools, asked.operations)
        sources = await sources_of(self.library, step.owner, asked.inputs)
        tool = tool_for(self.tools, operations)
        compiled = tool.compile(operations, sources)
        # canonical: the same program has the same digest, whoever wrote it
        text = json.dumps(compiled.program.as_json(), sort_keys=True, separators=(",", ":")).encode()
        key = keys.of_step(step, "program.json")
        by_hand = readable(compiled.program, [operation.words() for operation in operations])
        await self.store.put(key, text, "application/json")
        await self.store.put(keys.of_step(step, "program.sh"), by_hand.encode(), "text/plain; charset=utf-8")
        return Done(
            result={
                "tool": tool.name,
                "program_key": key,
                "program_sha256": hashlib.sha256(text).hexdigest(),
                "promise": compiled.promise.as_json(),
            }
        )
