"""The one loop in which every kind of work is done: claim into free slots, renew, complete or retry, announce, sweep."""

from __future__ import annotations

from reel_common.worker.options import Options
from reel_common.worker.relay import Relay
from reel_common.worker.worker import Worker

__all__ = ["Options", "Relay", "Worker"]
