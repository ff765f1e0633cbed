"""Frames and their digests: what was written is recognised, and nothing else."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenithd.journal.chain import (
    GENESIS,
    Damaged,
    Frames,
    Head,
    count,
    decode,
    decode_unchained,
    encode,
    head_of,
    last_digest,
)

RUNS = (
    ("a", 1, 100, [("x", b"one"), ("y", b"")]),
    ("b", 7, 101, [("x", b"two")]),
    ("a", 3, 102, [("x", bytes(300))]),
)


def test_records_come_back_with_positions_and_digests() -> None:
    frames, head = encode(Head(), RUNS)
    records = decode(frames, Head())
    assert [(each.position, each.feed, each.sequence, each.date, each.kind) for each in records] == [
        (1, "a", 1, 100, "x"),
        (2, "a", 2, 100, "y"),
        (3, "b", 7, 101, "x"),
        (4, "a", 3, 102, "x"),
    ]
    assert [each.body for each in records] == [b"one", b"", b"two", bytes(300)]
    assert head == head_of(records[-1]) == Head(4, 102, last_digest(frames))
    assert count(frames) == 4


def test_the_digest_is_what_the_documentation_says() -> None:
    _, head = encode(Head(), RUNS[:1])
    digest = GENESIS
    for position, sequence, (kind, body) in ((1, 1, ("x", b"one")), (2, 2, ("y", b""))):
        fields = [position, "a", sequence, 100, kind, body]
        content = b"\x97" + b"".join(map(msgspec.msgpack.encode, fields))
        digest = sha256(digest + content).digest()
    assert head.digest == digest


def test_a_chain_goes_on_from_any_head() -> None:
    first, middle = encode(Head(), RUNS[:1])
    second, head = encode(middle, RUNS[1:])
    whole, same = encode(Head(), RUNS)
    assert head == same
    assert Frames(first.sizes + second.sizes, first.payload + second.payload) == whole
    assert decode(second, middle) == decode(whole, Head())[2:]
    with pytest.raises(Damaged, match="record 1 "):
        decode(second, Head())


names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
contents = st.lists(
    st.tuples(names, st.lists(st.tuples(names, st.binary(max_size=40)), max_size=4)), max_size=5
)


@given(contents)
def test_any_content_round_trips(runs: list[tuple[str, list[tuple[str, bytes]]]]) -> None:
    frames, head = encode(Head(), [(feed, 1, 5, entries) for feed, entries in runs])
    records = decode(frames, Head())
    assert [(each.feed, each.kind, each.body) for each in records] == [
        (feed, *entry) for feed, entries in runs for entry in entries
    ]
    assert head.position == len(records)


@given(contents, contents)
def test_different_contents_have_different_digests(one: object, other: object) -> None:
    heads = [
        encode(Head(), [(feed, 1, 5, entries) for feed, entries in runs if entries])[1]
        for runs in (one, other)
    ]
    flat = [[(feed, entry) for feed, entries in runs for entry in entries] for runs in (one, other)]
    # Sequences start at 1 in each run, so runs that are split differently differ in them.
    shapes = [[(feed, len(entries)) for feed, entries in runs if entries] for runs in (one, other)]
    assert (heads[0] == heads[1]) == (flat[0] == flat[1] and shapes[0] == shapes[1])


def frame_of(frames: Frames, byte: int) -> int:
    """The number of the frame that a byte of the payload belongs to, from 1."""
    end = number = 0
    while end <= byte:
        end += int.from_bytes(frames.sizes[4 * number : 4 * number + 4], "little")
        number += 1
    return number


def test_every_flipped_bit_is_found_and_names_its_record() -> None:
    frames, _ = encode(Head(), RUNS[:2])
    for byte in range(len(frames.payload)):
        for bit in range(8):
            payload = bytearray(frames.payload)
            payload[byte] ^= 1 << bit
            with pytest.raises(Damaged) as damage:
                decode(Frames(frames.sizes, bytes(payload)), Head())
            assert damage.value.position == frame_of(frames, byte), (byte, bit)


def test_every_flipped_bit_of_the_sizes_is_found() -> None:
    frames, _ = encode(Head(), RUNS[:2])
    for byte in range(len(frames.sizes)):
        for bit in range(8):
            sizes = bytearray(frames.sizes)
            sizes[byte] ^= 1 << bit
            with pytest.raises(Damaged) as damage:
                decode(Frames(bytes(sizes), frames.payload), Head())
            assert damage.value.position == byte // 4 + 1, (byte, bit)


@pytest.mark.parametrize("kept", [0, 1, 50, -1])
def test_a_torn_payload_is_found(kept: int) -> None:
    frames, _ = encode(Head(), RUNS[:2])
    with pytest.raises(Damaged):
        decode(Frames(frames.sizes, frames.payload[:kept]), Head())
    with pytest.raises(Damaged, match="torn"):
        decode(Frames(frames.sizes[:-1], frames.payload), Head())


def test_records_in_another_place_are_found_without_the_chain() -> None:
    frames, _ = encode(Head(), RUNS[:2])
    assert decode_unchained(frames, 1)[0].position == 1
    with pytest.raises(Damaged, match="position 1 is in its place"):
        decode_unchained(frames, 2)
    with pytest.raises(Damaged, match="record 1 is damaged: it cannot be read"):
        decode_unchained(Frames(frames.sizes, b"\xc1" + frames.payload[1:]), 1)
