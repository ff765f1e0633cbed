"""`python -m zenithd` is the command `zenithd`."""

from __future__ import annotations

import sys

from zenithd.cli import main

if __name__ == "__main__":
    sys.exit(main())
