"""Asked to stop at the worst moment."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.faults.herd import Runner

pytestmark = pytest.mark.long


async def test_a_runner_that_is_asked_to_stop_while_it_starts_stops(spool: Path, papers: Path) -> None:
    runner = Runner(spool, {"REEL_SANDBOX": "confined"}, papers / "runner.log")
    end = time.monotonic() + 20
    while not (spool / ".runner.lock").exists():
        assert time.monotonic() < end
        await asyncio.sleep(0.002)
    runner.signal(signal.SIGTERM)
    code = await asyncio.to_thread(runner.ended, 20)
    if code is None:
        runner.signal(signal.SIGKILL)
        await asyncio.to_thread(runner.ended, 20)
    assert code == 0
