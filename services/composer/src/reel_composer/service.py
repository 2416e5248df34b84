"""The composer as the worker sees it: ``compose`` checks what was made and says what is delivered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reel_common.domain import keys
from reel_common.domain.ids import new_id
from reel_common.domain.kinds import StepKind
from reel_common.domain.outcome import Done
from reel_common.domain.program import program_from_json
from reel_common.domain.step import Claimed
from reel_common.errors import Code, PermanentError
from reel_common.ports.handler import Handlers, Report
from reel_common.ports.sandbox import Completed, Sandbox
from reel_common.ports.store import ObjectMissingError, ObjectStore
from reel_composer.gate import has_black, is_black, judge, length_of, promise_from_json
from reel_composer.report import figures_of, report
from reel_tools.inspector import Checked, Look, answers, checked_of, facts_of, inspection, picture_of

Shape = tuple[float | None, int | None, int | None]
"""Duration in seconds, width and height in pixels, as far as a file has them."""

_PICTURES = ("image/jpeg", "image/png")


@dataclass(frozen=True, slots=True)
class Composer:
    """``scratch`` is a folder for downloads under way, best on the file system of the sandbox's spool."""

    store: ObjectStore
    sandbox: Sandbox
    scratch: Path

    def handlers(self) -> Handlers:
        """One coroutine for each step kind that this service claims."""
        return {StepKind.COMPOSE: self.compose}

    async def compose(self, step: Claimed, report_progress: Report) -> Done:
        """Checks the final against its promise. Raises: PermanentError(GATE) with the figure that is wrong."""
        outputs: Sequence[Mapping[str, Any]] = step.input["outputs"]
        looks = [(output, look) for output in outputs if (look := _look(output))]
        if [look for _, look in looks].count(Look.CHECK) != 1:
            raise PermanentError(Code.NO_OUTPUT, "The program made no final video or sound.")
        await report_progress(None, "checking")
        for output in outputs:
            await self._bring(step.owner, output["sha256"])
        program = inspection([(look, o["sha256"]) for o, look in looks], sum(o["size"] for o, _ in looks))
        completed = await self.sandbox.run(program)
        checked, shapes = _read(completed, looks)
        promise = promise_from_json(step.input["promise"])
        black = is_black(promise, checked) and await self._source_has_black(step)
        failures = judge(promise, checked, black_expected=black)
        delivered = [_delivered(output, shapes.get(output["asset_id"], (None, None, None))) for output in outputs]
        report_key = keys.of_job(step.owner, step.job, "final/report.json")
        described = await self.sandbox.describe()
        text = report(step, checked, failures, delivered, completed, described)
        await self.store.put(report_key, text, "application/json")
        if failures:
            raise PermanentError(Code.GATE, " ".join(failures))
        return Done({"outputs": delivered, "report_key": report_key, "gate": figures_of(checked)})

    async def _source_has_black(self, step: Claimed) -> bool:
        """Only asked about a black result: of a black film, nothing else can come."""
        try:
            program = program_from_json(json.loads(await self.store.get(step.input["program_key"])))
        except (ObjectMissingError, KeyError, TypeError, ValueError):
            return False
        sources = list(dict.fromkeys(program.inputs.values()))
        for sha256 in sources:
            await self._bring(step.owner, sha256)
        completed = await self.sandbox.run(inspection([(Look.CHECK, sha256) for sha256 in sources]))
        return any("error" not in a and has_black(checked_of(a)) for a in answers(completed, len(sources)))

    async def _bring(self, owner: str, sha256: str) -> None:
        """What is to be delivered has to be in the store, whether or not the sandbox still has the bytes."""
        key = keys.artifact(owner, sha256)
        if await self.store.stat(key) is None:
            raise PermanentError(Code.INPUT_MISSING, "A result that was made is not in the store any more.")
        if await self.sandbox.has(sha256):
            return
        path = self.scratch / f"{new_id()}.part"
        await asyncio.to_thread(self.scratch.mkdir, parents=True, exist_ok=True)
        try:
            await self.store.get_file(key, path)
            path.chmod(0o444)  # a file that nobody may write to can be linked instead of copied
            await self.sandbox.put(path, sha256)
        except ObjectMissingError:
            raise PermanentError(Code.INPUT_MISSING, "A result that was made is not in the store any more.") from None
        finally:
            path.unlink(missing_ok=True)


def _look(output: Mapping[str, Any]) -> Look | None:
    """How to look at an output; None for what is neither picture nor media (captions, a timeline)."""
    if output["role"] == "final":
        return Look.CHECK
    if output["media_type"] in _PICTURES:
        return Look.PICTURE
    return Look.FACTS if output["media_type"].startswith(("video/", "audio/")) else None


def _read(completed: Completed, looks: Sequence[tuple[Mapping[str, Any], Look]]) -> tuple[Checked, dict[str, Shape]]:
    """The final's figures and the shape of every output, by asset."""
    final: Checked | None = None
    shapes: dict[str, Shape] = {}
    name = "The result"
    try:
        for (output, look), answer in zip(looks, answers(completed, len(looks)), strict=True):
            name = output["name"]
            if look is Look.CHECK:
                final = checked_of(answer)
                sides = (final.video.width, final.video.height) if final.video else (None, None)
                shapes[output["asset_id"]] = (length_of(final), *sides)
            elif look is Look.PICTURE:
                picture = picture_of(answer)
                shapes[output["asset_id"]] = (None, picture.width, picture.height)
            else:
                facts = facts_of(answer)
                sides = (facts.video.width, facts.video.height) if facts.video else (None, None)
                shapes[output["asset_id"]] = (facts.duration, *sides)
    except PermanentError as error:
        raise PermanentError(Code.BAD_OUTPUT, f"{name} is not what it was made to be. {error.detail}") from error
    if final is None:
        raise PermanentError(Code.NO_OUTPUT, "The program made no final video or sound.")
    return final, shapes


def _delivered(output: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    duration, width, height = shape
    return {
        "role": output["role"],
        "asset_id": output["asset_id"],
        "media_type": output["media_type"],
        "bytes": output["size"],
        "duration_s": None if duration is None else round(duration, 6),
        "width": width,
        "height": height,
    }
