"""The Market controller: all its topics (spec zenith-websocket 3.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from functools import partial
from typing import Any

import msgspec

from zenithd.authority.access import Access, View
from zenithd.controllers.chart import Chart
from zenithd.controllers.directory import MarketDirectory, RemoteBars, TradeHistory, no_remote_bars
from zenithd.controllers.interface import Answer, Opened, Refusal
from zenithd.controllers.kept_books import KeptBooks
from zenithd.controllers.lookup import FoundMarket, FoundSymbol, Lookup, answerable, refuse
from zenithd.controllers.mixed_code import query_mixed_market
from zenithd.controllers.symbols import Symbols, open_symbols
from zenithd.controllers.trades import Trades
from zenithd.domain.identifiers import InstrumentId, MarketId, MixedMarketCode, parse_market
from zenithd.domain.instrument import MarketDefinition
from zenithd.domain.market_data import DataKind
from zenithd.market.view import InstrumentView, MarketView
from zenithd.wire import errors, translate
from zenithd.wire.requests import InvalidRequest, MarketRequest, SymbolRequest, decode

Query = Callable[[Any, Access], Answer | Awaitable[Answer]]
Render = Callable[[MarketView, InstrumentView, View], Any]
"""Makes the full state of one symbol."""


class MarketController:
    """Answers 13 queries and opens 6 subscriptions from the state of the markets and the history.

    Subscriptions are taken whatever the status of the feed: the status itself is told by Markets and
    Feeds, and the state follows when the feed is up.
    """

    name = "Market"

    def __init__(
        self, directory: MarketDirectory, history: TradeHistory, remote_bars: RemoteBars = no_remote_bars
    ) -> None:
        self._directory = directory
        self._lookup = lookup = Lookup(directory)
        symbols = Symbols(directory, lookup)
        self._queries: Mapping[str, Query] = {
            "QueryBrokers": self._query_brokers,
            "QueryChartHistory": Chart(directory, lookup, history, remote_bars).query,
            "QueryDepthFull": partial(self._query_symbol, DataKind.DEPTH_FULL, KeptBooks().depth),
            "QueryDepthLevels": partial(self._query_symbol, DataKind.DEPTH_SHORT, _levels),
            "QueryMarkets": self._query_markets,
            "QueryMixedMarket": partial(query_mixed_market, lookup),
            "QuerySecurity": partial(self._query_symbol, DataKind.ASSET, _security),
            "QuerySymbols": symbols.query,
            "QueryTickTables": partial(self._query_definition, translate.tick_tables),
            "QueryTrades": Trades(directory, lookup, history).query,
            "QueryTradingStates": partial(self._query_definition, translate.trading_states),
            "ScanSymbols": symbols.scan,
            "SearchSymbols": symbols.search,
        }

    def query(self, topic: str, data: Any, access: Access) -> Answer | Awaitable[Answer]:
        """Answer a request; without Data in the answer the session sends what is safe after an error."""
        query = self._queries.get(topic)
        if query is None:
            return Answer(errors=(errors.OPERATION_UNKNOWN,))
        try:
            return query(data, access)
        except InvalidRequest as invalid:
            return Answer(errors=invalid.codes)

    def open(self, topic: str, argument: str | None, access: Access) -> Opened | Refusal:
        """Resolve a subscription."""
        if topic == "Markets":
            return self._open_markets(access)
        if topic == "Symbols":
            return open_symbols(self._directory, self._lookup, argument or "", access)
        kind = _TOPICS.get(topic)
        if kind is None:
            return Refusal((errors.OPERATION_UNKNOWN,))
        data, render, narrow = kind
        found = self._lookup.topic_symbol(argument or "", access, data)
        if isinstance(found, Refusal):
            return found
        return self._open_symbol(topic, found, render, narrow(found.view))

    # Subscriptions

    def _open_symbol(self, topic: str, found: FoundSymbol, render: Render, view: View) -> Opened:
        directory, market, identifier = self._directory, found.market.definition.id, found.id

        def snapshot(entitlement: Hashable) -> list[Any]:
            listing = directory.find(market)
            instrument = None if listing is None else listing.instruments.get(identifier)
            if listing is None or instrument is None or not isinstance(entitlement, View):
                return []
            return [render(listing, instrument, entitlement)]

        return Opened(
            f"{topic}!{identifier}",
            view,
            snapshot,
            opened=partial(directory.want, identifier),
            closed=_Leaving(directory, identifier),
        )

    def _open_markets(self, access: Access) -> Opened:
        visible = tuple(market.definition.id for market in self._directory.visible(access))
        return Opened(
            "Markets", visible, lambda entitlement: [self._market_states(entitlement)], is_list=True
        )

    def _market_states(self, visible: Hashable) -> list[Any]:
        """Give the states of those markets that were visible when the subscription was made."""
        assert isinstance(visible, tuple), "the entitlement that open() gave"
        now = self._directory.now()
        markets = [self._directory.find(MarketId(market)) for market in visible]
        return [translate.market_state(market, now) for market in markets if market is not None]

    # Queries

    def _query_markets(self, data: Any, access: Access) -> Answer:
        now = self._directory.now()
        return Answer([translate.market_state(market, now) for market in self._directory.visible(access)])

    def _query_symbol(self, kind: DataKind, render: Render, data: Any, access: Access) -> Answer:
        request = decode(data, SymbolRequest)
        found = self._lookup.symbol(request.code, request.market, access, kind)
        if isinstance(found, Refusal):
            return Answer(errors=found.errors)
        self._touch(found)
        refusal = answerable(found)
        if refusal is not None:
            return Answer(errors=refusal.errors)
        return Answer(render(found.market, found.instrument, found.view))

    def _touch(self, found: FoundSymbol) -> None:
        """Want the symbol for the linger time: where nobody subscribed, the next query finds it filled."""
        self._directory.want(found.id)
        self._directory.unwant(found.id)

    def _query_definition(
        self, render: Callable[[MarketDefinition], list[Any]], data: Any, access: Access
    ) -> Answer:
        found = self._lookup.market(decode(data, MarketRequest).market, access)
        if isinstance(found, Refusal):
            return Answer(errors=found.errors)
        return Answer(render(found.market.definition))

    def _query_brokers(self, data: Any, access: Access) -> Answer:
        """List brokers to those who see them in orders and trades; to others there are none."""
        request = decode(data, MarketRequest)
        found = self._lookup.market(request.market, access)
        if isinstance(found, FoundMarket) and isinstance(parse_market(found.id), MixedMarketCode):
            return Answer(errors=refuse(errors.MARKET, request.market).errors)
        if isinstance(found, Refusal):
            return Answer(errors=found.errors)
        return Answer(translate.brokers(found.market.definition) if found.view.brokers else [])


class _Leaving(msgspec.Struct, frozen=True):
    """Called when a subscriber of a symbol leaves; each holds one, a partial takes five times the room."""

    directory: MarketDirectory
    identifier: InstrumentId

    def __call__(self) -> None:
        self.directory.unwant(self.identifier)


def _depth(market: MarketView, instrument: InstrumentView, view: View) -> Any:
    return translate.depth_snapshot(instrument, view)


def _levels(market: MarketView, instrument: InstrumentView, view: View) -> Any:
    return translate.level_snapshot(instrument, view)


def _trades(market: MarketView, instrument: InstrumentView, view: View) -> Any:
    return translate.trade_snapshot(instrument.tape.newest_id)


def _security(market: MarketView, instrument: InstrumentView, view: View) -> Any:
    """Make the full Security."""
    return translate.security_full(instrument, market, view)


def _whole(view: View) -> View:
    return view


def _without_parties(view: View) -> View:
    """Leave out of the group key what makes no difference to a topic that names no parties."""
    return View(view.visibility)


_TOPICS: Mapping[str, tuple[DataKind, Render, Callable[[View], View]]] = {
    "Depth": (DataKind.DEPTH_FULL, _depth, _whole),
    "Levels": (DataKind.DEPTH_SHORT, _levels, _without_parties),
    "Security": (DataKind.ASSET, _security, _without_parties),
    "Trades": (DataKind.TRADES, _trades, _whole),
}
"""What a symbol must offer for each topic, its full state, and what of the view matters to it."""
