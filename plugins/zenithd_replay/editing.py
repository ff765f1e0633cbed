"""Makes recorded events those of now: times, trading dates, trade ids. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import msgspec

from zenithd.domain.events import (
    BestPricesChanged,
    BookCleared,
    GapDetected,
    LevelChanged,
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    SecurityChanged,
    TradeAmended,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId, split_instrument
from zenithd.plugin import LastKnown
from zenithd_replay.timeline import Timeline, local_date

_replace = msgspec.structs.replace
_EDITED = frozenset((TradeReported, TradeAmended, TradingDayStarted))


class Editor:
    """Edits every event between the recording and the daemon; keeps what has to outlive one pass.

    Trade ids stay as recorded, and trades of the first day that the daemon has stored already (it was
    restarted, the recording begins again) are left out. With `renumber`, all trades are new ones and get
    ids above those that are known: for loops and for shifted dates.

    Args:
        zones: time zone of each market.
        renumber: see above.
        loops: whether the end of a pass is to be followed by `reset`.
        first_id: new ids are not below it.
    """

    def __init__(
        self, zones: Mapping[MarketId, ZoneInfo], *, renumber: bool, loops: bool, first_id: int = 1
    ) -> None:
        self._zones = zones
        self._renumber = renumber
        self._first_id = first_id
        self._loops = loops
        self._known: dict[InstrumentId, LastKnown | None] = {}
        self._newest: dict[InstrumentId, int] = {}
        self._books: set[InstrumentId] = set()
        self._best_prices: set[InstrumentId] = set()
        self._securities: set[InstrumentId] = set()

    def begin(self, timeline: Timeline) -> None:
        """Begin a pass through the recording."""
        self._timeline = timeline
        self._offsets: dict[InstrumentId, int] = {}
        self._without_day = set(self._zones)
        self._first_days: dict[MarketId, date] = {}
        """Trading date of each market while it is the first one of this pass, then the earliest date."""

    def newcomers(self, events: Sequence[MarketEvent]) -> list[InstrumentId]:
        """Instruments that trade for the first time: call `learn` for each before `edit`."""
        known = self._known
        found = [e.instrument for e in events if type(e) is TradeReported and e.instrument not in known]
        return list(dict.fromkeys(found)) if found else found

    def learn(self, instrument: InstrumentId, last_known: LastKnown | None) -> None:
        """Take over what the daemon knows of an instrument from before."""
        self._known[instrument] = last_known
        if last_known is not None:
            self._newest[instrument] = last_known.trade_id

    def edit(self, time: int, events: Sequence[MarketEvent]) -> Sequence[MarketEvent]:
        """The events to publish for those recorded at `time`."""
        if self._loops:
            self._remember(events)
        if not self._without_day and _EDITED.isdisjoint(map(type, events)):
            return events
        edited: list[MarketEvent] = []
        if self._without_day:
            edited += self._missing_days(time, events)
        for event in events:
            kind = type(event)
            if kind is TradeReported:
                trade = self._new_trade(event)  # type: ignore[arg-type]
                if trade is not None:
                    edited.append(trade)
            elif kind is TradeAmended:
                edited.append(TradeAmended(self._known_trade(event.trade)))  # type: ignore[union-attr]
            elif kind is TradingDayStarted:
                edited.append(self._day(event))  # type: ignore[arg-type]
            else:
                edited.append(event)
        return edited

    def reset(self) -> list[MarketEvent]:
        """What empties everything that the pass has filled, so that the next one begins from nothing."""
        events: list[MarketEvent] = [BookCleared(instrument) for instrument in sorted(self._books)]
        events += [BestPricesChanged(each, None, 0, None, 0) for each in sorted(self._best_prices)]
        events += [_blank(instrument) for instrument in sorted(self._securities)]
        return events

    def _remember(self, events: Sequence[MarketEvent]) -> None:
        for event in events:
            if isinstance(event, LevelChanged | OrderAdded | GapDetected):
                self._books.add(event.instrument)
            elif isinstance(event, BestPricesChanged):
                self._best_prices.add(event.instrument)
            elif isinstance(event, SecurityChanged):
                self._securities.add(event.instrument)

    def _missing_days(self, time: int, events: Sequence[MarketEvent]) -> list[MarketEvent]:
        """A day for each market whose first events do not begin one: without it, trades have no date."""
        found = {_market_of(event) for event in events} & self._without_day
        self._without_day -= found
        started = {event.market for event in events if isinstance(event, TradingDayStarted)}
        return [
            self._day(TradingDayStarted(market, local_date(time, self._zones[market])))
            for market in sorted(found - started)
        ]

    def _day(self, event: TradingDayStarted) -> TradingDayStarted:
        market = event.market
        shown = self._timeline.show_date(event.trading_date, self._zones[market])
        if self._first_days.setdefault(market, shown) != shown:
            self._first_days[market] = date.min
        return TradingDayStarted(market, shown)

    def _new_trade(self, trade: TradeReported) -> TradeReported | None:
        instrument = trade.instrument
        if self._renumber:
            if instrument not in self._offsets:
                first_id = max(self._newest.get(instrument, 0) + 1, self._first_id)
                self._offsets[instrument] = max(0, first_id - trade.trade_id)
            self._newest[instrument] = trade.trade_id + self._offsets[instrument]
        else:
            known = self._known.get(instrument)
            if known is not None and trade.trade_id <= known.trade_id:
                market = split_instrument(instrument)[1]
                if self._first_days.get(market) == known.trading_date:
                    return None
        return self._known_trade(trade)

    def _known_trade(self, trade: TradeReported) -> TradeReported:
        offset = self._offsets.get(trade.instrument, 0)
        time = self._timeline.show(trade.time)
        if not offset:
            return trade if time == trade.time else _replace(trade, time=time)
        related_id = None if trade.related_id is None else trade.related_id + offset
        return _replace(trade, time=time, trade_id=trade.trade_id + offset, related_id=related_id)


def _market_of(event: MarketEvent) -> MarketId:
    if isinstance(event, MarketStateChanged | TradingDayStarted):
        return event.market
    return split_instrument(event.instrument)[1]


def _blank(instrument: InstrumentId) -> SecurityChanged:
    """Everything that only the recording knew is no longer set; statistics come from the trades again."""
    return SecurityChanged(
        instrument=instrument,
        trading_state=None,
        open=None,
        high=None,
        low=None,
        last=None,
        settlement=None,
        vwap=None,
        auction_price=None,
        auction_quantity=None,
        auction_remainder=None,
        open_interest=None,
        status_note=(),
        quotation_basis=(),
        extended={},
    )
