"""A blend of several markets, kept up to date from their changes (zenith-websocket 1.7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from zenithd.domain.identifiers import InstrumentId, MarketId, MixedMarketCode, instrument_id
from zenithd.domain.market_data import FeedStatus
from zenithd.market.blend import BlendedInstrument
from zenithd.market.blended_definition import are_same, blend_instruments, blend_markets, blend_status
from zenithd.market.changes import Changes, InstrumentChanges, Op, SymbolChange
from zenithd.market.contribution import Contribution
from zenithd.market.view import InstrumentView, MarketView


class MixedMarket:
    """A `MarketView` of several markets as one.

    A code is blended from those sources whose listing has the same issuing exchange, class and index flag
    as the first source that lists it; other listings of that code are not in the mix. A code that one
    source lists is passed through. Instruments cost next to nothing until something of them is read.

    A trading day begins with that of the first source that begins it: with a whole Security and a new tape
    for every instrument. Sources that follow later join: their trades are added, and of the Security only
    what changes is told. The tape begins anew only if trades of a source that were on it are void, or if
    it joins with trades that were not told one by one.

    Trade ids ascend in order of arrival: that of `MixedTradeIds`, or one more than the newest id if that is
    higher. A tape that is made anew (first read, restart, source restored) has the trades in the order of
    `MixedTradeIds`. So a trade has the same id in both unless it arrived after a trade of another source
    that has a higher id there: a later one, or one of the same microsecond in a source that stands behind.
    It then differs, and with it those that follow so closely that they had to give way to it. The same is
    true of a trade whose time was amended, and, of trades in one microsecond, where the older ones of them
    were let go.

    `apply` must be called after every change of a source and before the next change of any source.
    """

    def __init__(self, code: MixedMarketCode, sources: Sequence[MarketView]) -> None:
        self.delay_ns = max(source.delay_ns for source in sources)
        self.trading_date: date | None = None
        self.instruments: dict[InstrumentId, BlendedInstrument] = {}
        self._code = code
        self._sources = sources
        self.definition = blend_markets(code, [source.definition for source in sources])
        self._blend_of: dict[InstrumentId, BlendedInstrument] = {}
        """Blends by the instruments of the sources that are in them."""
        self._move_date()
        for source in sources:
            for view in list(source.instruments.values()):
                if self._id(view.instrument.code) not in self.instruments:
                    self._define(view.instrument.code)

    @property
    def feed_status(self) -> FeedStatus:
        """The worst of the sources; Closed only when all are."""
        return blend_status([source.feed_status for source in self._sources])

    @property
    def trading_state(self) -> str | None:
        """That of the first source."""
        return self._sources[0].trading_state

    @property
    def board_states(self) -> dict[str, str]:
        """Those of all sources, by board code."""
        states: dict[str, str] = {}
        for source in reversed(self._sources):
            states.update(source.board_states)
        return dict(sorted(states.items()))

    def apply(self, source: MarketId, changes: Changes) -> Changes:
        """Take over what changed in a source; returns what changed in the mix.

        Only instruments of which something was read are in the result. Faults, gaps and duplicates are
        reported by the source alone.
        """
        result = Changes(market=changes.market)
        if changes.market:
            self._follow_market(result)
        relisted: set[str] = set()
        if changes.symbols:
            relisted = {change.instrument.code for change in changes.symbols}
            for code in sorted(relisted):
                self._relist(code, result)
        for source_id, changed in changes.instruments.items():
            blend = self._blend_of.get(source_id)
            if blend is None or not blend.is_active or (relisted and blend.instrument.code in relisted):
                continue
            blended = result.instruments.get(blend.id) or InstrumentChanges()
            blend.apply(source, changed, blended)
            if not blended.is_empty:
                result.instruments[blend.id] = blended
        return result

    def _follow_market(self, result: Changes) -> None:
        """Take over the sources' definitions and the newest of their trading dates."""
        self.definition = blend_markets(self._code, [each.definition for each in self._sources])
        if not self._move_date():
            return
        result.new_day = True
        for blend in self.instruments.values():
            if blend.is_active:
                result.instruments[blend.id] = blend.start_day(self.trading_date)
            else:
                blend.trading_date = self.trading_date

    def _id(self, code: str) -> InstrumentId:
        return instrument_id(code, self.definition.id)

    def _move_date(self) -> bool:
        """Take over the newest trading date of the sources; True if it is another one."""
        dates = [source.trading_date for source in self._sources if source.trading_date is not None]
        newest = max(dates, default=None)
        moved = newest != self.trading_date
        self.trading_date = newest
        return moved

    def _listings(self, code: str) -> list[tuple[MarketView, InstrumentView]]:
        found: list[tuple[MarketView, InstrumentView]] = []
        for source in self._sources:
            view = source.instruments.get(instrument_id(code, source.definition.id))
            if view is not None and (not found or are_same(found[0][1].instrument, view.instrument)):
                found.append((source, view))
        return found

    def _define(self, code: str) -> BlendedInstrument | None:
        """Make the blend of a code anew; None if no source lists it."""
        listings = self._listings(code)
        if not listings:
            return None
        instrument = blend_instruments(self.definition.id, [view.instrument for _, view in listings])
        contributions = [
            Contribution(market, view, instrument, place, len(listings))
            for place, (market, view) in enumerate(listings)
        ]
        blend = BlendedInstrument(instrument, contributions, self.trading_date)
        self.instruments[instrument.id] = blend
        for _, view in listings:
            self._blend_of[view.instrument.id] = blend
        return blend

    def _relist(self, code: str, result: Changes) -> None:
        blend_id = self._id(code)
        before = self.instruments.pop(blend_id, None)
        for source in self._sources:
            self._blend_of.pop(instrument_id(code, source.definition.id), None)
        blend = self._define(code)
        if blend is None:
            if before is not None:
                result.symbols.append(SymbolChange(Op.REMOVE, before.instrument))
                result.instruments.pop(blend_id, None)
            return
        if before is None:
            result.symbols.append(SymbolChange(Op.ADD, blend.instrument))
            return
        if before.instrument != blend.instrument:
            result.symbols.append(SymbolChange(Op.UPDATE, blend.instrument))
        if before.is_active:
            result.instruments[blend_id] = blend.full_changes()
