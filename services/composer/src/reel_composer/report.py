"""``report.json``: what was asked, what was made of it, and how it was checked; kept beside the final video."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reel_common.domain.step import Claimed
from reel_common.ports.sandbox import Completed
from reel_composer.gate import difference_of, length_of
from reel_tools.inspector import Checked


def figures_of(checked: Checked) -> dict[str, Any]:
    """The figures that the gate went by, as JSON."""
    difference = difference_of(checked)
    return {
        "duration": length_of(checked),
        "difference": None if difference is None else round(difference, 6),
        **checked.model_dump(exclude_defaults=False),
    }


def report(
    step: Claimed,
    checked: Checked,
    failures: Sequence[str],
    delivered: Sequence[Mapping[str, Any]],
    inspected: Completed,
    sandbox: Mapping[str, str],
) -> bytes:
    """The whole report. ``delivered`` are the outputs with their sides and durations; ``inspected`` the check's run."""
    given = step.input
    usage = {"wall": inspected.usage.wall, "cpu": inspected.usage.cpu, "memory_bytes": inspected.usage.memory_bytes}
    content = {
        "job": step.job,
        "operations": given["operations"],
        "program_key": given["program_key"],
        "promise": given["promise"],
        "outputs": list(delivered),
        "figures": figures_of(checked),
        "measured": given.get("measured") or {},
        "gate": {"passed": not failures, "failures": list(failures)},
        "sandbox": {"rendered_by": given.get("sandbox") or "", "checked_by": inspected.adapter, **sandbox},
        "usage": {"render": given.get("usage") or {}, "check": usage},
    }
    return json.dumps(content, indent=2, ensure_ascii=False).encode()
