from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replay_samples import NOON, segment

from zenithd_replay.iex_transport import HEADER_BYTES, Header, Order, Sequence, message_bounds, parse_header


def header(
    first: int, messages: int, *, session: int = 7, sent: int = NOON, offset: int | None = None
) -> Header:
    parsed = parse_header(segment([b"x"] * messages, first, session=session, sent=sent, offset=offset))
    assert parsed is not None
    return parsed


def test_header_fields() -> None:
    parsed = header(5, 2, sent=NOON + 1)
    assert (parsed.first_sequence, parsed.messages, parsed.session) == (5, 2, 7)
    assert (parsed.send_time, parsed.payload_bytes, parsed.stream_offset) == (NOON + 1, 6, 80)
    assert parsed.protocol == 0x8004


def test_what_was_cut_off_or_is_something_else_has_no_header() -> None:
    packet = segment([b"abc"], 1)
    assert parse_header(packet[:-1]) is None
    assert parse_header(packet + b"x") is None
    assert parse_header(packet[:20]) is None
    assert parse_header(b"\x02" + packet[1:]) is None


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_messages_are_found(messages: list[bytes]) -> None:
    packet = segment(messages, 1)
    parsed = parse_header(packet)
    assert parsed is not None
    assert [packet[start:end] for start, end in message_bounds(packet, parsed)] == messages


@given(st.binary(min_size=HEADER_BYTES, max_size=HEADER_BYTES + 60))
def test_wrong_lengths_raise_nothing_but_value_errors(packet: bytes) -> None:
    parsed = Header(1, 0x8004, 1, 1, len(packet) - HEADER_BYTES, 5, 0, 1, 0)
    try:
        for start, end in message_bounds(packet, parsed):
            assert HEADER_BYTES < start <= end <= len(packet)
    except ValueError:
        pass


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([(header(1, 0), Order.NEXT, 0, 0), (header(1, 3), Order.NEXT, 0, 0),
                      (header(4, 0), Order.NEXT, 0, 0), (header(4, 1), Order.NEXT, 0, 0)], id="in order"),
        pytest.param([(header(10, 2), Order.AFTER_GAP, 9, 0), (header(12, 1), Order.NEXT, 0, 0)],
                     id="begins inside the stream"),
        pytest.param([(header(1, 2), Order.NEXT, 0, 0), (header(5, 2), Order.AFTER_GAP, 2, 0),
                      (header(7, 1), Order.NEXT, 0, 0)], id="gap"),
        pytest.param([(header(1, 2), Order.NEXT, 0, 0), (header(3, 0), Order.NEXT, 0, 0),
                      (header(6, 0), Order.AFTER_GAP, 3, 0)], id="gap seen in a heartbeat"),
        pytest.param([(header(1, 2), Order.NEXT, 0, 0), (header(1, 2), Order.REPEATED, 0, 0),
                      (header(3, 1), Order.NEXT, 0, 0), (header(2, 1), Order.REPEATED, 0, 0),
                      (header(4, 1), Order.NEXT, 0, 0)], id="repeated packets"),
        pytest.param([(header(1, 2), Order.NEXT, 0, 0), (header(2, 3), Order.NEXT, 0, 1),
                      (header(5, 1), Order.NEXT, 0, 0)], id="partly repeated"),
        pytest.param([(header(1, 2), Order.NEXT, 0, 0), (header(1, 0, sent=NOON + 1), Order.NEW_STREAM, 0, 0),
                      (header(1, 4, sent=NOON + 2), Order.NEXT, 0, 0)], id="sender started again"),
        pytest.param([(header(1, 2), Order.NEXT, 0, 0), (header(1, 3, session=8), Order.NEW_STREAM, 0, 0),
                      (header(4, 1, session=8), Order.NEXT, 0, 0)], id="another session"),
        pytest.param([(header(1, 2), Order.NEXT, 0, 0), (header(9, 3, session=8), Order.NEW_STREAM, 8, 0),
                      (header(12, 1, session=8), Order.NEXT, 0, 0)], id="another session, joined late"),
    ],
)  # fmt: skip
def test_order_of_packets(steps: list[tuple[Header, Order, int, int]]) -> None:
    sequence = Sequence()
    for packet, order, missing, repeated in steps:
        assert sequence.place(packet) is order
        if order is not Order.REPEATED:
            assert (sequence.missing, sequence.repeated) == (missing, repeated)
