"""Long lists are made and encoded in steps to the very bytes of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from zenithd.wire.codec import Codec, Encoding, codecs
from zenithd.wire.container import reply
from zenithd.wire.long_lists import ENTRIES_PER_STEP, LongList, encode_long

ENTRIES: list[Any] = [None, 1.5, "text", {"O": "A", "Trade": {"ID": 2**70, "Price": 10.25}}, [1, [2]], {}]


def of_length(count: int) -> list[Any]:
    return (ENTRIES * (1 + count // len(ENTRIES)))[:count]


@pytest.mark.parametrize("codec", codecs().values(), ids=lambda codec: codec.encoding.value)
@pytest.mark.parametrize("count", [0, 1, ENTRIES_PER_STEP, ENTRIES_PER_STEP + 1, 1_003, 70_000])
def test_the_bytes_are_those_of_the_whole(codec: Codec, count: int) -> None:
    entries = of_length(count)
    container = reply(
        "Market", "QueryTrades", 7, LongList(range(count), lambda part: [entries[n] for n in part])
    )
    steps, made = 0, encode_long(codec, container)
    while True:
        try:
            next(made)
        except StopIteration as stopped:
            assert stopped.value == codec.encode({**container, "Data": entries})
            break
        steps += 1
    assert steps == -(-count // ENTRIES_PER_STEP)


def test_entries_are_made_part_by_part() -> None:
    made: list[int] = []

    def make(part: Sequence[int]) -> list[Any]:
        made.append(len(part))
        return list(part)

    steps = encode_long(codecs()[Encoding.JSON], reply("Market", "QueryTrades", 7, LongList(range(60), make)))
    assert made == []
    for _ in steps:
        pass
    assert made == [25, 25, 10]
    assert LongList([1, 2], make).whole() == [1, 2]
