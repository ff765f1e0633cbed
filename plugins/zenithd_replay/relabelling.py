"""Gives recorded markets the codes under which they are played. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from zenithd.domain.events import (
    InstrumentListed,
    MarketEvent,
    MarketStateChanged,
    TradeAmended,
    TradingDayStarted,
)
from zenithd.domain.identifiers import (
    InstrumentId,
    MarketCode,
    MarketId,
    instrument_id,
    parse_market,
    split_instrument,
)
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.recording import Batch, Declared, Record, StatusChanged

_replace = msgspec.structs.replace


def played_market(recorded: MarketId, market: str, tag: str) -> MarketId:
    """The code to play under: `market` if it is given, else the recorded code with `tag`."""
    if market:
        return parse_market(market).id
    code = parse_market(recorded)
    if not isinstance(code, MarketCode):
        raise ValueError(f"{recorded} is a mix; only single markets can be played")  # noqa: TRY004
    return MarketCode(code.exchange, code.alternative, tag or code.tag).id


class Relabelling:
    """Replaces market codes everywhere in definitions, instruments and events.

    Args:
        markets: code to play under by recorded code.

    Raises:
        ValueError: two markets would be played under one code.
    """

    def __init__(self, markets: Mapping[MarketId, MarketId]) -> None:
        if len(set(markets.values())) < len(markets):
            raise ValueError(f"several recorded markets would be played under one code: {dict(markets)}")
        self._markets = markets
        self._changes_nothing = all(old == new for old, new in markets.items())
        self._instruments: dict[InstrumentId, InstrumentId] = {}

    def record(self, record: Record) -> Record:
        """A record as it is to be played."""
        if self._changes_nothing:
            return record
        if isinstance(record, Batch):
            return Batch(record.time, [self.event(event) for event in record.events])
        if isinstance(record, StatusChanged):
            return _replace(record, market=self._market(record.market))
        return self.declared(record)

    def declared(self, record: Declared) -> Declared:
        """A declaration as it is to be played."""
        if self._changes_nothing:
            return record
        return Declared(
            time=record.time,
            definition=self.definition(record.definition),
            instruments=tuple(self.instrument(instrument) for instrument in record.instruments),
        )

    def definition(self, definition: MarketDefinition) -> MarketDefinition:
        """A definition as it is to be played."""
        boards = tuple(self._board(board, definition.id) for board in definition.boards)
        return _replace(definition, id=self._market(definition.id), boards=boards)

    def instrument(self, instrument: Instrument) -> Instrument:
        """An instrument as it is to be played."""
        market = instrument.market
        return _replace(
            instrument,
            market=self._market(market),
            exchange=instrument.exchange and self._market(MarketId(instrument.exchange)),
            trading_markets=tuple(self._board(board, market) for board in instrument.trading_markets),
            board=instrument.board and self._board(instrument.board, market),
        )

    def event(self, event: MarketEvent) -> MarketEvent:
        """An event as it is to be played."""
        if isinstance(event, TradeAmended):
            instrument = self._instrument(event.instrument)
            return TradeAmended(_replace(event.trade, instrument=instrument))
        if isinstance(event, InstrumentListed):
            return InstrumentListed(self.instrument(event.definition))
        if isinstance(event, MarketStateChanged):
            boards = {self._board(board, event.market): state for board, state in event.boards.items()}
            return _replace(event, market=self._market(event.market), boards=boards)
        if isinstance(event, TradingDayStarted):
            return _replace(event, market=self._market(event.market))
        return _replace(event, instrument=self._instrument(event.instrument))

    def _market(self, market: MarketId) -> MarketId:
        return self._markets.get(market, market)

    def _instrument(self, instrument: InstrumentId) -> InstrumentId:
        found = self._instruments.get(instrument)
        if found is None:
            code, market = split_instrument(instrument)
            found = self._instruments[instrument] = instrument_id(code, self._market(market))
        return found

    def _board(self, board: str, market: MarketId) -> str:
        """`XSX::MAIN` of XSX, played as XSX[Sample], is `XSX::MAIN[Sample]`."""
        old, new = parse_market(market), parse_market(self._market(market))
        if not isinstance(old, MarketCode) or not isinstance(new, MarketCode):
            return board
        if old.tag:
            board = board.removesuffix(f"[{old.tag}]")
        if board == old.exchange or board.startswith(f"{old.exchange}:"):
            board = new.exchange + board[len(old.exchange) :]
        return f"{board}[{new.tag}]" if new.tag else board
