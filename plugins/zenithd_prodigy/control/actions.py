"""Actions by name: which parameters each takes, and the command that it becomes. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from zenithd.domain.market_data import TickStep, TickTable
from zenithd_prodigy.control.bodies import ActionBody
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.model.decimals import in_units
from zenithd_prodigy.model.definitions import PriceLimits
from zenithd_prodigy.model.orders import CloseReason
from zenithd_prodigy.model.symbol import SymbolState

Make = Callable[[ActionBody, str, SymbolState | None], Any]


class Action(NamedTuple):
    """How an action is done."""

    takes: frozenset[str]
    """Names of the parameters it may be given."""
    needs: frozenset[str]
    """Those without which it means nothing."""
    make: Make
    """Body, market, symbol -> command, or why there is none."""
    done: str
    """The result string."""
    nothing: Reason | None = None
    """The refusal that only says that there was nothing to do: to an operator that is done, too."""


class Unscalable(Exception):
    """A number with more decimals than the symbol has. The field is the text."""


def scaled(field: str, number: Decimal, scale: int) -> int:
    """A number as an integer in a scale.

    Raises:
        Unscalable: it has more decimals, or is no number.
    """
    try:
        units = in_units(number, scale)
    except ValueError:
        units = None
    if units is None:
        raise Unscalable(field)
    return units


def action(name: str, of_symbol: bool) -> Action | None:
    """The action of that name; None if markets (or symbols) have none such."""
    return (_OF_SYMBOLS if of_symbol else _OF_MARKETS).get(name)


def _status(body: ActionBody, market: str, symbol: SymbolState | None) -> Any:
    code = None if symbol is None else symbol.definition.code
    return c.SetStatus(market=market, status=body.status, symbol=code)


def _start_of_day(body: ActionBody, market: str, _: SymbolState | None) -> Any:
    assert body.trading_date is not None
    return c.StartTradingDay(market=market, trading_date=body.trading_date)


def _end_of_day(_: ActionBody, market: str, __: SymbolState | None) -> Any:
    return c.EndTradingDay(market=market)


def _tick_table(body: ActionBody, market: str, replaces: bool) -> Any:
    assert body.name is not None
    steps = tuple(TickStep(rate.low, rate.high, rate.tick) for rate in body.tick_table or ())
    return c.SetTickTable(market=market, table=TickTable(body.name, steps), replaces=replaces)


def _remove_tick_table(body: ActionBody, market: str, _: SymbolState | None) -> Any:
    return c.RemoveTickTable(market=market, code=body.name or "")


def _bulk_cancel(body: ActionBody, market: str, symbol: SymbolState | None) -> Any:
    assert symbol is not None
    reason = CloseReason.MANUAL if body.reason == "Manual" else CloseReason.BULK_CANCELLED
    return c.BulkCancel(market=market, symbol=symbol.definition.code, reason=reason)


def _reference(body: ActionBody, market: str, symbol: SymbolState | None) -> Any:
    assert symbol is not None
    price = _price("Price", body.price, symbol)
    return c.SetReference(market=market, symbol=symbol.definition.code, name=body.name or "", price=price)


def _price_limits(body: ActionBody, market: str, symbol: SymbolState | None) -> Any:
    assert symbol is not None
    low, high = _price("Low", body.low, symbol), _price("High", body.high, symbol)
    limits = None if low is None and high is None else PriceLimits(low, high)
    return c.SetPriceLimits(market=market, symbol=symbol.definition.code, limits=limits)


def _cancel_trade(body: ActionBody, market: str, symbol: SymbolState | None) -> Any:
    assert symbol is not None
    return c.CancelTrade(market=market, symbol=symbol.definition.code, trade_id=body.trade_id or 0)


def _correct_trade(body: ActionBody, market: str, symbol: SymbolState | None) -> Any:
    assert symbol is not None
    scale = symbol.definition.quantity_scale
    return c.CorrectTrade(
        market=market,
        symbol=symbol.definition.code,
        trade_id=body.trade_id or 0,
        price=_price("Price", body.price, symbol),
        quantity=None if body.quantity is None else scaled("Quantity", body.quantity, scale),
    )


def _price(field: str, price: Decimal | None, symbol: SymbolState) -> int | None:
    return None if price is None else scaled(field, price, symbol.definition.price_scale)


def _takes(*names: str, needs: tuple[str, ...] = ()) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(names) | frozenset(needs), frozenset(needs)


_OF_MARKETS = {
    "Status": Action(*_takes(needs=("status",)), _status, "Changed"),
    "StartOfDay": Action(*_takes(needs=("trading_date",)), _start_of_day, "Changed"),
    "EndOfDay": Action(*_takes(), _end_of_day, "Changed"),
    "TickTable.Add": Action(
        *_takes(needs=("name", "tick_table")),
        lambda body, market, _: _tick_table(body, market, False),
        "Added",
    ),
    "TickTable.Update": Action(
        *_takes(needs=("name", "tick_table")),
        lambda body, market, _: _tick_table(body, market, True),
        "Updated",
    ),
    "TickTable.Remove": Action(*_takes(needs=("name",)), _remove_tick_table, "Removed"),
}

_OF_SYMBOLS = {
    "Status": Action(*_takes("status"), _status, "Changed"),
    "BulkCancel": Action(*_takes("reason"), _bulk_cancel, "Cancelled", nothing=Reason.UNKNOWN_ORDER),
    "Reference": Action(*_takes("price", needs=("name",)), _reference, "Changed"),
    "PriceLimits": Action(*_takes("low", "high"), _price_limits, "Changed"),
    "CancelTrade": Action(*_takes(needs=("trade_id",)), _cancel_trade, "Cancelled"),
    "CorrectTrade": Action(*_takes("price", "quantity", needs=("trade_id",)), _correct_trade, "Corrected"),
}

RESULTS: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_MARKET: (404, "Market"),
    Reason.UNKNOWN_SYMBOL: (404, "Symbol"),
    Reason.UNKNOWN_ENTITY: (404, "Entity"),
    Reason.UNKNOWN_TICK_TABLE: (422, "TickTable"),
    Reason.UNKNOWN_TRADE: (422, "Trade"),
    Reason.MARKET_EXISTS: (409, "Code"),
    Reason.SYMBOL_EXISTS: (409, "Code"),
    Reason.ENTITY_EXISTS: (409, "Code"),
    Reason.TICK_TABLE_EXISTS: (422, "Name"),
    Reason.CODE: (422, "Code"),
    Reason.STATUS_PLACE: (422, "Status"),
    Reason.STATUS: (422, "Status"),
    Reason.TIMETABLE: (422, "Timetable"),
}
"""Status and result string of a refusal; the rest is 422 with the reason's name."""


def result_of(refused: Refused) -> tuple[int, str]:
    """Status and result string (platform C.8)."""
    name = refused.reason.name.replace("_", " ").title().replace(" ", "")
    return RESULTS.get(refused.reason, (422, name))
