"""Kill a process that appends, again and again, and see whether anything acknowledged was lost.

    python -m tests.reliability.journal_kills [--count 200] [--store sqlite|postgresql] [--seed 1]

A child process opens the journal and lets many producers append numbered entries to feeds of their own; each
acknowledgement is written to a pipe, in one piece, before the producer goes on. After a random time the
child is killed with `kill -9`. What the pipe holds was acknowledged. Then the journal is looked at as a
whole: every acknowledged entry is there once, with its sequence, and there is no hole. The next child goes
on where this one was, and brings the entries again that were not acknowledged.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import trio

from zenithd.bench.postgresql import own_server
from zenithd.journal import Appended, Journal
from zenithd.journal.postgresql import PostgresqlReader, PostgresqlStore
from zenithd.journal.reading import read_records
from zenithd.journal.sqlite import SqliteReader, SqliteStore
from zenithd.journal.store import Reader, Store
from zenithd.journal.verification import verify

PRODUCERS = 24
ENTRIES_MAX = 5
SNAPSHOT_EVERY = 200
LINE = 24
"""Bytes of an acknowledgement: written at once, so that a kill cannot tear it."""

SECONDS_MAX = 0.4
START_SECONDS_MAX = 60


class Lost(AssertionError):
    """What was acknowledged is not there, or not as it was acknowledged."""


class Result(msgspec.Struct):
    """What all kills came to."""

    store: str
    kills: int = 0
    acknowledged: int = 0
    """Entries."""
    records: int = 0
    """In the journal in the end; those beyond the acknowledged were written, and the kill came before the
    acknowledgement."""
    brought_again: int = 0
    """Entries that a later process brought again and that were there already."""


def store_of(place: str) -> Store:
    """A URL or a file."""
    return PostgresqlStore(place) if "://" in place else SqliteStore(Path(place))


def reader_of(place: str) -> Reader:
    """A URL or a file."""
    return PostgresqlReader(place) if "://" in place else SqliteReader(Path(place))


def body_of(producer: int, sequence: int) -> bytes:
    """What an entry must say."""
    return f"{producer}:{sequence}:".encode() * (1 + sequence % 7)


# The child


async def append_for_ever(place: str, next_sequences: dict[int, int], seed: int) -> None:
    """Append until killed; standard output gets a line for each acknowledgement."""
    journal = Journal(store_of(place))
    await journal.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        os.write(1, b"ready".ljust(LINE - 1) + b"\n")
        for producer in range(PRODUCERS):
            first = next_sequences.get(producer, 1)
            nursery.start_soon(produce, journal, producer, first, random.Random(seed * 1_000 + producer))


async def produce(journal: Journal, producer: int, sequence: int, generator: random.Random) -> None:
    """Append numbered entries, sometimes with a snapshot."""
    while True:
        number = generator.randint(1, ENTRIES_MAX)
        entries = [("kill", body_of(producer, sequence + each)) for each in range(number)]
        appended = await journal.append(f"feed {producer}", entries, sequence, now=time.time_ns())
        if not isinstance(appended, Appended):
            raise Lost(f"feed {producer}: {appended}")
        sequence += number
        os.write(1, f"{producer} {sequence - 1} {appended.duplicates}".encode().ljust(LINE - 1) + b"\n")
        if sequence % SNAPSHOT_EVERY < number:
            await journal.put_snapshot("kills", journal.head.position, time.time_ns(), bytes(5_000))


# The parent


@contextmanager
def child(place: str, acknowledged: dict[int, int], seed: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that appends, once it has begun."""
    following = {producer: last + 1 for producer, last in acknowledged.items()}
    arguments = ["--child", place, "--next", json.dumps(following), "--seed", str(seed)]
    command = [sys.executable, "-m", "tests.reliability.journal_kills", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    with process:
        try:
            assert process.stdout is not None
            readable, _, _ = select.select([process.stdout], [], [], START_SECONDS_MAX)
            if not readable or os.read(process.stdout.fileno(), LINE).strip() != b"ready":
                raise Lost("the journal cannot be opened again")
            yield process
        finally:
            process.kill()


def kill_once(place: str, acknowledged: dict[int, int], result: Result, generator: random.Random) -> None:
    """Run a child for a while, kill it, and note what it acknowledged."""
    with child(place, acknowledged, generator.randrange(10**6)) as process:
        assert process.stdout is not None
        deadline = time.monotonic() + generator.uniform(0, SECONDS_MAX)
        received = b""
        while (left := deadline - time.monotonic()) > 0:
            if select.select([process.stdout], [], [], left)[0]:
                received += os.read(process.stdout.fileno(), 65_536)
        process.send_signal(signal.SIGKILL)
        received += process.stdout.read()
    lines = received.split(b"\n")
    if lines.pop():
        raise Lost("an acknowledgement is torn")
    for line in lines:
        producer, last, duplicates = map(int, line.split())
        if last <= acknowledged.get(producer, 0):
            raise Lost(f"feed {producer}: sequence {last} acknowledged after {acknowledged[producer]}")
        acknowledged[producer] = last
        result.brought_again += duplicates
    result.kills += 1


def look(place: str, acknowledged: dict[int, int]) -> int:
    """Look at the whole journal; returns how many records it has.

    Raises:
        Lost: an acknowledged entry is missing, or another than was brought.
        Damaged: the journal is not whole.
    """
    reader = reader_of(place)
    try:
        with reader.frozen():  # a server may still be at work on what a killed client had asked for
            found = verify(reader)  # no hole and no double in any feed, and the chain unbroken
        for producer, last in acknowledged.items():
            if found.feeds.get(f"feed {producer}", 0) < last:
                raise Lost(f"feed {producer}: {last} acknowledged, ends at {found.feeds}")
        for records in read_records(reader):
            for record in records:
                if record.body != body_of(int(record.feed.split()[1]), record.sequence):
                    raise Lost(f"record {record.position} is not what was brought")
    finally:
        reader.close()
    return found.head.position


def kill(count: int, store: str = "sqlite", seed: int = 1, say: bool = False) -> Result:
    """Kill so many processes; returns what came of it.

    Raises:
        Lost, Damaged: see `look`.
    """
    generator, acknowledged, result = random.Random(seed), dict[int, int](), Result(store)
    with ExitStack() as made:
        if store == "postgresql":
            place = made.enter_context(own_server()).url
        else:
            folder = made.enter_context(tempfile.TemporaryDirectory(prefix="zenithd-kills-"))
            place = str(Path(folder) / "journal.db")
        for number in range(count):
            kill_once(place, acknowledged, result, generator)
            result.records = look(place, acknowledged)
            if say and (number + 1) % 10 == 0:
                print(f"{number + 1} kills, {result.records:,} records", flush=True)
    result.acknowledged = sum(acknowledged.values())
    return result


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Kill a process that appends, and look for what is lost.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    parser.add_argument("--next", default="{}", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        following = {int(producer): first for producer, first in json.loads(arguments.next).items()}
        trio.run(append_for_ever, arguments.child, following, arguments.seed)
        return 0
    print(msgspec.json.encode(kill(arguments.count, arguments.store, arguments.seed, True)).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
