"""The generated reference is what the code says."""

from __future__ import annotations

import subprocess
import sys


def test_the_reference_is_not_stale() -> None:
    assert subprocess.run([sys.executable, "scripts/reference.py", "--check"], check=False).returncode == 0, (
        "run: python scripts/reference.py"
    )
