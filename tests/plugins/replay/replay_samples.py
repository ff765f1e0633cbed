"""Small recordings of every format, made by hand."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

SECOND = 1_000_000_000


def nanoseconds(moment: str) -> int:
    """2017-04-25T14:00:00+00:00 in nanoseconds since the epoch."""
    return int(datetime.fromisoformat(moment).timestamp()) * SECOND


NOON = nanoseconds("2017-04-25T16:00:00+00:00")
"""Noon in New York."""


# IEX DEEP


def symbol_field(symbol: str) -> bytes:
    return symbol.encode().ljust(8)


def system_event(event: str, time: int = NOON) -> bytes:
    return struct.pack("<ccq", b"S", event.encode(), time)


def trading_status(symbol: str, status: str, reason: str = "") -> bytes:
    return struct.pack(
        "<ccq8s4s", b"H", status.encode(), NOON, symbol_field(symbol), reason.encode().ljust(4)
    )


def operational_halt(symbol: str, status: str) -> bytes:
    return struct.pack("<ccq8s", b"O", status.encode(), NOON, symbol_field(symbol))


def short_sale_test(symbol: str, *, active: bool) -> bytes:
    return struct.pack("<cBq8sc", b"P", active, NOON, symbol_field(symbol), b"A" if active else b" ")


def security_event(symbol: str, event: str) -> bytes:
    return struct.pack("<ccq8s", b"E", event.encode(), NOON, symbol_field(symbol))


def level(side: str, symbol: str, price: int, size: int, *, complete: bool = True) -> bytes:
    return struct.pack("<cBq8sIq", side.encode(), complete, NOON, symbol_field(symbol), size, price)


def bid(symbol: str, price: int, size: int, *, complete: bool = True) -> bytes:
    return level("8", symbol, price, size, complete=complete)


def ask(symbol: str, price: int, size: int, *, complete: bool = True) -> bytes:
    return level("5", symbol, price, size, complete=complete)


def trade(
    symbol: str, price: int, size: int, trade_id: int, flags: int = 0, kind: str = "T", time: int = NOON
) -> bytes:
    return struct.pack("<cBq8sIqq", kind.encode(), flags, time, symbol_field(symbol), size, price, trade_id)


def official_price(symbol: str, kind: str, price: int) -> bytes:
    return struct.pack("<ccq8sq", b"X", kind.encode(), NOON, symbol_field(symbol), price)


def directory(symbol: str, *, flags: int = 0, round_lot: int = 100, close: int = 0, tier: int = 0) -> bytes:
    return struct.pack("<cBq8sIqB", b"D", flags, NOON, symbol_field(symbol), round_lot, close, tier)


def auction(symbol: str, indicative: int, paired: int, imbalance: int, side: str) -> bytes:
    head = struct.pack("<ccq8sIqqIcB", b"A", b"C", NOON, symbol_field(symbol), paired, 99_0000, indicative,
                       imbalance, side.encode(), 0)  # fmt: skip
    return head + struct.pack("<Iqqqq", 0, 98_0000, 97_0000, 90_0000, 0)


def segment(
    messages: Sequence[bytes],
    first: int,
    *,
    session: int = 7,
    offset: int | None = None,
    sent: int = NOON,
    protocol: int = 0x8004,
) -> bytes:
    """The payload of an IEX-TP packet."""
    body = b"".join(struct.pack("<H", len(message)) + message for message in messages)
    offset = (first - 1) * 20 if offset is None else offset
    return (
        struct.pack("<BxHIIHHqqq", 1, protocol, 1, session, len(body), len(messages), offset, first, sent)
        + body
    )


def udp(payload: bytes) -> bytes:
    """An Ethernet frame with IPv4 and UDP around the payload."""
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0x4000, 1, 17, 0, bytes(4), bytes(4))
    return bytes(12) + b"\x08\x00" + ip + struct.pack(">HHHH", 1, 2, 8 + len(payload), 0) + payload


def pcap(
    packets: Sequence[tuple[int, bytes]], *, order: str = "<", nano: bool = True, link: int = 1
) -> bytes:
    """A capture of whole frames with their times in nanoseconds."""
    file = struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for time, frame in packets:
        fraction = time % SECOND // (1 if nano else 1000)
        file += struct.pack(order + "IIII", time // SECOND, fraction, len(frame), len(frame)) + frame
    return file


def deep_capture(*groups: Sequence[bytes], start: int = NOON, step: int = SECOND) -> bytes:
    """A capture with one packet for each group of messages, `step` nanoseconds apart."""
    packets = []
    first = 1
    for number, group in enumerate(groups):
        time = start + number * step
        packets.append((time, udp(segment(group, first, sent=time))))
        first += len(group)
    return pcap(packets)


# Binance


def capture_line(time: int, stream: str, data: dict[str, Any]) -> bytes:
    return f"{time} ".encode() + json.dumps({"stream": stream, "data": data}).encode() + b"\n"


def spot_depth(
    time: int,
    first: int,
    last: int,
    bids: Sequence[tuple[str, str]] = (),
    asks: Sequence[tuple[str, str]] = (),
) -> bytes:
    data = {
        "e": "depthUpdate",
        "E": time // 1_000_000,
        "s": "ABCUSDT",
        "U": first,
        "u": last,
        "b": bids,
        "a": asks,
    }
    return capture_line(time, "abcusdt@depth@100ms", data)


def spot_trade(time: int, trade_id: int, price: str, quantity: str) -> bytes:
    data = {"e": "trade", "E": time // 1_000_000, "s": "ABCUSDT", "t": trade_id, "p": price, "q": quantity,
            "T": time // 1_000_000, "m": True, "M": True}  # fmt: skip
    return capture_line(time, "abcusdt@trade", data)


def spot_ticker(time: int, update: int, bid: tuple[str, str], ask: tuple[str, str]) -> bytes:
    data = {"u": update, "s": "ABCUSDT", "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
    return capture_line(time, "abcusdt@bookTicker", data)


def snapshot(time: int, last: int, bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]) -> bytes:
    return (
        f"{time} ".encode() + json.dumps({"lastUpdateId": last, "bids": bids, "asks": asks}).encode() + b"\n"
    )


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
