"""One instrument of a mixed market (zenith-websocket 1.7)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final

from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Bar
from zenithd.market.blended_levels import BlendedLevels
from zenithd.market.blended_security import blend_security
from zenithd.market.changes import (
    BookOrder,
    DepthChange,
    InstrumentChanges,
    LevelChange,
    Op,
    PriceLevel,
    TradeChange,
)
from zenithd.market.chart import Minute, merge_minutes, minute_bar
from zenithd.market.contribution import Contribution, in_day
from zenithd.market.security import SECURITY_FIELDS, SecurityRecord
from zenithd.market.trade_tape import TradeTape

_ADD: Final = Op.ADD
_UPDATE: Final = Op.UPDATE


class BlendedChart:
    """Minute bars merged from the sources when they are asked for, so that corrections are in them."""

    __slots__ = ("_sources",)

    def __init__(self, sources: Sequence[Contribution]) -> None:
        self._sources = sources

    def minutes(self) -> list[Minute]:
        """The minutes of all sources merged, oldest first."""
        return merge_minutes([source.minutes() for source in self._sources])

    def bars(self) -> list[Bar]:
        """The minutes in which a trade affected the price, oldest first."""
        return [bar for minute in self.minutes() if (bar := minute_bar(minute)) is not None]


class BlendedInstrument:
    """Blends an instrument's sources: an InstrumentView, updated from the sources' changes.

    Nothing is held or worked out before something is read for the first time; from then on `apply` must
    see every change of every source at once, before another source changes.
    """

    __slots__ = (
        "_levels",
        "_places",
        "_security",
        "_tape",
        "contributions",
        "id",
        "instrument",
        "is_active",
        "trading_date",
    )

    def __init__(
        self, instrument: Instrument, contributions: Sequence[Contribution], trading_date: date | None
    ) -> None:
        self.id = instrument.id
        self.instrument = instrument
        self.contributions = contributions
        self._places = {part.source: place for place, part in enumerate(contributions)}
        self.trading_date = trading_date
        self.is_active = False
        """True once something was read."""
        self._security = SecurityRecord()
        self._levels = BlendedLevels(())
        self._tape = TradeTape(1)

    # What is read

    @property
    def security(self) -> SecurityRecord:
        """The dynamic fields of Security."""
        self._activate()
        return self._security

    @property
    def tape(self) -> TradeTape:
        """Today's trades of all sources in one sequence."""
        self._activate()
        return self._tape

    @property
    def chart(self) -> BlendedChart:
        """Today's minute bars of all sources."""
        return BlendedChart(self._today())

    @property
    def last_traded(self) -> int | None:
        """When the newest price of all sources was made."""
        return max((part.view.last_traded or 0 for part in self._today()), default=0) or None

    def orders(self) -> list[BookOrder]:
        """The orders of all sources, each with its source market."""
        self._activate()
        return [part.order(order) for part in self.contributions for order in part.view.orders()]

    def levels(self) -> list[PriceLevel]:
        """The levels of all sources, added up by side and price."""
        self._activate()
        return self._levels.levels()

    def _activate(self) -> None:
        if not self.is_active:
            self.is_active = True
            self._levels = BlendedLevels(self.contributions)
            blend_security(self._security, SECURITY_FIELDS, self.contributions, self.trading_date, set())
            self._make_tape()

    def _today(self) -> list[Contribution]:
        return in_day(self.contributions, self.trading_date)

    def _make_tape(self) -> None:
        """Make the tape from the sources' tapes, in the order of the ids that their trades should have."""
        today = self._today()
        for part in self.contributions:
            part.forget_trades()
        tape = TradeTape(sum(part.view.tape.trades_max for part in self.contributions), self.trading_date)
        ranked = [
            (part.next_id(taped), place, part, taped)
            for place, part in enumerate(today)
            for taped in part.view.tape
        ]
        ranked.sort(key=lambda entry: entry[:2])
        for trade_id, _, part, taped in ranked:
            tape.add_taped(part.trade(taped, max(tape.newest_id + 1, trade_id)))
        tape.complete = all(part.view.tape.complete for part in today)
        self._tape = tape

    # What changes

    def apply(self, source: MarketId, changed: InstrumentChanges, changes: InstrumentChanges) -> None:
        """Take over what changed in a source; adds what changed in the blend to `changes`.

        Where `changes` tell of a new day already, tape and security are up to date.
        """
        place = self._places[source]
        if changed.depth:
            self._apply_depth(place, changed.depth, changes.depth)
        if changed.levels:
            changes.levels += self._levels.apply(place, changed.levels)
        if changes.security_full:
            return
        # A whole Security of a source is a new day, which the blend began before, or void values: of either
        # the blend's subscribers need what changes for them. A new definition comes as a new blend.
        names: Collection[str] = SECURITY_FIELDS if changed.security_full else changed.security
        if changed.trades:
            self._apply_trades(self.contributions[place], changed.trades, changes.trades)
            # Which source traded last may change though no source's last price does.
            names = (*names, "last")
        if names:
            blend_security(self._security, names, self.contributions, self.trading_date, changes.security)

    def start_day(self, trading_date: date | None) -> InstrumentChanges:
        """Begin a trading day of the blend; sources that are not in it yet drop out of the statistics."""
        self.trading_date = trading_date
        changes = InstrumentChanges(security_full=True)
        if self.is_active:
            blend_security(
                self._security, SECURITY_FIELDS, self.contributions, self.trading_date, changes.security
            )
            self._make_tape()
            changes.trades.append(TradeChange(Op.INITIALISE, self._tape.newest_id))
        return changes

    def full_changes(self) -> InstrumentChanges:
        """The whole state as changes, for subscribers whose state is void."""
        changes = InstrumentChanges(security=set(SECURITY_FIELDS), security_full=True)
        changes.depth = [DepthChange(Op.CLEAR), *(DepthChange(_ADD, order) for order in self.orders())]
        changes.levels = [LevelChange(Op.CLEAR), *(LevelChange(_ADD, level) for level in self.levels())]
        changes.trades = [TradeChange(Op.INITIALISE, self.tape.newest_id)]
        return changes

    def _apply_depth(self, place: int, changed: Sequence[DepthChange], depth: list[DepthChange]) -> None:
        part = self.contributions[place]
        for change in changed:
            order = change.order
            if order is not None:
                depth.append(
                    DepthChange(change.op, part.order(order), change.price_changed, change.position_changed)
                )
                continue
            depth.append(change)
            for other in self.contributions:
                if other is not part:
                    depth += [DepthChange(_ADD, other.order(stays)) for stays in other.view.orders()]

    def _apply_trades(
        self, part: Contribution, changed: Sequence[TradeChange], trades: list[TradeChange]
    ) -> None:
        if part not in self._today():
            return
        if any(change.op is Op.INITIALISE for change in changed):
            if not self._joins(part, changed):
                self._make_tape()
                trades.append(TradeChange(Op.INITIALISE, self._tape.newest_id))
                return
            part.forget_trades()
        tape = self._tape
        for change in changed:
            if change.trade is None:
                continue
            if change.op is _ADD:
                taped = part.trade(change.trade, max(tape.newest_id + 1, part.next_id(change.trade)))
                tape.add_taped(taped)
                trades.append(TradeChange(_ADD, None, taped))
                continue
            amended = part.amended(change.trade)
            if amended is not None:
                tape.replace_taped(amended)
                trades.append(TradeChange(_UPDATE, None, amended))
        part.trim_trades(tape.oldest_id or 0)

    def _joins(self, part: Contribution, changed: Sequence[TradeChange]) -> bool:
        """True if a source's new tape is no new tape for the blend.

        That is so if the blend's tape has no trade of the source, and the source's has only those that
        follow in `changed`.
        """
        tape, latest = part.view.tape, 0
        for change in changed:
            latest = 0 if change.op is Op.INITIALISE else latest + (change.op is _ADD)
        if len(tape) != latest or any(taped.market == part.source for taped in self._tape):
            return False
        return self._tape.complete == all(each.view.tape.complete for each in self._today())
