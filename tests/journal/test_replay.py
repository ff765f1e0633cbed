"""State is derived: the same records give the same state and digest, from the start or from a snapshot."""

from __future__ import annotations

import sys

import pytest
import trio
from journal_support import Place, SqlitePlace, entries, serving

from zenithd.journal import Damaged, Journal, Record, replay, restore, state_digest


class Balances:
    """A state that depends on every record and on their order."""

    def __init__(self) -> None:
        self.amounts: dict[str, int] = {}

    def apply(self, record: Record) -> None:
        before = self.amounts.get(record.feed, 0)
        self.amounts[record.feed] = before * 3 % 1_000_003 + int(record.body) + record.sequence

    def dump(self) -> bytes:
        return ",".join(f"{name}={amount}" for name, amount in sorted(self.amounts.items())).encode()

    def load(self, state: bytes) -> None:
        self.amounts = {
            name: int(amount) for name, amount in (part.split("=") for part in state.decode().split(","))
        }

    @property
    def digest(self) -> str:
        return state_digest([self.dump()])


async def fill(journal: Journal) -> list[str]:
    """Append, with snapshots now and then; returns the digest of the state at each position."""
    live, digests = Balances(), [Balances().digest]
    for number in range(60):
        feed = f"feed {number % 7}"
        await journal.append(feed, entries(str(number), str(number * 2)), now=number * 10)
        async for record in journal.read(journal.head.position - 1):
            live.apply(record)
            digests.append(live.digest)
        if number % 25 == 24:
            await journal.put_snapshot("balances", journal.head.position, number * 10, live.dump())
    return digests


async def test_a_replay_gives_the_same_state(place: Place) -> None:
    async with serving(place.store()) as journal:
        digests = await fill(journal)
        for upto in (None, 120, 77, 1, 0):
            state = Balances()
            replayed = await replay(journal, state.apply, upto)
            assert state.digest == digests[120 if upto is None else upto]
            assert replayed.records == replayed.position == (120 if upto is None else upto)
        assert (await replay(journal, Balances().apply)).digest == journal.head.digest


async def test_a_state_of_the_past_is_a_snapshot_and_the_records_behind_it(place: Place) -> None:
    async with serving(place.store()) as journal:
        digests = await fill(journal)
        for position, start in ((120, 100), (100, 100), (99, 50), (50, 50), (49, 0), (0, 0)):
            state = Balances()
            found = await restore(journal, "balances", state.load, state.apply, position=position)
            assert state.digest == digests[position]
            assert found.position == position
            assert found.records == position - start
            assert (found.snapshot.position if found.snapshot else 0) == start
        state = Balances()
        found = await restore(journal, "balances", state.load, state.apply, date=333)
        assert (found.position, state.digest) == (68, digests[68])


async def test_a_snapshot_of_another_journal_is_noticed(place: Place) -> None:
    async with serving(place.store()) as journal:
        await fill(journal)
    place.change("UPDATE {snapshot} SET digest = (SELECT digest FROM {snapshot} WHERE position = 50)")
    async with serving(place.store()) as journal:
        with pytest.raises(Damaged, match=r"record 100 .* not the record that the snapshot was made at"):
            await restore(journal, "balances", Balances().load, Balances().apply)


async def test_digests_are_the_same_in_another_process(folder_place: SqlitePlace) -> None:
    async with serving(folder_place.store()) as journal:
        await fill(journal)
        head = journal.head
    program = (
        "import sys; from pathlib import Path; from zenithd.journal.sqlite import SqliteReader;"
        "from zenithd.journal.verification import verify;"
        "print(verify(SqliteReader(Path(sys.argv[1]))).head.digest.hex())"
    )
    command = [sys.executable, "-c", program, str(folder_place.path)]
    result = await trio.run_process(command, capture_stdout=True, env={"PYTHONHASHSEED": "1"})
    assert result.stdout.decode().strip() == head.digest.hex()


def test_the_digest_of_a_state_depends_on_its_parts() -> None:
    digests = {
        state_digest(parts) for parts in ([], [b""], [b"ab"], [b"a", b"b"], [b"b", b"a"], [b"", b"ab"])
    }
    assert len(digests) == 6
