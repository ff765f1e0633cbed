"""Announced frame lengths, however the bytes are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zenithd.server.announced import AnnouncedLengths


def frame(length: int, masked: bool) -> bytes:
    mask = 0x80 if masked else 0
    key = b"\1\2\3\4" if masked else b""
    if length < 126:
        return bytes((0x81, mask | length)) + key
    if length < 65536:
        return bytes((0x81, mask | 126)) + length.to_bytes(2, "big") + key
    return bytes((0x81, mask | 127)) + length.to_bytes(8, "big") + key


@given(
    st.lists(st.tuples(st.integers(0, 70_000), st.booleans()), max_size=6),
    st.lists(st.integers(1, 5_000), min_size=1, max_size=50),
)
def test_any_chunking_gives_the_same_verdict(frames: list[tuple[int, bool]], cuts: list[int]) -> None:
    data = b"".join(frame(length, masked) + bytes(length) for length, masked in frames)
    announced = AnnouncedLengths(60_000)
    exceeded, position, turn = False, 0, 0
    while position < len(data) and not exceeded:
        size = cuts[turn % len(cuts)]
        exceeded = announced.exceeds(data[position : position + size])
        position, turn = position + size, turn + 1
    assert exceeded == any(length > 60_000 for length, _ in frames)


def test_the_header_alone_is_enough() -> None:
    assert AnnouncedLengths(1 << 20).exceeds(frame(1 << 40, masked=True))
    assert not AnnouncedLengths(1 << 20).exceeds(frame(1 << 20, masked=True))
