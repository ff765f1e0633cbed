"""Give the exchange and a naive market the same random operations, auctions and hostile commands.

    python -m tests.reliability.matching [--operations 1000000] [--auctions 100000] [--commands 100000]
                                         [--seed 1]

After every operation both must have made the same trades, and have the same book, the same orders beside it
and the same indicative auction values; after every market a replay of its events must give the same digest.
Hostile commands must be refused with a documented reason, or be carried out, and never be an error.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.reliability.lib_hostile_commands import run_hostile
from tests.reliability.lib_matching import run_auctions, run_operations

PIECE = 20_000
"""After so many a line tells how far it is."""


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for; 1 if there was a difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--auctions", type=int, default=100_000)
    parser.add_argument("--commands", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        trades = priced = accepted = refused = 0
        for first in range(0, asked.operations, PIECE):
            trades += run_operations(min(PIECE, asked.operations - first), asked.seed + first)
            print(f"\r{first:,} operations, {trades:,} trades", end="", file=sys.stderr)
        for first in range(0, asked.auctions, PIECE):
            priced += run_auctions(min(PIECE, asked.auctions - first), asked.seed + first)
            print(f"\r{first:,} auctions, {priced:,} with a price", end="", file=sys.stderr)
        for first in range(0, asked.commands, PIECE):
            run = run_hostile(min(PIECE, asked.commands - first), asked.seed + first)
            accepted, refused = accepted + run.accepted, refused + run.reasons.total()
            print(f"\r{first:,} hostile commands", end="", file=sys.stderr)
    except AssertionError as error:
        print(f"\nDIFFERENCE: {error}")
        return 1
    print(
        f"\n{asked.operations:,} operations with {trades:,} trades and {asked.auctions:,} auctions,"
        f" {priced:,} of them with a price: no difference."
        f"\n{refused:,} hostile commands refused with a reason, {accepted:,} carried out, no error."
        f"\n{time.monotonic() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
