"""Trades that are cancelled or corrected by the operator. Pure."""

from __future__ import annotations

import msgspec

from zenithd_prodigy.engine.commands import CancelTrade, CorrectTrade
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.model.events import Event, TradeChanged, Traded, TradeStatus
from zenithd_prodigy.model.model import StandardModel


def cancel_trade(model: StandardModel, command: CancelTrade, now: int) -> list[Event] | Refused:
    """The trade no longer counts."""
    trade = _find(model, command)
    if isinstance(trade, Refused):
        return trade
    cancelled = msgspec.structs.replace(trade, status=TradeStatus.CANCELLED)
    return _change(model, cancelled, now, command.command_id)


def correct_trade(model: StandardModel, command: CorrectTrade, now: int) -> list[Event] | Refused:
    """The trade counts with another price or quantity."""
    trade = _find(model, command)
    if isinstance(trade, Refused):
        return trade
    settings = model.definition.settings
    price = trade.price if command.price is None else command.price
    quantity = trade.quantity if command.quantity is None else command.quantity
    if not 0 < price <= settings.price_max:
        return Refused(Reason.PRICE)
    if not 0 < quantity <= settings.quantity_max:
        return Refused(Reason.QUANTITY)
    if (price, quantity) == (trade.price, trade.quantity):
        return Refused(Reason.NOTHING_TO_CHANGE)
    corrected = msgspec.structs.replace(trade, price=price, quantity=quantity, status=TradeStatus.CORRECTED)
    return _change(model, corrected, now, command.command_id)


def _find(model: StandardModel, command: CancelTrade | CorrectTrade) -> Traded | Refused:
    symbol = model.symbols.get(command.symbol)
    if symbol is None:
        return Refused(Reason.UNKNOWN_SYMBOL)
    trade = symbol.trades.get(command.trade_id)
    if trade is None:
        return Refused(Reason.UNKNOWN_TRADE)
    if trade.status is TradeStatus.CANCELLED:
        return Refused(Reason.TRADE_CANCELLED)
    # The symbol may have been renamed since; the trade is told under the code that it has now.
    return msgspec.structs.replace(trade, symbol=command.symbol)


def _change(model: StandardModel, trade: Traded, now: int, command_id: str) -> list[Event]:
    event = TradeChanged(now, trade, command_id)
    model.apply(event)
    return [event]
