"""Where things lie in the object store: every key is built from ids and digests that we made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from reel_common.domain.step import Claimed


def artifact(owner: str, sha256: str) -> str:
    """Bytes by their content: uploads, renditions, results. A row in ``assets`` is the only proof that they count."""
    return f"u/{owner}/artifacts/{sha256}"


def of_step(step: Claimed, name: str) -> str:
    """Something a try of a step leaves to be read (a program, a log); a fenced try can only leave it in its own folder."""
    return f"u/{step.owner}/jobs/{step.job}/steps/{step.step}.{step.item}.{step.rev}/{step.epoch}/{name}"


def of_job(owner: str, job: str, name: str) -> str:
    """Something of a job as a whole, such as its accepted plan."""
    return f"u/{owner}/jobs/{job}/{name}"


def content_key(parts: Mapping[str, Any]) -> str:
    """The name of a result by all that decides it: sha256 over canonical JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
