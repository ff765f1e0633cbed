"""The journal: one append-only log that order management, exchange and registry share.

A producer appends entries to a feed and is answered once they are on the disk. What is derived from the
records can be derived again: read from a snapshot or from the start, it gives the same state.

In reading order: `record` (what there is), `chain` (digests and blocks), `anchor` (where it begins),
`sequencing`, `index`, `states`, all pure; `store` (what a store does), `sqlite`, `postgresql`; `reading` (in
steps), `pruning`; `writer` (one commit), `recent`, `gathering`, `thread`, `streams` (reading for the daemon),
`journal` (group commit); `replay`, `verification`, `copying`.
"""

from __future__ import annotations

from zenithd.journal.chain import Damaged, Head
from zenithd.journal.gathering import JournalRefuses, JournalSettings, JournalStatistics
from zenithd.journal.journal import Journal
from zenithd.journal.record import (
    Appended,
    Conflict,
    Entry,
    Gap,
    InvalidEntry,
    Outcome,
    Record,
    Snapshot,
    SnapshotTooLarge,
)
from zenithd.journal.replay import Replayed, replay, restore, state_digest
from zenithd.journal.states import State
from zenithd.journal.store import StoreFault, StoreRefused
from zenithd.journal.streams import JournalUnreadable

__all__ = [
    "Appended",
    "Conflict",
    "Damaged",
    "Entry",
    "Gap",
    "Head",
    "InvalidEntry",
    "Journal",
    "JournalRefuses",
    "JournalSettings",
    "JournalStatistics",
    "JournalUnreadable",
    "Outcome",
    "Record",
    "Replayed",
    "Snapshot",
    "SnapshotTooLarge",
    "State",
    "StoreFault",
    "StoreRefused",
    "replay",
    "restore",
    "state_digest",
]
