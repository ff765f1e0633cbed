"""The state of the order management system against a ledger that scans everything, over random updates.

    python -m tests.reliability.ledger [--seeds 2000] [--updates 100] [--first 0]

Each seed is a story of so many updates of every kind, nonsense among them. After each one that the rules
take, cash, holdings, reserves, orders and requests are compared; at the end of a story, that its log and its
checkpoint lead to the same state.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from random import Random

from tests.reliability.lib_ledger_updates import Drawing
from tests.reliability.lib_naive_ledger import NaiveLedger
from zenithd.oms.model import updates as u
from zenithd.oms.state import OmsState, as_at, check


class Difference(Exception):
    """The two do not agree, or a refusal left a trace."""


def play(seed: int, updates: int, kinds: Counter[str], refused: Counter[str]) -> None:
    """One story.

    Raises:
        Difference: at which update of which seed, and in what.
    """
    state, naive = OmsState(), NaiveLedger()
    drawing = Drawing(Random(seed), state)
    kept: list[u.Kept] = []
    for number in range(1, updates + 1):
        one = u.Kept(time=number, update=drawing.next())
        reason = check(one.update, state)
        if reason is None:
            state.apply(one)
            naive.apply(one)
            kept.append(one)
            kinds[type(one.update).__name__] += 1
            different = naive.differences(state)
        else:
            refused[reason.partition(":")[0]] += 1
            different = []
        if different:
            raise Difference(f"seed {seed}, update {number}: {one.update}\n" + "\n".join(different))
    if as_at(None, u.decode_updates(u.encode_updates(kept))).digest() != state.digest():
        raise Difference(f"seed {seed}: its log leads to another state")
    if OmsState.restore(state.checkpoint()).digest() != state.digest():
        raise Difference(f"seed {seed}: its checkpoint leads to another state")


def main(arguments: list[str] | None = None) -> int:
    """Play stories until they end or differ; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2_000)
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args(arguments)
    kinds: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    try:
        for seed in range(options.first, options.first + options.seeds):
            play(seed, options.updates, kinds, refused)
    except Difference as difference:
        print(f"DIFFERENCE: {difference}")
        return 1
    print(f"{sum(kinds.values())} updates agree, {sum(refused.values())} were refused")
    for name, count in kinds.most_common():
        print(f"  {count:>8} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
