"""Checks what a source declares, in the source's own call: a mistake is the source's alone.

Structs do not check their fields when they are made. Definitions come seldom and are read by everybody
(searches go over all markets), so here each field is checked. Events come often: of them only what would
break their readers later is looked for, and wrong types are found when they are applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from zenithd.domain.events import MarketEvent, TradeReported
from zenithd.domain.identifiers import TEXT_LENGTH_MAX
from zenithd.domain.instrument import Instrument, MarketDefinition

INSTRUMENTS_MAX = 200_000
"""Most instruments of one market."""
SCALE_MAX = 12
"""Most decimals of prices and quantities: what a double shows exactly in the end."""

_ENCODER = msgspec.msgpack.Encoder()
_MARKET = msgspec.msgpack.Decoder(MarketDefinition)
_INSTRUMENTS = msgspec.msgpack.Decoder(list[Instrument])
_TRADES = msgspec.msgpack.Decoder(list[TradeReported])


def check_declaration(definition: MarketDefinition, instruments: Sequence[Instrument]) -> None:
    """Raise ValueError for what is not a proper definition, naming the field and what was expected."""
    if len(instruments) > INSTRUMENTS_MAX:
        raise ValueError(f"{len(instruments)} instruments; a market has at most {INSTRUMENTS_MAX}")
    _check(_MARKET, definition, "market definition")
    try:
        ZoneInfo(definition.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = definition.time_zone
        raise ValueError(f"{zone!r} of market {definition.id} is no IANA time zone") from None
    check_instruments(instruments)
    for instrument in instruments:
        if instrument.market != definition.id:
            raise ValueError(f"instrument {instrument.id} does not belong to market {definition.id}")


def check_instruments(instruments: Sequence[Instrument]) -> None:
    """Raise ValueError for definitions with wrong types, empty codes or scales out of range."""
    _check(_INSTRUMENTS, list(instruments), "instruments")
    for instrument in instruments:
        if not instrument.code or not instrument.code.isprintable() or len(instrument.code) > TEXT_LENGTH_MAX:
            raise ValueError(f"{instrument.code!r} is not a code")
        if not (0 <= instrument.price_scale <= SCALE_MAX and 0 <= instrument.quantity_scale <= SCALE_MAX):
            raise ValueError(f"scales of {instrument.id} must lie between 0 and {SCALE_MAX}")


def check_events(events: Sequence[MarketEvent]) -> None:
    """Raise ValueError for numbers beyond 64 bits and text that is no Unicode, which no client could be sent.

    Encoding is the cheapest way to look at every field: less than 0.1 microseconds for most events.
    """
    try:
        _ENCODER.encode(events)
    except (OverflowError, UnicodeEncodeError) as error:
        raise ValueError(f"events: {error}") from None
    except (TypeError, ValueError, AttributeError):
        return  # a value of a wrong type: whoever applies it names the event


def check_past(trading_date: date, trades: Sequence[TradeReported]) -> None:
    """Raise ValueError for a backfill with wrong types."""
    if not isinstance(trading_date, date):
        raise ValueError(f"{trading_date!r} is not a date")  # noqa: TRY004  (one kind of blame for authors)
    _check(_TRADES, list(trades), "trades")


def _check(decoder: msgspec.msgpack.Decoder[Any], value: object, what: str) -> None:
    try:
        decoder.decode(_ENCODER.encode(value))
    except (msgspec.MsgspecError, TypeError, UnicodeEncodeError, OverflowError, AttributeError) as error:
        raise ValueError(f"{what}: {error}") from None
