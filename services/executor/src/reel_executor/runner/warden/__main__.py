"""``python -I -S …/warden/__main__.py REPORT_FD``: orders on stdin, the report on the descriptor."""

from __future__ import annotations

import sys

# Started by its path and without site-packages, which saves most of an interpreter's start: it finds the others itself.
sys.path.insert(0, __file__.rsplit("/", 4)[0])

from reel_executor.runner.warden.watching import main

if __name__ == "__main__":
    main(int(sys.argv[1]))
