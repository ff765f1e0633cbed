"""exchangeInfo to instruments, boards, trading states and tick tables. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec

from zenithd.domain.identifiers import MarketId, parse_market
from zenithd.domain.instrument import BestPriceSource, Instrument, MarketDefinition
from zenithd.domain.market_data import Allows, DataKind, StateReason, TickStep, TickTable, TradingState
from zenithd_binance.fixed_point import decimals_of
from zenithd_binance.payloads import ExchangeInformation, SymbolInformation, nanoseconds

SPOT_DECIMALS = 8
"""The spot interfaces write every price and quantity with eight decimals."""

SHOWN_AS_TRADING = "Trading"
_UNKNOWN = TradingState("Unknown", StateReason.UNKNOWN)
_STATES: dict[str, TradingState] = {
    "TRADING": TradingState(SHOWN_AS_TRADING, StateReason.NORMAL, Allows.ORDERS_ONLY | Allows.MATCH),
    "HALT": TradingState("Halt", StateReason.TRADING_HALT),
    "BREAK": TradingState("Break", StateReason.SUSPEND),
    "CANCEL_ONLY": TradingState("CancelOnly", StateReason.SUSPEND, Allows.ORDER_CANCEL),
    "END_OF_DAY": TradingState("EndOfDay"),
    "PRE_TRADING": TradingState("PreTrading", StateReason.NORMAL, Allows.ORDERS_ONLY),
    "POST_TRADING": TradingState("PostTrading"),
    "AUCTION_MATCH": TradingState("Auction", StateReason.NORMAL, Allows.ORDERS_ONLY | Allows.MATCH),
    "PENDING_TRADING": TradingState("PendingTrading"),
    "PRE_DELIVERING": TradingState("PreDelivering"),
    "DELIVERING": TradingState("Delivering"),
    "DELIVERED": TradingState("Delivered"),
    "PRE_SETTLE": TradingState("PreSettle"),
    "SETTLING": TradingState("Settling"),
    "CLOSE": TradingState("Closed"),
}
"""The venue's statuses of a symbol, spot and futures."""

_STEPS_HIGH = Decimal(10) ** 12
"""Above any price; a tick table needs an upper end."""
_PERPETUAL_DELIVERY_MIN = date(2100, 1, 1)
"""Perpetual contracts carry a delivery date in the year 2100."""
_UNDERLYING_CFI = {"COIN": "C", "INDEX": "I", "EQUITY": "S"}


class Selection(msgspec.Struct, frozen=True):
    """Which symbols are listed: these whatever their status, and those in trading by quote asset."""

    symbols: Collection[str]
    quote_assets: Collection[str]
    kept: Collection[str] = ()
    """Listed before: a halt does not unlist them."""

    def takes(self, symbol: SymbolInformation) -> bool:
        """True if the symbol is to be listed."""
        if symbol.symbol in self.symbols or symbol.symbol in self.kept:
            return True
        quoted = symbol.quote_asset in self.quote_assets or "*" in self.quote_assets
        return quoted and symbol.status == "TRADING"


class Listed(msgspec.Struct, frozen=True):
    """An instrument, and how many decimals the venue writes in its prices and quantities."""

    instrument: Instrument
    price_decimals: int
    quantity_decimals: int


class Listing(msgspec.Struct, frozen=True):
    """What a market lists now."""

    listed: Sequence[Listed]
    tick_tables: tuple[TickTable, ...]
    states: Mapping[str, str]
    """Trading state by symbol."""
    missing: Sequence[str]
    """Symbols that were asked for by name and do not exist."""
    faulty: Mapping[str, str]
    """Symbols that cannot be listed, with the reason."""


def market_definition(market: str, is_spot: bool, tick_tables: tuple[TickTable, ...]) -> MarketDefinition:
    """The market as declared; tick tables are known after the first listing."""
    name = "Binance" if is_spot else "Binance USD-M futures"
    return MarketDefinition(
        id=parse_market(market).id,
        name=name,
        time_zone="UTC",
        trading_states=(*_STATES.values(), _UNKNOWN),
        boards=boards(market, is_spot),
        tick_tables=tick_tables,
        best_prices=BestPriceSource.EVENTS,
        guarantees=(
            "Books are joined from a snapshot and numbered updates; a missing update is reported and the book"
            " asked for anew.",
            "A book begins with the levels of its snapshot; a level beyond them appears when it changes.",
            "Trades have the venue's own ids without gaps; a missing one is reported, not filled in.",
            "Statistics are those of the UTC day, exact to the last trade.",
        ),
    )


def read_listing(
    information: ExchangeInformation,
    market: MarketId,
    is_spot: bool,
    selection: Selection,
    decimals_extra: int,
) -> Listing:
    """Turn exchangeInfo into what the market lists. A symbol that cannot be read is left out and named."""
    listed: list[Listed] = []
    states: dict[str, str] = {}
    faulty: dict[str, str] = {}
    for symbol in information.symbols:
        if not selection.takes(symbol):
            continue
        try:
            listed.append(_listed(symbol, market, is_spot, decimals_extra))
        except ValueError as fault:
            faulty[symbol.symbol] = str(fault)
        else:
            states[symbol.symbol] = _STATES.get(symbol.status, _UNKNOWN).name
    sizes = {each.instrument.tick_table for each in listed} - {None}
    known = {symbol.symbol for symbol in information.symbols}
    return Listing(
        listed,
        tuple(_tick_table(size) for size in sorted(map(str, sizes), key=Decimal)),
        states,
        [symbol for symbol in selection.symbols if symbol not in known],
        faulty,
    )


def _listed(symbol: SymbolInformation, market: MarketId, is_spot: bool, decimals_extra: int) -> Listed:
    tick, step = _steps(symbol)
    if is_spot:
        price_decimals = quantity_decimals = SPOT_DECIMALS
    else:
        price_decimals = max(symbol.price_precision or 0, decimals_of(tick))
        quantity_decimals = max(symbol.quantity_precision or 0, decimals_of(step))
    expiry = _expiry(symbol)
    board = boards(market, is_spot)[0 if expiry is None else -1]
    instrument = Instrument(
        code=symbol.symbol,
        market=market,
        name=f"{symbol.base_asset}/{symbol.quote_asset}{_contract_name(symbol, expiry)}",
        cfi="IFXXXP" if is_spot else _futures_cfi(symbol),
        currency=symbol.quote_asset,
        price_scale=_scale(tick, decimals_extra, price_decimals),
        quantity_scale=_scale(step, decimals_extra, quantity_decimals),
        trading_markets=(board,),
        board=board,
        tick_table=_plain(tick) if Decimal(tick) else None,
        lot_size=Decimal(_plain(step)) if Decimal(step) else None,
        contract_size=None if is_spot else Decimal(1),
        expiry_date=expiry,
        attributes=_attributes(symbol),
        categories=("Cryptocurrency",) if symbol.underlying_type in (None, "COIN") else (),
        subscription_data=DataKind.ASSET | DataKind.TRADES | DataKind.DEPTH_SHORT,
    )
    return Listed(instrument, price_decimals, quantity_decimals)


def _steps(symbol: SymbolInformation) -> tuple[str, str]:
    tick = next((f.tick_size for f in symbol.filters if f.filter_type == "PRICE_FILTER"), None)
    step = next((f.step_size for f in symbol.filters if f.filter_type == "LOT_SIZE"), None)
    if tick is None or step is None:
        raise ValueError("no PRICE_FILTER with tickSize or no LOT_SIZE with stepSize")
    return tick, step


def _scale(step: str, decimals_extra: int, wire_decimals: int) -> int:
    """A step of 0 means that the venue has no rule: then whatever it writes is possible."""
    decimals = decimals_of(step)
    return min(decimals + decimals_extra, wire_decimals) if Decimal(step) else wire_decimals


def _plain(size: str) -> str:
    """A size without exponent and needless zeros, which is also the code of its tick table."""
    return f"{Decimal(size).normalize():f}"


def _tick_table(size: str) -> TickTable:
    return TickTable(size, (TickStep(Decimal(0), _STEPS_HIGH, Decimal(size)),))


def boards(market: str, is_spot: bool) -> tuple[str, ...]:
    """The board codes of a market: one of spot; of futures that for perpetuals and that for deliveries."""
    place = market if ":" in market else f"{market}:"
    return (f"{place}:SPOT",) if is_spot else (f"{place}:PERPETUAL", f"{place}:DELIVERY")


def _expiry(symbol: SymbolInformation) -> date | None:
    if symbol.delivery_date is None:
        return None
    delivery = datetime.fromtimestamp(nanoseconds(symbol.delivery_date) // 1_000_000_000, UTC).date()
    return delivery if delivery < _PERPETUAL_DELIVERY_MIN else None


def _contract_name(symbol: SymbolInformation, expiry: date | None) -> str:
    if symbol.contract_type is None:
        return ""
    return " perpetual" if expiry is None else f" {expiry:%d %b %Y}"


def _futures_cfi(symbol: SymbolInformation) -> str:
    """Financial future on the underlying, settled in cash; non-standard where it never expires."""
    underlying = _UNDERLYING_CFI.get(symbol.underlying_type or "COIN", "M")
    return f"FF{underlying}C{'N' if symbol.contract_type == 'PERPETUAL' else 'S'}X"


def _attributes(symbol: SymbolInformation) -> dict[str, str]:
    attributes = {"BaseAsset": symbol.base_asset, "QuoteAsset": symbol.quote_asset}
    if symbol.contract_type is not None:
        attributes["ContractType"] = symbol.contract_type
    return attributes
