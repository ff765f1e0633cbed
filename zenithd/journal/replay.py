"""Deriving a state from a journal: all records in order, or a snapshot and the records behind it.

`apply` must be deterministic: it gets the record and nothing else. Then the same records give the same state
on every machine, which `state_digest` shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import NamedTuple

from zenithd.journal.chain import GENESIS
from zenithd.journal.journal import Journal
from zenithd.journal.record import Record, Snapshot


class Replayed(NamedTuple):
    """How far a state was brought."""

    position: int
    """Of the last record that is in the state."""
    digest: bytes
    """Of that record, which stands for all before it."""
    records: int
    """Applied now."""
    snapshot: Snapshot | None
    """What the state began with, without its bytes; None: with nothing."""


async def replay(
    journal: Journal,
    apply: Callable[[Record], object],
    upto: int | None = None,
    *,
    after: tuple[int, bytes] = (0, GENESIS),
) -> Replayed:
    """Apply all records behind a position up to another, both included; by default all.

    Between steps of some thousand records others get their turn.

    Raises:
        JournalUnreadable, Damaged: as `Journal.batches`.
    """
    position, digest = after
    applied = 0
    async for records in journal.batches(position + 1, upto, after=digest):
        for record in records:
            apply(record)
        applied += len(records)
        position, digest = records[-1].position, records[-1].digest
    return Replayed(position, digest, applied, None)


async def restore(
    journal: Journal,
    name: str,
    load: Callable[[bytes], object],
    apply: Callable[[Record], object],
    *,
    position: int | None = None,
    date: int | None = None,
) -> Replayed:
    """Make the state as it was at a position or date, by default the newest: snapshot, then records.

    `load` takes the state of the snapshot; it is not called if there is none early enough.

    Raises:
        JournalUnreadable, Damaged: as `Journal.batches`.
    """
    upto = journal.head.position if position is None else position
    if date is not None:
        upto = min(upto, await journal.position_at(date))
    snapshot = await journal.snapshot(name, position=upto)
    if snapshot is None:
        return await replay(journal, apply, upto)
    load(snapshot.state)
    replayed = await replay(journal, apply, upto, after=(snapshot.position, snapshot.digest))
    return replayed._replace(snapshot=snapshot._replace(state=b""))


def state_digest(parts: Iterable[bytes]) -> str:
    """The digest of a state that is given in parts, in an order of their own; hexadecimal.

    Each part is preceded by its length, so that parts cannot be shifted against each other.
    """
    whole = sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()
