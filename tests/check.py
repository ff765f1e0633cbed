"""Everything that CI checks, one step after the other; stops at the first failure."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = [str(path) for folder in ("zenithd", "plugins") for path in sorted((ROOT / folder).rglob("*.py"))]
ASYNC_RULES = (
    "ASYNC100,ASYNC101,ASYNC105,ASYNC109,ASYNC112,ASYNC113,ASYNC118,ASYNC121,ASYNC210,ASYNC220,ASYNC230"
)
"""Rules about mistakes; those that want a checkpoint on every path would forbid calls that do not block."""

STEPS = (
    ("format", ["-m", "ruff", "format", "--check", "--quiet", "."]),
    ("lint", ["-m", "ruff", "check", "--quiet", "."]),
    ("lint of asynchronous code", ["-m", "flake8_async", "--enable", ASYNC_RULES, *SOURCES]),
    ("types", ["-m", "mypy"]),
    ("tests", ["-m", "pytest", "-n", "2"]),
)


def main() -> int:
    """Run the steps; return the exit code of the first that fails."""
    for name, arguments in STEPS:
        print(f"== {name}", flush=True)
        began = time.monotonic()
        code = subprocess.run([sys.executable, *arguments], check=False, cwd=ROOT).returncode
        if code:
            print(f"== {name} failed", flush=True)
            return code
        print(f"== {name}: {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
