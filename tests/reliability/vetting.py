"""Compare generated vetting rules: compiled form, explanation, and a plain evaluator written from the rules.

    python -m tests.reliability.vetting [--rules 100000] [--seed 1]

Every statement is vetted with random orders, of which parts are missing; level, codes, arguments and faults
must be the same in all forms, also after the facts went through a record.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.reliability.lib_vetting import run_rules

PIECE = 1_000
"""After so many a line tells how far it is."""


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for; 1 if there was a difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rules", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    rules = vettings = piece = 0
    levels: Counter[int] = Counter()
    faults: Counter[str] = Counter()
    try:
        while rules < asked.rules:
            run = run_rules(min(PIECE, asked.rules - rules), asked.seed + piece)
            piece += 1
            rules, vettings = rules + run.rules, vettings + run.vettings
            levels += run.levels
            faults += run.faults
            print(f"\r{rules:,} rules", end="", file=sys.stderr)
    except AssertionError as error:
        print(f"\nDIFFERENCE: {error}")
        return 1
    print(
        f"\n{rules:,} rules, {vettings:,} vettings: no difference."
        f"\n{levels[0]:,} passed, {levels[1]:,} to the queue, {levels[2]:,} failed;"
        f" {', '.join(f'{number:,} {code}' for code, number in sorted(faults.items()))}."
        f"\n{time.monotonic() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
