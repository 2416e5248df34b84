"""``ingest``: an upload becomes an asset. First its facts, with which it can be used; then proxy and poster."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from reel_common.domain import keys
from reel_common.domain.media import MediaFacts, facts_from_json
from reel_common.domain.outcome import Done
from reel_common.domain.program import Program
from reel_common.domain.step import Claimed
from reel_common.errors import Code, PermanentError, ProgramFailedError
from reel_common.ports.handler import Report
from reel_common.ports.library import Asset, AssetState, Library
from reel_common.ports.sandbox import Sandbox
from reel_executor import outputs
from reel_executor.fetching import Fetcher
from reel_executor.renditions import renditions
from reel_executor.running import progress, readable
from reel_tools.inspector import Look, answers, facts_of, inspection


@dataclass(frozen=True, slots=True)
class Ingesting:
    """The handler of ``ingest`` steps."""

    library: Library
    sandbox: Sandbox
    fetcher: Fetcher

    async def ingest(self, step: Claimed, report: Report) -> Done:
        """Does the part of ingesting that the step names. Raises: PermanentError with what is wrong with the file."""
        part = step.input["part"]
        asset = await self.library.asset(step.owner, str(step.input["asset"]))
        if asset is None or asset.state is AssetState.DELETED:
            raise PermanentError(Code.INPUT_MISSING, "The upload has been deleted.")
        if part == "facts":
            return await self._facts(step, asset, report)
        if part == "renditions":
            return await self._renditions(step, asset, report)
        raise PermanentError(Code.INVALID, "An upload has facts and renditions, nothing else.")

    async def _facts(self, step: Claimed, asset: Asset, report: Report) -> Done:
        program = inspection([(Look.FACTS, asset.sha256)], asset.size)
        content_key = await self._content_key(step, program)
        earlier = await self.library.reusable(step.owner, content_key)
        if earlier is not None:
            return Done(earlier, facts={asset.id: facts_from_json(earlier["facts"])})
        await report(None, "reading the file")
        facts = await self._inspect(step.owner, asset, program)
        return Done({"facts": facts.as_json()}, content_key=content_key, facts={asset.id: facts})

    async def _inspect(self, owner: str, asset: Asset, program: Program) -> MediaFacts:
        await self.fetcher.bring(owner, asset.sha256)
        async with outputs.ran(self.sandbox, program) as completed:
            [answer] = answers(completed, 1)
        return facts_of(answer)

    async def _renditions(self, step: Claimed, asset: Asset, report: Report) -> Done:
        if asset.facts is None:
            raise PermanentError(Code.NOT_READY, "The upload's facts are not known.")
        program = renditions(asset.sha256, asset.facts)
        if program is None:
            return Done({"outputs": []})
        content_key = await self._content_key(step, program)
        earlier = await self.library.reusable(step.owner, content_key)
        if earlier is not None:
            assets = outputs.again(earlier["outputs"], source=asset.id)
            return Done({"outputs": outputs.as_json(assets)}, assets)
        await report(None, "fetching")
        await self.fetcher.bring(step.owner, asset.sha256)
        async with outputs.ran(self.sandbox, program, progress(program, report)) as completed:
            if completed.exit != 0:
                detail = f"Proxy and poster could not be made: FFmpeg ended with status {completed.exit}."
                raise ProgramFailedError(Code.PROGRAM_FAILED, detail, log_tail=readable(completed.stderr)[-2000:])
            found = outputs.promised(program, completed)
            assets = await outputs.keep(self.library, step.owner, found, source=asset.id)
        return Done({"outputs": outputs.as_json(assets)}, assets, content_key)

    async def _content_key(self, step: Claimed, program: Program) -> str:
        text: dict[str, Any] = program.as_json()
        text["files"] = {name: hashlib.sha256(file.encode()).hexdigest() for name, file in program.files.items()}
        sandbox = await self.sandbox.describe()
        return keys.content_key({"kind": step.kind, "program": text, "sandbox": sandbox["digest"], "take": step.take})
