"""The whole choreography: what follows from the rows of a job, as a pure function and one small module a job kind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from reel_common.domain.flow import edit, ingest
from reel_common.domain.flow.follow import Changes, Next, Outside, Rule, follow

RULES: Mapping[str, Rule] = MappingProxyType({"edit": edit.rule, "ingest": ingest.rule})
"""Job kinds of the product. Test-only kinds are handed to the ledger beside it."""

__all__ = ["RULES", "Changes", "Next", "Outside", "Rule", "follow"]
