"""Reading a store in bounded steps, every digest looked at. Nothing here waits for anything but the store.

The generators are advanced in a thread by the daemon and directly by commands.
"""

from __future__ import annotations

from collections.abc import Iterator

from zenithd.journal import chain
from zenithd.journal.anchor import Anchor
from zenithd.journal.chain import SIZE_BYTES, Damaged, Frames, Head
from zenithd.journal.record import Record
from zenithd.journal.store import Pruned, Reader, StoredRow

STEP_RECORDS_MAX = 4_096
STEP_BYTES_MAX = 4_194_304
"""How much is read at once: what a step holds in memory, and how long it holds the interpreter."""

POSITION_MAX = 2**63 - 1


def read_head(reader: Reader) -> Head:
    """Read the end, with its last block checked against the one before.

    Raises:
        StoreFault: it cannot be read.
        Damaged: it is not what was written.
    """
    last = reader.last()
    if last is None:
        return Head()
    return chain.head_of(chain.decode(last.frames, head_at(reader, last.first - 1))[-1])


def head_at(reader: Reader, position: int) -> Head:
    """Read the chain's end as it was when a position was its last; 0: before the first.

    Raises:
        StoreFault: it cannot be read.
        Damaged: the record is not there, or cannot be read.
    """
    if position == 0:
        _refuse_pruned(reader.anchor(), 0)
        return Head()
    found = reader.containing(position)
    records = [] if found is None else chain.decode_unchained(found.frames, found.first)
    if not records or records[-1].position < position:
        anchor = reader.anchor()
        if position == anchor.head.position:
            return anchor.head
        _refuse_pruned(anchor, position)
        raise Damaged(position, "it is missing")
    return chain.head_of(records[position - records[0].position])


def _refuse_pruned(anchor: Anchor, position: int) -> None:
    if position < anchor.head.position:
        raise Pruned(f"records up to {anchor.head.position} were pruned: a backup from before has them")


def read_records(
    reader: Reader,
    first: int = 1,
    last: int = POSITION_MAX,
    after: bytes | None = None,
    step: int = STEP_RECORDS_MAX,
) -> Iterator[list[Record]]:
    """Records by position, both included, as far as there are any; the chain is checked.

    `after`: the digest that the record before `first` must have, such as that of a snapshot.

    Raises:
        StoreFault: they cannot be read.
        Damaged: a record is not what was written, or is missing; all before it were given.
    """
    if after is not None and head_at(reader, first - 1).digest != after:
        raise Damaged(first - 1, "it is not the record that the snapshot was made at")
    block = reader.containing(first)
    if block is None:
        if reader.last() is not None:
            anchor = reader.anchor()
            _refuse_pruned(anchor, first - 1)
            raise Damaged(anchor.first, "it is missing")
        return
    before = head_at(reader, block.first - 1)
    while before.position < last:
        blocks = reader.blocks(before.position + 1, min(step, last - before.position), STEP_BYTES_MAX)
        if not blocks:
            return
        records, damage = _decode(blocks, before)
        if records:
            before = chain.head_of(records[-1])
            if records[0].position < first or before.position > last:
                records = [record for record in records if first <= record.position <= last]
        if records:
            yield records
        if damage is not None and damage.position <= last:
            raise damage


def _decode(blocks: list[StoredRow], before: Head) -> tuple[list[Record], Damaged | None]:
    """The records up to the first bad one, and what is wrong with that."""
    expected = before.position + 1
    damage: Damaged | None = None
    for number, (position, sizes, _) in enumerate(blocks):
        if position != expected or not sizes or len(sizes) % SIZE_BYTES:
            damage = Damaged(
                expected, "it is missing" if position > expected else "the sizes of its block are torn"
            )
            blocks = blocks[:number]
            break
        expected += len(sizes) // SIZE_BYTES
    joined = Frames(b"".join([sizes for _, sizes, _ in blocks]), b"".join([each for _, _, each in blocks]))
    try:
        return chain.decode(joined, before), damage
    except Damaged as found:
        whole = chain.cut(joined, found.position - before.position - 1)
        return chain.decode(whole, before), found


def feed_records(
    reader: Reader, feed: str, first: int, until: int, last: int = POSITION_MAX, *, checked: bool = True
) -> Iterator[list[Record]]:
    """Records of a feed by sequence, both included, at or before the position `until`.

    `checked`: every digest is looked at, also those of other feeds' records in between.

    Raises:
        StoreFault: they cannot be read.
        Pruned: the first of them are gone.
        Damaged: one of them, or one beside them, is missing or not what was written.
    """
    anchor = reader.anchor()
    end = anchor.ends.get(feed)
    if end is not None and first <= end.sequence:
        raise Pruned(f"{feed}: records up to sequence {end.sequence} were pruned: a backup has them")
    wanted = first
    steps = _checked_steps if checked else _steps
    while wanted <= last and (entries := reader.index(feed, wanted, 2)):
        block, began = entries[0].block, wanted
        limit = min([block + chain.INDEX_EVERY, until + 1, *(entry.block for entry in entries[1:])])
        for found, damage in steps(reader, block, limit):
            records = [
                record
                for record in found
                if record.feed == feed and wanted <= record.sequence <= last and record.position <= until
            ]
            if records:
                if records[0].sequence != wanted:
                    raise Damaged(records[0].position, f"the record before it in feed {feed} is missing")
                wanted = records[-1].sequence + 1
                yield records
            if wanted > last:
                return
            if damage is not None:
                raise damage
        if wanted == began:
            return


_Step = tuple[list[Record], Damaged | None]
"""Records, and what is wrong with the one after them."""


def _checked_steps(reader: Reader, first: int, end: int) -> Iterator[_Step]:
    """The records of blocks from `first` on that begin before `end`."""
    before = head_at(reader, first - 1)
    while before.position + 1 < end and (blocks := _blocks(reader, before.position + 1, end)):
        records, damage = _decode(blocks, before)
        yield records, damage
        before = chain.head_of(records[-1])


def _steps(reader: Reader, first: int, end: int) -> Iterator[_Step]:
    """The same without a look at digests."""
    while first < end and (blocks := _blocks(reader, first, end)):
        for block, *frames in blocks:
            records = chain.decode_unchained(Frames(*frames), block)
            first = block + len(records)
            yield records, None


def _blocks(reader: Reader, first: int, end: int) -> list[StoredRow]:
    """A step's blocks, of those that begin before `end`."""
    return [row for row in reader.blocks(first, STEP_RECORDS_MAX, STEP_BYTES_MAX) if row[0] < end]


def position_at(reader: Reader, date: int, until: int) -> int:
    """The last position with a date at or before the given one, up to `until`; 0: there is none.

    Dates never go back, so halving finds it in a few steps.

    Raises:
        StoreFault: the records cannot be read.
        Damaged: one of them cannot be read.
    """
    low, high = reader.anchor().head.position, until
    while low < high:
        middle = (low + high + 1) // 2
        block = reader.containing(middle)
        if block is None:
            raise Damaged(middle, "it is missing")
        records = chain.decode_unchained(block.frames, block.first)
        if records[0].date > date:
            high = block.first - 1
        elif records[-1].date <= date:
            low = min(records[-1].position, until)
        else:
            return min(until, max(record.position for record in records if record.date <= date))
    return low
