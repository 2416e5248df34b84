"""The planner: turns a request into typed operations that are known to be possible, or says why it cannot be done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from reel_common.domain import keys
from reel_common.domain.kinds import StepKind
from reel_common.domain.media import MediaFacts
from reel_common.domain.outcome import Done
from reel_common.domain.step import Claimed
from reel_common.errors import Code, PermanentError
from reel_common.plugins import MOST_OPERATIONS, Tools, read_operations, tool_for
from reel_common.ports.handler import Handlers, Report
from reel_common.ports.library import Library
from reel_common.ports.store import ObjectStore
from reel_common.ports.tool import Operation
from reel_planner.grammar import understand
from reel_tools.ffmpeg.checking import apply, walk
from reel_tools.sources import sources_of

RULES = "rules/1"
"""The planner's name and version where it read words; they decide what comes out."""

GIVEN = "given"
"""The same where operations came with the request."""


class PlanInput(BaseModel):
    """The input of a ``plan`` step: either words or operations, on top of what the version before already does."""

    model_config = ConfigDict(frozen=True)

    prompt: str | None = None
    operations: list[Any] | None = None
    inputs: list[str]
    base_operations: list[Any] = []


@dataclass(frozen=True, slots=True)
class Added:
    """An operation that this request adds, and the words that ask for it."""

    text: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans edits without a model: what its grammar does not understand is refused, word for word."""

    library: Library
    store: ObjectStore
    tools: Tools

    def handlers(self) -> Handlers:
        """What the worker calls."""
        return {StepKind.PLAN: self.plan}

    async def plan(self, step: Claimed, report: Report) -> Done:
        """One ``plan`` step. Raises: PermanentError(NOT_UNDERSTOOD, PLAN_INVALID, EMPTY, …) when nothing can be done."""
        await report(None, "planning", "Reading the request")
        asked = PlanInput.model_validate(step.input)
        sources = await sources_of(self.library, step.owner, asked.inputs)
        if not sources:
            raise PermanentError(Code.INVALID, "The request names no file to edit.")
        base = read_operations(self.tools, asked.base_operations)
        added = self._added(asked, base, sources[0].facts)
        operations = [*base, *(a.operation for a in added)]
        if len(operations) > MOST_OPERATIONS:
            raise PermanentError(Code.PLAN_INVALID, f"A version has at most {MOST_OPERATIONS} operations.")
        compiled = tool_for(self.tools, operations).compile(operations, sources)
        result = {
            "operations": _as_json(operations),
            "added": _as_json([a.operation for a in added]),
            "understood": [{"text": a.text, "op": a.operation.op} for a in added],
            "planner": RULES if asked.operations is None else GIVEN,
            "plan_key": keys.of_step(step, "plan.json"),
        }
        document = {
            **{key: value for key, value in result.items() if key != "plan_key"},
            "prompt": asked.prompt,
            "inputs": asked.inputs,
            "steps": [operation.words() for operation in operations],
            "notes": list(walk(sources[0].facts, operations).notes),
            "promise": compiled.promise.as_json(),
        }
        await self.store.put(str(result["plan_key"]), _readable(document), "application/json")
        return Done(result=result)

    def _added(self, asked: PlanInput, base: Sequence[Operation], facts: MediaFacts) -> list[Added]:
        if asked.operations is not None and asked.prompt is not None:
            raise PermanentError(Code.INVALID, "The request has both a prompt and operations; send one of them.")
        if asked.operations is not None:
            given = read_operations(self.tools, asked.operations)
            if not given:
                raise PermanentError(Code.EMPTY, "The list of operations is empty.")
            return [Added(operation.words(), operation) for operation in given]
        return planned(asked.prompt or "", base, facts)


def planned(prompt: str, base: Sequence[Operation], facts: MediaFacts) -> list[Added]:
    """What the words ask for, each for the video as it is by then. Raises: PermanentError, see ``Planner.plan``."""
    understood = understand(prompt)
    timeline, added = walk(facts, base), []
    for asked in understood:
        operation = asked.intent.settle(timeline, asked.text)
        timeline = apply(timeline, operation)
        added.append(Added(asked.text, operation))
    return added


def _as_json(operations: Sequence[Operation]) -> list[dict[str, Any]]:
    return [operation.model_dump(mode="json") for operation in operations]


def _readable(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
