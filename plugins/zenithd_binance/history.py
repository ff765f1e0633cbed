"""Charts of past days from the venue's klines."""

from __future__ import annotations

from collections.abc import Sequence

from zenithd.domain.identifiers import MarketId, parse_market
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Bar
from zenithd.plugin import HistorySource, HistorySourceContext, VenueFault
from zenithd_binance.client import SPOT_INTERFACE, USDM_INTERFACE, RestClient
from zenithd_binance.config import BinanceConfig
from zenithd_binance.fixed_point import NumberFault, cut_off
from zenithd_binance.payloads import UNREADABLE, KlineRow, decode_klines, nanoseconds

INTERVALS = {60: "1m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 86_400: "1d"}
"""The venue's names of periods, by seconds."""
PAGES_MAX = 40
"""Requests made for one chart: 40,000 minutes of spot are about a month."""


class BinanceHistory(HistorySource[BinanceConfig]):
    """Answers from klines. Prices finer than the instrument's present scale are cut off."""

    Config = BinanceConfig

    def __init__(self, config: BinanceConfig, context: HistorySourceContext) -> None:
        super().__init__(config, context)
        self._clients: dict[MarketId, RestClient] = {}
        for settings, interface in ((config.spot, SPOT_INTERFACE), (config.usdm, USDM_INTERFACE)):
            if settings.enabled:
                self._clients[parse_market(settings.market).id] = RestClient(
                    context.http, settings.rest_url, interface, settings.weight_per_minute_max // 2
                )

    def serves(self, market: MarketId) -> bool:
        """True for the markets of this plugin that are enabled."""
        return market in self._clients

    async def bars(
        self, instrument: Instrument, period_seconds: int, start: int | None, end: int | None, count: int
    ) -> Sequence[Bar]:
        """At most `count` newest bars with start <= time < end, oldest first; none of unknown periods.

        Raises:
            VenueFault: the venue does not answer, or not as it should.
        """
        interval = INTERVALS.get(period_seconds)
        client = self._clients[instrument.market]
        bars: list[Bar] = []
        before = end if end is not None else self.context.clock.now()
        for _ in range(PAGES_MAX):
            if interval is None or len(bars) >= count or (start is not None and before <= start):
                break
            limit = min(count - len(bars), client.interface.kline_rows_max)
            # Klines that begin at endTime are included.
            body = await client.klines(instrument.code, interval, limit, (before - 1) // 1_000_000)
            rows = _read(body, instrument)
            bars[:0] = [_bar(row, instrument) for row in rows if row.trades]
            if len(rows) < limit:
                break
            before = nanoseconds(rows[0].begin)
        return [bar for bar in bars if start is None or bar.time >= start][-count:]


def _read(body: bytes, instrument: Instrument) -> list[KlineRow]:
    try:
        return decode_klines(body)
    except UNREADABLE as fault:
        raise VenueFault(f"klines of {instrument.id}: {fault}") from fault


def _bar(row: KlineRow, instrument: Instrument) -> Bar:
    scale = instrument.price_scale
    try:
        return Bar(
            nanoseconds(row.begin),
            cut_off("open", row.open, scale),
            cut_off("high", row.high, scale),
            cut_off("low", row.low, scale),
            cut_off("close", row.close, scale),
            cut_off("volume", row.volume, instrument.quantity_scale),
            row.trades,
        )
    except NumberFault as fault:
        raise VenueFault(f"klines of {instrument.id}: {fault}") from fault
