"""Write the journal of two trading days with one Python, and replay it with others: the same digests.

    python -m tests.reliability.replay_digests PYTHON [PYTHON …] [--traffic 30]

Each interpreter gets an environment of its own in a temporary folder, with this project in it; or name the
`bin/python` of an environment that has it. Each writes a journal and replays everybody's: the markets' states
and all their records must be the same everywhere, and the chain of one journal whoever reads it. (Chains of
different runs differ: which of two markets that act at the same time comes first in the journal is chance.)
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import trio
from trio.testing import MockClock

from tests.reliability.lib_exchange import at_work, digest_of, digest_of_records
from tests.reliability.lib_trading_days import two_trading_days
from zenithd.journal.reading import read_records
from zenithd.journal.sqlite import SqliteReader, SqliteStore
from zenithd.journal.verification import verify
from zenithd_prodigy.exchange import Market

PROJECT = Path(__file__).parents[2]
FEED = "prodigy/market "

Digests = dict[str, str]


def write(path: Path, traffic: int) -> Digests:
    """Play the days over a journal in a file; the digests of the live markets."""
    author = two_trading_days(1, traffic)

    async def play() -> Digests:
        async with at_work(SqliteStore(path), author.steps[0].at) as exchange:
            for step in author.steps:
                await exchange.carry_out(step)
            return exchange.states() | {"records": digest_of_records(exchange.records())}

    return trio.run(play, clock=MockClock(autojump_threshold=0))


def replay(path: Path) -> Digests:
    """The same digests from the journal alone, and that of its chain."""
    reader = SqliteReader(path)
    try:
        head = verify(reader).head
        feeds: dict[str, tuple[Market, list[bytes]]] = {}
        for records in read_records(reader):
            for record in records:
                if record.feed.startswith(FEED):
                    market, bodies = feeds.setdefault(record.feed, (Market(), []))
                    market.replay_encoded([record.body])
                    bodies.append(record.body)
    finally:
        reader.close()
    states = {
        market.model.definition.code: digest_of(market) for market, _ in feeds.values() if market.model.exists
    }
    recorded = digest_of_records({digest_of(market): bodies for market, bodies in feeds.values()})
    return states | {"records": recorded, "chain": f"{head.position} {head.digest.hex()}"}


def in_process(python: Path, verb: str, path: Path, traffic: int, hash_seed: str = "random") -> Digests:
    """What a fresh process of an interpreter finds."""
    answer = subprocess.run(
        [python, "-m", "tests.reliability.replay_digests", f"--{verb}", path, "--traffic", str(traffic)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
    )
    digests: Digests = json.loads(answer.stdout)
    return digests


def environment(python: Path, folder: Path) -> Path:
    """The interpreter of an environment that has this project: that one itself, or of a new one."""
    has_it = subprocess.run(
        [python, "-c", "import zenithd_prodigy"], cwd="/", capture_output=True, check=False
    )
    if has_it.returncode == 0:
        return python
    target = folder / f"environment {len(list(folder.iterdir()))}"
    subprocess.run([python, "-m", "venv", target], check=True)
    made = target / "bin" / "python"
    install = ["-m", "pip", "install", "-q", "-c", "requirements.lock", "-e", "."]
    subprocess.run([made, *install], cwd=PROJECT, check=True)
    return made


def compare(interpreters: Sequence[Path], folder: Path, traffic: int) -> tuple[int, int, list[str]]:
    """Write and replay with each; returns how many journals, how many replays, and what is different."""
    written: list[tuple[Path, Digests]] = []
    differences: list[str] = []
    for number, python in enumerate(interpreters):
        path = folder / f"{number}.db"
        written.append((path, in_process(python, "write", path, traffic)))
    for path, live in written:
        if live != written[0][1]:
            differences.append(f"{path.name} was written with {live}, not {written[0][1]}")
        replays = [in_process(python, "replay", path, traffic) for python in interpreters]
        for python, found in zip(interpreters, replays, strict=True):
            if found != replays[0] or live.items() - found.items():
                differences.append(f"{path.name} replayed by {python}: {found}, not {replays[0]}")
    return len(written), len(written) * len(interpreters), differences


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 if digests differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("interpreters", nargs="*", type=Path)
    parser.add_argument("--traffic", type=int, default=30)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--replay", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.write or asked.replay:
        print(json.dumps(write(asked.write, asked.traffic) if asked.write else replay(asked.replay)))
        return 0
    with tempfile.TemporaryDirectory(prefix="zenithd-digests-") as place:
        folder = Path(place)
        interpreters = [
            environment(python.absolute(), folder) for python in asked.interpreters or [Path(sys.executable)]
        ]
        journals, replays, differences = compare(interpreters, folder, asked.traffic)
    for difference in differences:
        print(f"DIFFERENCE: {difference}")
    print(f"{journals} journals, {replays} replays by {len(interpreters)} interpreters")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
