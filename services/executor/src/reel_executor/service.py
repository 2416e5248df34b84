"""The executor as the worker sees it: handlers for ``run`` and ``ingest`` over ports that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reel_common.domain.kinds import StepKind
from reel_common.ports.handler import Handlers
from reel_common.ports.library import Library
from reel_common.ports.sandbox import Sandbox
from reel_common.ports.store import ObjectStore
from reel_common.ports.tool import Tool
from reel_executor.fetching import Fetcher
from reel_executor.ingest import Ingesting
from reel_executor.running import Running


@dataclass(frozen=True, slots=True)
class Executor:
    """Runs programs and takes uploads in.

    ``scratch`` is a folder for downloads under way, best on the file system of the sandbox's spool (they are linked
    into it). ``tools``, by name, read what their programs measured.
    """

    store: ObjectStore
    library: Library
    sandbox: Sandbox
    scratch: Path
    tools: Mapping[str, Tool] = field(default_factory=dict)

    def handlers(self) -> Handlers:
        """One coroutine for each step kind that this service claims."""
        fetcher = Fetcher(self.store, self.sandbox, self.scratch)
        running = Running(self.store, self.library, self.sandbox, fetcher, self.tools)
        ingesting = Ingesting(self.library, self.sandbox, fetcher)
        return {StepKind.RUN: running.run, StepKind.INGEST: ingesting.ingest}
