"""Layouts of DEEP 1.0 messages, and what their flags mean. Pure.

Everything is little-endian. A message may be longer than its layout: the venue lets them grow at the end.
"""

from __future__ import annotations

import struct

from zenithd.domain.market_data import Affects
from zenithd_replay.iex_market import Directory

SYSTEM = struct.Struct("<xc8x")
STATUS = struct.Struct("<xc8x8s4s")
OPERATIONAL = struct.Struct("<xc8x8s")
SHORT_SALE = struct.Struct("<xB8x8s")
SECURITY = struct.Struct("<xc8x8s")
LEVEL = struct.Struct("<xB8x8sIq")
TRADE = struct.Struct("<xBq8sIqq")
OFFICIAL = struct.Struct("<xc8x8sq")
DIRECTORY = struct.Struct("<xB8x8sIqB")
AUCTION = struct.Struct("<xc8x8sIqqIcBIqqqq")
SYMBOL = slice(10, 18)
"""Where every message but the system event has its symbol, counted from the message's beginning."""

EVENT_COMPLETE = 0x01
_SALE_CONDITIONS = ((0x80, "F"), (0x40, "T"), (0x20, "I"), (0x10, "8"), (0x08, "X"))
"""Intermarket sweep, extended hours, odd lot, trade-through exempt, single-price cross."""
_NOT_LAST_SALE = 0x40 | 0x20
"""Trades in extended hours and odd lots count in the volume, not in open, high, low and last."""

CODES = [tuple(code for bit, code in _SALE_CONDITIONS if flags & bit) for flags in range(256)]
AFFECTS = [Affects.VOLUME | Affects.VWAP if flags & _NOT_LAST_SALE else Affects.ALL for flags in range(256)]


def code_of(symbol: bytes) -> str:
    """The code in a symbol field, which is padded with blanks."""
    return symbol.rstrip(b" \0").decode("latin-1")


def read_directory(message: bytes) -> tuple[str, Directory]:
    """Code and content of a security directory message of at least its layout's length."""
    flags, symbol, round_lot, previous_close, tier = DIRECTORY.unpack_from(message)
    return code_of(symbol), Directory(flags, round_lot, previous_close, tier)
