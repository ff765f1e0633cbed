"""Campaigns from the command line; exit code 1 if a contract was broken."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.fuzz import campaign, leaks
from tests.fuzz.boundaries import BOUNDARIES
from tests.fuzz.boundary import Boundary
from tests.fuzz.campaign import Campaign
from tests.fuzz.leaks import Growth

PROGRESS_SECONDS = 5.0
LEAK_INPUTS = 300
GROWTH_KILOBYTES_MAX = 16_384
"""Resident memory that may be added in the second half of a campaign, all inputs of which are new."""
GROWTH_INPUTS_MIN = 100_000
"""Shorter campaigns are still filling caches in their second half."""


class ProgressLine:
    """Says now and then how far a campaign is and how fast it goes, and at once what fails."""

    def __init__(self) -> None:
        self._began = self._told = time.monotonic()
        self._faults = 0

    def __call__(self, run: Campaign) -> None:
        for fault in run.faults[self._faults :]:
            print(f"FAULT in {run.boundary}, seed {run.seed}, {fault}\n    {fault.given!r}", flush=True)
        self._faults = len(run.faults)
        now = time.monotonic()
        if now - self._told < PROGRESS_SECONDS:
            return
        self._told = now
        speed = run.inputs / (now - self._began)
        print(f"{run.boundary}: {run.inputs:,} inputs, {speed:,.0f}/s, {len(run.faults)} faults", flush=True)


def fuzz(boundary: Boundary, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run one campaign and look for leaks; print what came of it."""
    began = time.monotonic()
    run = campaign.run(boundary, arguments.count, arguments.seed, ProgressLine())
    seconds = time.monotonic() - began
    for fault in run.faults if arguments.minimise else ():
        print(f"index {fault.index} made small:\n    {campaign.minimise(boundary, fault)!r}", flush=True)
    growth = Growth(0, 0, 0, 0) if run.faults else leaks.measure(boundary, arguments.seed, LEAK_INPUTS)
    memory = run.memory_kilobytes
    grown = memory[-1] - memory[len(memory) // 2] if memory else 0
    is_leaking = growth.leaks or (run.inputs >= GROWTH_INPUTS_MIN and grown > GROWTH_KILOBYTES_MAX)
    outcomes = ", ".join(f"{name} {count:,}" for name, count in run.outcomes.most_common())
    print(
        f"{boundary.name}: {run.inputs:,} inputs in {seconds:,.0f} s ({run.processor_seconds:,.0f} s busy), "
        f"{len(run.faults)} faults; {outcomes}"
    )
    print(
        f"    {growth.inputs:,} repeated inputs left {growth.blocks} blocks, {growth.objects} objects; "
        f"resident memory grew by {grown:,} kB in the second half{' LEAK' if is_leaking else ''}",
        flush=True,
    )
    return {
        "boundary": boundary.name,
        "inputs": run.inputs,
        "seed": arguments.seed,
        "seconds": round(seconds, 1),
        "processor_seconds": round(run.processor_seconds, 1),
        "outcomes": dict(run.outcomes.most_common()),
        "faults": [f"{fault}: {fault.given!r}" for fault in run.faults],
        "blocks_left": growth.blocks,
        "objects_left": growth.objects,
        "kilobytes_grown": grown,
        "failed": bool(run.faults) or is_leaking,
    }


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("boundary", nargs="*", help=f"of {', '.join(BOUNDARIES)}; without any: all")
    parser.add_argument("--count", type=int, default=1_000_000, help="inputs for each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at", type=int, help="show and check this input only")
    parser.add_argument("--minimise", action="store_true", help="make inputs that fail small")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    arguments = parser.parse_args()
    unknown = set(arguments.boundary) - set(BOUNDARIES)
    if unknown:
        parser.error(f"no such boundary: {', '.join(sorted(unknown))}")
    chosen = [BOUNDARIES[name]() for name in arguments.boundary or BOUNDARIES]
    if arguments.at is not None:
        for boundary in chosen:
            given = campaign.make(boundary, arguments.seed, arguments.at)
            print(f"{given!r}\n{next(iter(boundary.check_all([given])))}")
        return 0
    results = [fuzz(boundary, arguments) for boundary in chosen]
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    return int(any(result["failed"] for result in results))


if __name__ == "__main__":
    sys.exit(main())
