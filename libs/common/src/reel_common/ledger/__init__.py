"""The truth: jobs, steps, events, outbox, assets, versions. One code for PostgreSQL and SQLite.

A change of a job is read, decided and written: one read of the job with all its steps, a pure decision in which
``follow`` says what comes of it, one guarded write that happens only if the job is still as it was read. A claim takes
ready rows and touches nothing else.
"""

from __future__ import annotations

from reel_common.ledger.decision import Outcome, RunOn
from reel_common.ledger.ledger import Ledger
from reel_common.ledger.migrating import migrate
from reel_common.ledger.submission import NewJob, NewVersion

__all__ = ["Ledger", "NewJob", "NewVersion", "Outcome", "RunOn", "migrate"]
