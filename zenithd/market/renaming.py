"""The same events under the code of another market: how a delayed market gets its own instruments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from zenithd.domain.events import (
    InstrumentListed,
    MarketEvent,
    MarketStateChanged,
    TradeAmended,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId, instrument_id, parse_market, split_instrument
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import DataKind
from zenithd.market.snapshot import MarketSnapshot

T = TypeVar("T", bound=MarketEvent)


class Renaming:
    """Moves what belongs to the market `source` to the market `target`.

    Codes of boards and trading markets get the target's tag in place of the source's
    (zenith-websocket 5); the issuing exchange stays what it was. `data` limits what can be subscribed to.
    """

    def __init__(self, source: MarketId, target: MarketId, data: DataKind = DataKind.ALL) -> None:
        self.target = target
        self._data = data
        self._source_tag = _tag_suffix(source)
        self._target_tag = _tag_suffix(target)
        self._ids: dict[InstrumentId, InstrumentId] = {}
        self._special: dict[type[Any], Callable[[Any], MarketEvent]] = {
            TradeAmended: lambda event: TradeAmended(self._moved(event.trade)),
            InstrumentListed: lambda event: InstrumentListed(self.instrument(event.definition)),
            MarketStateChanged: self._state,
            TradingDayStarted: lambda event: TradingDayStarted(target, event.trading_date),
        }

    def event(self, event: MarketEvent) -> MarketEvent:
        """The event as one of the target market."""
        special = self._special.get(type(event))
        return self._moved(event) if special is None else special(event)

    def _moved(self, event: T) -> T:
        """The event of an instrument, with its instrument renamed."""
        return msgspec.structs.replace(event, instrument=self.id(event.instrument))  # type: ignore[union-attr]

    def _state(self, event: MarketStateChanged) -> MarketStateChanged:
        boards = {self.board(board): state for board, state in event.boards.items()}
        return MarketStateChanged(self.target, event.trading_state, boards)

    def id(self, source: InstrumentId) -> InstrumentId:
        """The instrument of the target market with the same code."""
        renamed = self._ids.get(source)
        if renamed is None:
            renamed = self._ids[source] = instrument_id(split_instrument(source)[0], self.target)
        return renamed

    def board(self, code: str) -> str:
        """A board or trading market with the target's tag."""
        return code.removesuffix(self._source_tag) + self._target_tag

    def instrument(self, instrument: Instrument) -> Instrument:
        """The instrument as the target market lists it."""
        return msgspec.structs.replace(
            instrument,
            market=self.target,
            exchange=instrument.issuer,
            board=None if instrument.board is None else self.board(instrument.board),
            trading_markets=tuple(self.board(code) for code in instrument.trading_markets),
            subscription_data=instrument.subscription_data & self._data,
        )

    def definition(self, definition: MarketDefinition) -> MarketDefinition:
        """The target market's definition; the daemon's readiness never waits for it."""
        return msgspec.structs.replace(
            definition,
            id=self.target,
            boards=tuple(self.board(board) for board in definition.boards),
            readiness=False,
        )

    def snapshot(self, snapshot: MarketSnapshot) -> MarketSnapshot:
        """The state as the target market's; trades on tapes keep the instrument they were made in."""
        return msgspec.structs.replace(
            snapshot,
            definition=self.definition(snapshot.definition),
            board_states={self.board(board): state for board, state in snapshot.board_states.items()},
            instruments=[
                msgspec.structs.replace(each, instrument=self.instrument(each.instrument))
                for each in snapshot.instruments
            ],
        )


def _tag_suffix(market: MarketId) -> str:
    tag = parse_market(market).tag
    return f"[{tag}]" if tag else ""
