"""What a program was to write and what it wrote: taken only as promised, stored, and its files removed in any case."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from reel_common.domain.ids import new_id
from reel_common.domain.outcome import NewAsset
from reel_common.domain.program import Output, Program
from reel_common.errors import Code, PermanentError
from reel_common.ports.library import Library
from reel_common.ports.sandbox import Collected, Completed, OnProgress, Sandbox


@asynccontextmanager
async def ran(sandbox: Sandbox, program: Program, on_progress: OnProgress | None = None) -> AsyncIterator[Completed]:
    """The program, run to its end. What it wrote exists only inside of the block."""
    completed = await sandbox.run(program, on_progress)
    try:
        yield completed
    finally:
        for output in completed.outputs:
            output.path.unlink(missing_ok=True)


def promised(program: Program, completed: Completed) -> list[tuple[Output, Collected]]:
    """The outputs that were promised and are there, in the order of the promise; nothing else counts.

    Raises: PermanentError(NO_OUTPUT) when a required one is missing, BAD_OUTPUT when it is empty or no plain file.
    """
    written, refused = {c.name: c for c in completed.outputs}, dict(completed.refused)
    found = []
    for output in program.outputs:
        collected = written.get(output.name)
        if collected is not None and collected.size > 0:
            found.append((output, collected))
        elif output.required:
            raise _missing(output.name, collected, refused.get(output.name))
    return found


def _missing(name: str, collected: Collected | None, refusal: str | None) -> PermanentError:
    if collected is not None:
        return PermanentError(Code.BAD_OUTPUT, f"The program wrote an empty {name}.")
    if refusal is not None:
        return PermanentError(Code.BAD_OUTPUT, f"What the program wrote as {name} was not taken: {refusal}")
    return PermanentError(Code.NO_OUTPUT, f"The program ended well and did not write {name}.")


async def keep(
    library: Library, owner: str, found: Sequence[tuple[Output, Collected]], source: str | None = None
) -> tuple[NewAsset, ...]:
    """Stores the bytes of outputs and describes them as assets, ``source`` being what they are renditions of."""
    for output, collected in found:
        await library.keep(owner, collected.path, collected.sha256, output.media_type)
    return tuple(NewAsset(new_id(), o.role, o.name, c.sha256, c.size, o.media_type, source=source) for o, c in found)


def as_json(assets: Sequence[NewAsset]) -> list[dict[str, Any]]:
    """``outputs`` of a step's result."""
    return [
        {
            "asset_id": a.id,
            "role": a.role,
            "name": a.name,
            "sha256": a.sha256,
            "size": a.size,
            "media_type": a.media_type,
        }
        for a in assets
    ]


def again(outputs: Sequence[Mapping[str, Any]], source: str | None = None) -> tuple[NewAsset, ...]:
    """Assets of their own for the stored outputs of an earlier step: deleting that one's leaves these."""
    return tuple(
        NewAsset(new_id(), o["role"], o["name"], o["sha256"], o["size"], o["media_type"], source=source)
        for o in outputs
    )
