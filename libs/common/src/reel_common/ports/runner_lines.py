"""The runner's answer over its socket: one JSON object a line, progress first and the end of the program last.

Both sides use these functions, so there is one place that knows the form.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reel_common.errors import (
    Code,
    LimitExceededError,
    PermanentError,
    ProgramFailedError,
    ReelError,
    SandboxUnavailableError,
    TransientError,
)
from reel_common.ports.sandbox import Collected, Completed, Usage

MEDIA_TYPE = "application/x-ndjson"

_KINDS: tuple[tuple[str, type[ReelError]], ...] = (
    ("unavailable", SandboxUnavailableError),
    ("transient", TransientError),
    ("limit", LimitExceededError),
    ("failed", ProgramFailedError),
    ("permanent", PermanentError),
)


def line(kind: str, content: Mapping[str, Any]) -> bytes:
    """One line of the answer: ``progress``, ``completed`` or ``error`` with what belongs to it."""
    return json.dumps({kind: content}, separators=(",", ":")).encode() + b"\n"


def completed_as_json(completed: Completed) -> dict[str, Any]:
    """The end of a program that ran to its end."""
    return {
        "exit": completed.exit,
        "stdout": base64.b64encode(completed.stdout).decode(),
        "stderr": base64.b64encode(completed.stderr).decode(),
        "outputs": [
            {"name": o.name, "path": str(o.path), "sha256": o.sha256, "size": o.size} for o in completed.outputs
        ],
        "refused": [list(pair) for pair in completed.refused],
        "usage": {
            "wall": completed.usage.wall,
            "cpu": completed.usage.cpu,
            "memory_bytes": completed.usage.memory_bytes,
        },
        "adapter": completed.adapter,
    }


def completed_from_json(data: Mapping[str, Any]) -> Completed:
    """The reverse of ``completed_as_json``. Raises: KeyError, TypeError, ValueError when it is not that."""
    return Completed(
        exit=int(data["exit"]),
        stdout=base64.b64decode(data["stdout"]),
        stderr=base64.b64decode(data["stderr"]),
        outputs=tuple(
            Collected(name=o["name"], path=Path(o["path"]), sha256=o["sha256"], size=int(o["size"]))
            for o in data["outputs"]
        ),
        refused=tuple((str(name), str(reason)) for name, reason in data["refused"]),
        usage=Usage(**data["usage"]),
        adapter=data["adapter"],
    )


def error_as_json(error: ReelError) -> dict[str, str]:
    """An error with whose fault it is."""
    kinds = [name for name, of in _KINDS if isinstance(error, of)]
    return {"kind": kinds[0] if kinds else "unavailable", **error.failure.as_json()}


def error_from_json(data: Mapping[str, Any]) -> ReelError:
    """The reverse of ``error_as_json``: an exception to raise. What it does not know is the sandbox's fault."""
    kind = dict(_KINDS).get(str(data.get("kind")), SandboxUnavailableError)
    detail = str(data.get("detail", "the runner gave no reason"))
    if issubclass(kind, TransientError):
        return kind(detail)
    return kind(Code(data["code"]), detail, hint=str(data.get("hint", "")), log_tail=str(data.get("log_tail", "")))
