"""What this server is and what it can do, for people and programs that have just found it."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from reel_common.plugins import MOST_OPERATIONS
from reel_gateway.dependencies import Dependencies
from reel_gateway.editing import LONGEST_PROMPT

VERSION = version("reel-gateway")


def about(deps: Dependencies) -> dict[str, Any]:
    """Nothing of a user, and no address of a server behind it."""
    tools = [
        {
            "name": tool.name,
            "summary": tool.summary,
            "operations": [operation.model_json_schema() for operation in tool.operations],
        }
        for tool in deps.tools.values()
    ]
    limits = {
        "upload_bytes": deps.settings.max_upload_bytes,
        "prompt_characters": LONGEST_PROMPT,
        "operations": MOST_OPERATIONS,
    }
    return {
        "name": "reelwright",
        "version": VERSION,
        "job_kinds": sorted(deps.ledger.rules),
        "adapters": dict(deps.adapters),
        "tools": tools,
        "limits": limits,
    }
