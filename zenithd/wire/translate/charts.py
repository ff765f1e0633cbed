"""Chart records for the wire (spec zenith-websocket 3.1.6, 6.6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Bar
from zenithd.wire.numbers import scaled
from zenithd.wire.translate.times import (
    EPOCH_ORDINAL,
    NANOSECONDS_A_DAY,
    time_text,
    trading_date_text,
)

Payload = dict[str, Any]


def chart_records(bars: Iterable[Bar], instrument: Instrument, zone: str) -> list[Payload]:
    """Give bars within a day, in the order given; Date is the start of each on the clock of `zone`."""
    return [_record(time_text(bar.time, zone), bar, instrument) for bar in bars]


def daily_records(bars: Iterable[Bar], instrument: Instrument, zone: str) -> list[Payload]:
    """Give daily bars, whose times are midnight UTC of their trading dates, as dates with an offset."""
    return [_record(trading_date_text(trading_date(bar.time), zone), bar, instrument) for bar in bars]


def day_time(day: date) -> int:
    """Give the time that stands for a trading date in a daily bar: its midnight in UTC."""
    return (day.toordinal() - EPOCH_ORDINAL) * NANOSECONDS_A_DAY


def trading_date(time: int) -> date:
    """Do the reverse of `day_time`."""
    return date.fromordinal(time // NANOSECONDS_A_DAY + EPOCH_ORDINAL)


def _record(when: str | None, bar: Bar, instrument: Instrument) -> Payload:
    price_scale = instrument.price_scale
    record: Payload = {
        "Date": when,
        "Open": scaled(bar.open, price_scale),
        "High": scaled(bar.high, price_scale),
        "Low": scaled(bar.low, price_scale),
        "Close": scaled(bar.close, price_scale),
        "Volume": scaled(bar.volume, instrument.quantity_scale),
    }
    if bar.trades is not None:
        record["Trades"] = bar.trades
    return record
