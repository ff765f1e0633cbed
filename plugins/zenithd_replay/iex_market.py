"""What IEX lists, as a market: definition, trading states, boards, instruments. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from zenithd.domain.identifiers import MarketCode, MarketId, parse_market
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import Allows, DataKind, StateReason, TickStep, TickTable, TradingState

TIME_ZONE = "America/New_York"
PRICE_SCALE = 4
"""DEEP's prices are integers with four decimals."""

TRADING, PRE_MARKET, POST_MARKET, CLOSED, UNKNOWN = "Trading", "PreMarket", "PostMarket", "Closed", "Unknown"
HALTED, ORDER_ACCEPTANCE, PAUSED, OPERATIONAL_HALT = "Halted", "OrderAcceptance", "Paused", "OperationalHalt"

_OPEN = Allows.ORDERS_ONLY | Allows.MATCH
_STATES = (
    TradingState(TRADING, StateReason.NORMAL, _OPEN),
    TradingState(PRE_MARKET, StateReason.NORMAL, _OPEN),
    TradingState(POST_MARKET, StateReason.NORMAL, _OPEN),
    TradingState(CLOSED, StateReason.NORMAL, Allows.NONE),
    TradingState(UNKNOWN, StateReason.UNKNOWN, Allows.NONE),
    TradingState(HALTED, StateReason.TRADING_HALT, Allows.ORDER_CANCEL),
    TradingState(ORDER_ACCEPTANCE, StateReason.TRADING_HALT, Allows.ORDERS_ONLY),
    TradingState(PAUSED, StateReason.TRADING_HALT, Allows.ORDERS_ONLY),
    TradingState(OPERATIONAL_HALT, StateReason.SUSPEND, Allows.ORDER_CANCEL),
)
SESSION_STATES = {
    b"O": CLOSED,
    b"S": PRE_MARKET,
    b"R": TRADING,
    b"M": POST_MARKET,
    b"E": CLOSED,
    b"C": CLOSED,
}
"""State of the market after a system event: start of messages, of system hours, of regular hours, and
the ends of regular hours, of system hours and of messages."""
SECURITY_STATES = {b"H": HALTED, b"O": ORDER_ACCEPTANCE, b"P": PAUSED}
"""State of an instrument by its trading status; T, trading, is the state of the market."""

_TICKS = TickTable(
    "US",
    (
        TickStep(Decimal(0), Decimal(1), Decimal("0.0001")),
        TickStep(Decimal(1), Decimal(10) ** 12, Decimal("0.01")),
    ),
)
"""Order prices under rule 612 of Regulation NMS; trades at a midpoint can have more decimals."""

_TEST_SECURITY, _WHEN_ISSUED, _EXCHANGE_TRADED_PRODUCT = 0x80, 0x40, 0x20
_FLAG_NAMES = {_TEST_SECURITY: "TestSecurity", _WHEN_ISSUED: "WhenIssued", _EXCHANGE_TRADED_PRODUCT: "ETP"}


class Directory(msgspec.Struct, frozen=True):
    """What a security directory message tells of an instrument."""

    flags: int
    round_lot: int
    previous_close: int
    """Adjusted; 0 if there is none."""
    limit_tier: int
    """Limit up, limit down: 0 not applicable, 1 or 2."""


def board_code(market: MarketId) -> str:
    """The one board of the market, whose state follows the system events: `IEX::IEX[Sample]`."""
    code = parse_market(market)
    if not isinstance(code, MarketCode):
        raise TypeError(f"{market} is a mix")
    tag = f"[{code.tag}]" if code.tag else ""
    return f"{code.exchange}:{code.alternative}:{code.exchange}{tag}"


def market_definition(market: MarketId) -> MarketDefinition:
    """IEX as DEEP shows it."""
    return MarketDefinition(
        id=market,
        name="Investors Exchange (recorded)",
        time_zone=TIME_ZONE,
        currency="USD",
        trading_states=_STATES,
        boards=(board_code(market),),
        tick_tables=(_TICKS,),
        guarantees=(
            "Messages are checked for gaps by their sequence numbers; after a gap no book is shown until the"
            " venue begins its stream anew, because the recording holds no snapshots.",
            "Price levels that belong to one event of the book are applied together.",
            "Only displayed orders are in the levels; the recording does not tell the number of orders.",
        ),
    )


def instruments(market: MarketId, directory: dict[str, Directory | None]) -> tuple[Instrument, ...]:
    """The listed instruments, by code."""
    return tuple(instrument(market, code, directory[code]) for code in sorted(directory))


def instrument(market: MarketId, code: str, directory: Directory | None) -> Instrument:
    """One instrument; DEEP tells nothing but the code of one that has no directory message."""
    board = board_code(market)
    return Instrument(
        code=code,
        market=market,
        name=code,
        cfi="CEXXXX" if directory and directory.flags & _EXCHANGE_TRADED_PRODUCT else "EXXXXX",
        currency="USD",
        price_scale=PRICE_SCALE,
        trading_markets=(board,),
        board=board,
        tick_table=_TICKS.code,
        lot_size=Decimal(directory.round_lot) if directory else None,
        attributes=dict(_attributes(directory)) if directory else {},
        subscription_data=DataKind.ASSET | DataKind.TRADES | DataKind.DEPTH_SHORT,
    )


def _attributes(directory: Directory) -> Iterable[tuple[str, str]]:
    for flag, name in _FLAG_NAMES.items():
        if directory.flags & flag:
            yield name, "Y"
    if directory.limit_tier:
        yield "LimitUpLimitDownTier", str(directory.limit_tier)
