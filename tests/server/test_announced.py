"""Announced message lengths, however the bytes are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zenithd.server.announced import FRAGMENT_BYTES_MIN, AnnouncedLengths

TEXT, BINARY, MORE_TEXT, MORE, LAST, CLOSE, PING = 0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89


def frame(length: int, masked: bool = True, first: int = TEXT) -> bytes:
    mask = 0x80 if masked else 0
    key = b"\1\2\3\4" if masked else b""
    if length < 126:
        return bytes((first, mask | length)) + key
    if length < 65536:
        return bytes((first, mask | 126)) + length.to_bytes(2, "big") + key
    return bytes((first, mask | 127)) + length.to_bytes(8, "big") + key


def exceeds(bytes_max: int, data: bytes, cuts: list[int]) -> bool:
    announced = AnnouncedLengths(bytes_max)
    position, turn = 0, 0
    while position < len(data):
        piece = data[position : position + cuts[turn % len(cuts)]]
        if announced.fitting(piece) < len(piece):
            return True
        position, turn = position + len(piece), turn + 1
    return False


CUTS = st.lists(st.integers(1, 5_000), min_size=1, max_size=50)


@given(st.lists(st.tuples(st.integers(0, 70_000), st.booleans()), max_size=6), CUTS)
def test_any_chunking_gives_the_same_verdict(frames: list[tuple[int, bool]], cuts: list[int]) -> None:
    data = b"".join(frame(length, masked) + bytes(length) for length, masked in frames)
    assert exceeds(60_000, data, cuts) == any(length > 60_000 for length, _ in frames)


@given(st.lists(st.lists(st.integers(64, 30_000), min_size=1, max_size=5), max_size=4), CUTS)
def test_the_fragments_of_a_message_count_together(messages: list[list[int]], cuts: list[int]) -> None:
    data = b""
    for lengths in messages:
        for index, length in enumerate(lengths):
            first = (BINARY if index == 0 else LAST) if index == len(lengths) - 1 else MORE
            if index == 0 and len(lengths) > 1:
                first = MORE_TEXT
            data += frame(length, first=first) + bytes(length) + frame(125, first=PING) + bytes(125)
    assert exceeds(60_000, data, cuts) == any(sum(lengths) > 60_000 for lengths in messages)


def test_the_header_alone_is_enough() -> None:
    assert AnnouncedLengths(1 << 20).fitting(frame(1 << 40)) == 0
    assert AnnouncedLengths(1 << 20).fitting(frame(1 << 20)) == len(frame(1 << 20))
    begun = frame(1000, first=MORE_TEXT) + bytes(1000)
    assert AnnouncedLengths(1500).fitting(begun + frame(501, first=MORE)) == len(begun)
    ended = begun + frame(500, first=LAST) + bytes(500) + frame(1500)
    assert AnnouncedLengths(1500).fitting(ended) == len(ended)


def test_a_header_in_two_parts_is_taken_back_as_far_as_it_can_be() -> None:
    announced = AnnouncedLengths(1000)
    data = frame(3) + b"abc" + frame(1001)
    assert announced.fitting(data[:10]) == 10
    assert announced.fitting(data[10:]) == 0


def test_a_close_frame_is_seen() -> None:
    announced = AnnouncedLengths(1000)
    announced.fitting(frame(3) + b"\x88\x88\x88" + frame(2, first=PING) + b"\x88\x88" + b"\x88")
    assert not announced.closing
    announced.fitting(frame(2, first=CLOSE)[1:])
    assert announced.closing


def test_a_message_has_no_endless_row_of_empty_fragments() -> None:
    limit = 100 * FRAGMENT_BYTES_MIN
    begun = frame(0, first=MORE_TEXT) + frame(0, first=MORE) * 99
    ended = begun + frame(0, first=LAST) + begun
    assert AnnouncedLengths(limit).fitting(ended) == len(ended)
    assert AnnouncedLengths(limit).fitting(begun + frame(0, first=MORE)) == len(begun)
