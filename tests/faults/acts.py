"""What people ask for during a run, as data: jobs of every kind, wishes about them, and how each must end."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from reel_common.domain.ids import new_id
from reel_common.domain.job import JobState

OWNERS = tuple(f"owner-{n}" for n in range(5))
SUCCEEDED, FAILED, CANCELLED = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED

CHAIN_OR_FAN: tuple[tuple[str, dict[str, bool], tuple[str, ...]], ...] = (
    ("chain", {}, ()),
    ("fan", {}, ()),
    ("fan", {}, ("pause", "resume")),
    ("chain", {"shaky": True}, ()),
    ("fan", {}, ("cancel",)),
    ("chain", {}, ("cancel",)),
    ("fan", {"shaky": True}, ()),
    ("chain", {"bad": True}, ()),
)  # fmt: skip
"""(kind, what its steps are told, wishes)."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is asked for ``at`` so many seconds: ``submit`` with all that a job needs, or a wish about it.

    Acts of one ``line`` are done one after the other: nobody can edit what he has not uploaded, nor cancel what he has
    not asked for.
    """

    at: float
    do: str
    job: str
    line: str
    kind: str = ""
    owner: str = ""
    subject: str = ""
    request: dict[str, Any] = field(default_factory=dict)
    asset: dict[str, Any] | None = None
    file: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """All of a run, and the states in which each job may end."""

    acts: list[Act]
    ends: dict[str, frozenset[JobState]]


def write(acts: Sequence[Act], path: Path) -> None:
    """For a process of another kind to read."""
    path.write_text(json.dumps([asdict(a) for a in acts]))


def read(path: Path) -> list[Act]:
    return [Act(**fields) for fields in json.loads(path.read_text())]


class Asking:
    """Puts a run together; the same seed asks for the same, under new ids."""

    def __init__(self, rng: random.Random, seconds: float) -> None:
        self._rng, self._seconds = rng, seconds
        self.asked = Asked([], {})

    def drills(self, jobs: int) -> None:
        """Synthetic jobs of every kind in turn, evenly over the time."""
        for n in range(jobs):
            kind, told, wishes = CHAIN_OR_FAN[n % len(CHAIN_OR_FAN)]
            request: dict[str, Any] = {"input": told} if kind == "chain" else told
            at = self._some_time(n, jobs)
            job = new_id()
            act = self._submit(Act(at, "submit", job, job, kind, OWNERS[n % len(OWNERS)], request=request))
            self._wish(act, wishes)
            if told.get("bad"):
                self.asked.ends[job] = frozenset({FAILED})

    def edits(self, jobs: int, clips: Sequence[Path], broken: Path) -> None:
        """Uploads, one of which is no video, and edits of them that begin to wait at once."""
        uploads = [self._upload(n, path) for n, path in enumerate((*clips, broken))]
        self.asked.ends[uploads[-1].job] = frozenset({FAILED})
        for n in range(jobs):
            upload = uploads[n % len(uploads)]
            at = max(upload.at + 0.01, self._some_time(n, jobs))
            act = self._submit(_edit(at, upload, n))
            if upload.file == str(broken):
                self.asked.ends[act.job] = frozenset({FAILED})
            elif n % 5 == 4:
                self._wish(act, ("cancel",))

    def _upload(self, n: int, path: Path) -> Act:
        data, asset, owner = path.read_bytes(), new_id(), OWNERS[n % len(OWNERS)]
        row = {"id": asset, "role": "original", "state": "ingesting", "name": path.name, "media_type": "video/mp4",
               "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}  # fmt: skip
        job = new_id()
        request = {"asset": asset}
        return self._submit(
            Act(0.5 * n, "submit", job, job, "ingest", owner, f"asset:{asset}", request, row, str(path))
        )

    def _submit(self, act: Act) -> Act:
        self.asked.acts.append(act)
        self.asked.ends[act.job] = frozenset({SUCCEEDED})
        return act

    def _wish(self, about: Act, wishes: Sequence[str]) -> None:
        at = about.at
        for wish in wishes:
            at += self._rng.uniform(0.3, 2.0)
            self.asked.acts.append(Act(at, wish, about.job, about.line))
        if "cancel" in wishes:
            self.asked.ends[about.job] = frozenset({SUCCEEDED, CANCELLED})

    def _some_time(self, n: int, of: int) -> float:
        """The first half within a third of the time, so that there is work from the start."""
        share: float = ((n + self._rng.random()) / of) ** 1.5
        return self._seconds * share


def _edit(at: float, upload: Act, n: int) -> Act:
    """Every third asks for what another has asked for before, so that results are used again."""
    assert upload.asset
    height = (36, 40, 44)[n % 3]
    operations = [{"op": "trim", "start": 0.2, "end": 0.8}, {"op": "resize", "height": height}]
    session = new_id()
    request = {"session": session, "version": new_id(), "prompt": None, "operations": operations,
               "inputs": [upload.asset["id"]], "base_operations": []}  # fmt: skip
    return Act(at, "submit", new_id(), upload.line, "edit", upload.owner, f"session:{session}", request)
