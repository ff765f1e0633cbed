"""Where a journal begins: at its first record, or behind those that were pruned. Pure.

A pruned journal keeps the end of the chain as it was at the last record that is gone, and the ends of all
feeds there. So what is left is checked as before, sequences go on, and the digest of any backup or earlier
note of that position can be compared.
"""

from __future__ import annotations

import msgspec

from zenithd.journal.chain import INDEX_EVERY, Head, IndexEntry


class FeedEnd(msgspec.Struct, frozen=True, gc=False):
    """Where a feed ends."""

    sequence: int = 0
    """Of its last record."""
    indexed: int | None = None
    """Position of the block of its last index entry."""

    def at(self, sequence: int) -> FeedEnd:
        """The end after another record, which needed no entry."""
        return FeedEnd(sequence, self.indexed)


def needs_entry(end: FeedEnd, block: int) -> bool:
    """True if a block with records of the feed is to be found through an entry of its own."""
    return end.indexed is None or block - end.indexed >= INDEX_EVERY


class Anchor(msgspec.Struct, frozen=True):
    """What stands for the records that were pruned; as it is by default nothing was."""

    head: Head = Head()
    ends: dict[str, FeedEnd] = {}
    """Of all feeds that had records."""

    @property
    def first(self) -> int:
        """Position of the first record that can be there."""
        return self.head.position + 1

    def entries(self) -> list[IndexEntry]:
        """What the index holds in the place of the entries that are gone with their blocks.

        A feed whose next record has an entry of its own needs none.
        """
        return [
            IndexEntry(feed, end.sequence + 1, self.first)
            for feed, end in sorted(self.ends.items())
            if not needs_entry(end, self.first)
        ]


def encode_ends(ends: dict[str, FeedEnd]) -> bytes:
    """As stores keep them."""
    return msgspec.msgpack.encode(ends)


def decode_ends(encoded: bytes) -> dict[str, FeedEnd]:
    """The ends again."""
    return msgspec.msgpack.decode(encoded, type=dict[str, FeedEnd])
