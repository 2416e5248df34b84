"""A gateway over a real SQLite ledger and embedded ports, and somebody who does the work of all other services."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import httpx
from fastapi import FastAPI

from reel_common.adapters.embedded.noticeboard import EmbeddedNoticeboard
from reel_common.adapters.embedded.store import DirectoryStore
from reel_common.domain import keys
from reel_common.domain.ids import new_id
from reel_common.domain.kinds import StepKind
from reel_common.domain.media import AudioFacts, MediaFacts, VideoFacts
from reel_common.domain.outcome import Done, NewAsset
from reel_common.domain.step import Claimed
from reel_common.errors import Code, Failure
from reel_common.ledger import Ledger, Outcome
from reel_gateway.dependencies import Dependencies

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 8
FACTS = MediaFacts("mov", 10.0, len(CLIP), VideoFacts("h264", 1280, 720, Fraction(30)), (AudioFacts("aac", 48000, 2),))
TRIM = {"op": "trim", "start": 3.0, "end": 8.0}
ALL = tuple(StepKind)

Json = dict[str, Any]


@dataclass
class House:
    """``http`` asks as a client does; the rest is what stands behind."""

    app: FastAPI
    http: httpx.AsyncClient
    book: Ledger
    store: DirectoryStore
    board: EmbeddedNoticeboard
    deps: Dependencies
    announced: list[Outcome] = field(default_factory=list)

    # a user

    async def ok(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        """The JSON of an answer that has to have this status."""
        answer = await self.http.request(method, path, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def upload(
        self, name: str = "clip.mp4", content: bytes = CLIP, headers: Mapping[str, str] | None = None
    ) -> Json:
        return await self.ok("PUT", "/v1/assets", 201, params={"name": name}, content=content, headers=headers)  # type: ignore[no-any-return]

    async def asset(self) -> str:
        """One that has been looked at."""
        asset = await self.upload(content=CLIP + new_id().encode())
        await self.ingest()
        return str(asset["id"])

    async def session(self) -> str:
        made = await self.ok("POST", "/v1/sessions", 201, json={"inputs": [await self.asset()]})
        return str(made["id"])

    async def edit(self, session: str, **body: Any) -> Json:
        given = body or {"prompt": "keep seconds 3 to 8"}
        return await self.ok("POST", f"/v1/sessions/{session}/edits", 202, json=given)  # type: ignore[no-any-return]

    async def edited(self) -> tuple[Json, str]:
        """A job that has succeeded, and its session."""
        session = await self.session()
        job = await self.edit(session)
        await self.work()
        return await self.ok("GET", f"/v1/jobs/{job['id']}"), session

    # the services

    async def claim(self, *kinds: str) -> Claimed:
        (step,) = await self.book.claim("w", kinds or ALL, 1)
        return step

    async def complete(self, step: Claimed, done: Done) -> None:
        self.announce(await self.book.complete(step, done))

    async def fail(self, step: Claimed, why: Failure) -> None:
        self.announce(await self.book.fail(step, why))

    def announce(self, outcome: Outcome) -> None:
        self.deps.announce(outcome)

    async def ingest(self) -> None:
        facts = await self.claim("ingest")
        await self.complete(facts, Done({"facts": FACTS.as_json()}, facts={facts.input["asset"]: FACTS}))
        for outcome in await self.book.revisit([f"asset:{facts.input['asset']}"]):
            self.announce(outcome)
        renditions = await self.claim("ingest")
        poster = await self._made("poster", "image/jpeg", b"jpeg", source=renditions.input["asset"])
        await self.complete(renditions, Done({"outputs": [_output(poster)]}, (poster,)))

    async def work(self, until: str = "") -> None:
        """Does the next steps of edits, up to and without the step named."""
        while steps := await self.book.claim("w", ("plan", "write", "run", "compose"), 1):
            (step,) = steps
            if step.step == until:
                self.announce(await self.book.give_back(step))
                return
            await self.complete(step, await self.do(step))

    async def do(self, step: Claimed) -> Done:
        return await {"plan": self._plan, "write": self._write, "run": self._run, "compose": self._compose}[step.step](
            step
        )

    async def _plan(self, step: Claimed) -> Done:
        given = step.input["operations"] or [TRIM]
        operations = [*step.input["base_operations"], *given]
        key = await self._put(step, "plan.json", json.dumps({"operations": operations}))
        return Done({"operations": operations, "added": given, "understood": [], "planner": "rules/1", "plan_key": key})

    async def _write(self, step: Claimed) -> Done:
        key = await self._put(step, "program.json", '{"engine": "ffmpeg"}')
        await self._put(step, "program.sh", "#!/bin/sh\nffmpeg …\n")
        return Done({"tool": "ffmpeg", "program_key": key, "program_sha256": "0" * 64, "promise": {"duration": 5.0}})

    async def _run(self, step: Claimed) -> Done:
        log = await self._put(step, "log.txt", "frame=150\n")
        final = await self._made("final", "video/mp4", b"final " + step.job.encode())
        result = {
            "outputs": [_output(final)],
            "measured": {},
            "usage": {},
            "sandbox": "none",
            "log_key": log,
            "reused": False,
        }
        return Done(result, (final,))

    async def _compose(self, step: Claimed) -> Done:
        key = keys.of_job(step.owner, step.job, "final/report.json")
        await self.store.put(key, b'{"passed": true}', "application/json")
        (final,) = step.input["outputs"]
        shape = {"bytes": final["size"], "duration_s": 5.0, "width": 1280, "height": 720}
        output = {k: final[k] for k in ("role", "asset_id", "media_type")} | shape
        return Done({"outputs": [output], "report_key": key, "gate": {}})

    async def _put(self, step: Claimed, name: str, text: str) -> str:
        key = keys.of_step(step, name)
        await self.store.put(key, text.encode(), "text/plain")
        return key

    async def _made(self, role: str, media_type: str, content: bytes, source: str | None = None) -> NewAsset:
        sha256 = hashlib.sha256(content).hexdigest()
        await self.store.put(keys.artifact("local", sha256), content, media_type)
        return NewAsset(new_id(), role, f"{role}.bin", sha256, len(content), media_type, source=source)


BROKEN = Failure(Code.PROGRAM_FAILED, "The program ended with status 1.", log_tail="last words")


def _output(asset: NewAsset) -> Mapping[str, Any]:
    return {"asset_id": asset.id, "role": asset.role, "name": asset.name, "sha256": asset.sha256, "size": asset.size,
            "media_type": asset.media_type}  # fmt: skip


def problem(answer: httpx.Response, status: int, code: str) -> Json:
    """The problem in an answer, which has to be this one."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    said: Json = answer.json()
    assert said["code"] == code, said
    assert said["status"] == status
    assert set(said) >= {"type", "title", "status", "detail", "code", "hint", "errors", "trace_id"}
    return said


def events(text: str) -> list[tuple[str, str | None, Json]]:
    """(type, id, data) of each event of a stream."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in lines:
            found.append((lines.get("event", "message"), lines.get("id"), json.loads(lines["data"])))
    return found
