"""What trades, transfers and adjustments do to positions (platform A.5). Pure.

Money of a trade is unbooked until somebody settles it; assets have no unsettled part (D.2). What a trade did
is kept as its `Booking`, so that a correction or a cancellation takes exactly that back.

The average price (D.2): weighted on what is bought, unchanged on what is sold; a position that begins, or
goes through zero to the other side, has the price of the trade that did so; one of zero has none. Buying back
a part of a short position leaves its price alone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from zenithd.oms.model.accounts import Account, AssetPosition, CashPosition
from zenithd.oms.model.entity import ZERO, Entity
from zenithd.oms.model.orders import OrderState, OrderTrade, Side
from zenithd.oms.model.transactions import CashAdjustment, CashTransfer, SettlementStatus
from zenithd.oms.numbers import average

MARGIN_POOL: Final = "Margin"
"""The pool that is no named one: transfers and adjustments of it set `CashPosition.margin`."""

TRANSFER_PRICE: Final = "AveragePrice"
"""In `TransactionDetails.values` of incoming assets: what they were bought at elsewhere."""
TRANSFER_CURRENCY: Final = "Currency"
"""In `TransactionDetails.properties`: of that price."""

replace = msgspec.structs.replace


class CashChange(msgspec.Struct, frozen=True):
    """What is added to the parts of a cash position."""

    balance: Decimal = ZERO
    unbooked: Decimal = ZERO
    pool: str | None = None
    pooled: Decimal = ZERO
    """To the pool."""


class Booking(Entity, frozen=True, kw_only=True):
    """What one side of a trade did, and where."""

    account: Account
    """The one that had the order at that time; executions stay with it when the order moves on."""
    side: Side
    exchange: str
    code: str
    currency: str
    trade: OrderTrade
    """As it counts now, after corrections."""
    average_before: Decimal = ZERO
    currency_before: str = ""
    """Those of the position before the trade, for when it is taken back."""
    is_cancelled: bool = False
    """Nothing of it counts any more."""

    @property
    def quantity(self) -> Decimal:
        """Assets that came (positive) or went."""
        return self.trade.quantity if self.side is Side.BUY else -self.trade.quantity

    @property
    def value(self) -> Decimal:
        """Money that came (positive) or went, without the additional funds."""
        value = self.trade.price * self.trade.quantity
        return -value if self.side is Side.BUY else value

    @property
    def money(self) -> Decimal:
        """Money that came (positive) or went."""
        return self.value - self.trade.extras


def booking_of(order: OrderState, trade: OrderTrade, position: AssetPosition) -> Booking:
    """The trade of an order on what its account holds."""
    return Booking(
        account=order.account,
        side=order.side,
        exchange=order.exchange,
        code=order.code,
        currency=order.currency,
        trade=trade,
        average_before=position.average_price,
        currency_before=position.currency,
    )


def traded(position: AssetPosition, booking: Booking) -> AssetPosition:
    """The position after the trade."""
    return _moved(position, booking.quantity, booking.trade.price, booking.currency)


def taken_back(position: AssetPosition, booking: Booking) -> AssetPosition:
    """The position without the trade; what it had before comes back where zero lies between."""
    before, quantity = position.quantity, -booking.quantity
    after = before + quantity
    price, currency = booking.average_before, booking.currency_before
    if not price:
        price, currency = booking.trade.price, booking.currency
    if before > 0 and after > 0 and quantity < 0 and position.currency == booking.currency:
        left = average(position.average_price * before - booking.trade.price * -quantity, after)
        if left > 0:  # else sales between have used up what the trade had brought
            return replace(position, quantity=after, average_price=left)
    elif not after or not before or (before > 0) != (after > 0):
        return _at(position, after, price, currency)
    return replace(position, quantity=after)


def assets_transferred(
    position: AssetPosition, value: Decimal, price: Decimal | None = None, currency: str = ""
) -> AssetPosition:
    """The position after assets came or went; without a price they come at the one that the position has."""
    if price is not None and value > 0:
        return _moved(position, value, price, currency)
    after = position.quantity + value
    through_zero = not after or (position.quantity and (position.quantity > 0) != (after > 0))
    if through_zero:
        return _at(position, after, ZERO, "")
    return replace(position, quantity=after)


def merged(first: AssetPosition, second: AssetPosition) -> AssetPosition:
    """Both positions as one, under the key of the first: where a symbol takes the place of another."""
    quantity = first.quantity + second.quantity
    price, currency = first.average_price, first.currency
    if not quantity:
        price, currency = ZERO, ""
    elif not price or not first.quantity:
        price, currency = second.average_price, second.currency
    elif second.average_price and second.quantity and second.currency == currency:
        if (first.quantity > 0) == (second.quantity > 0):
            price = average(price * first.quantity + second.average_price * second.quantity, quantity)
        elif (quantity > 0) != (first.quantity > 0):
            price = second.average_price
    return replace(
        first,
        quantity=quantity,
        unfilled_sells=first.unfilled_sells + second.unfilled_sells,
        average_price=price,
        currency=currency,
        values=added(first.values, second.values),
    )


def merged_cash(first: CashPosition, second: CashPosition) -> CashPosition:
    """Both positions as one, under the key of the first."""
    return replace(
        first,
        balance=first.balance + second.balance,
        unbooked_transactions=first.unbooked_transactions + second.unbooked_transactions,
        unfilled_buys=first.unfilled_buys + second.unfilled_buys,
        margin=first.margin + second.margin,
        values=added(first.values, second.values),
    )


def added(first: dict[str, Decimal], second: dict[str, Decimal]) -> dict[str, Decimal]:
    """Pools of both."""
    return first | {name: first.get(name, ZERO) + value for name, value in second.items()}


def transfer_change(transfer: CashTransfer) -> CashChange:
    """What a transfer adds. To a pool it has no additional funds, and is neither settled nor reversed."""
    if transfer.pool is not None:
        return CashChange(pool=transfer.pool, pooled=transfer.value)
    extras = sum(transfer.additional_funds.values(), ZERO)
    return _settled(transfer.value - extras, transfer.settlement)


def adjustment_change(adjustment: CashAdjustment) -> CashChange:
    """What a correction adds."""
    if adjustment.pool is not None:
        return CashChange(pool=adjustment.pool, pooled=adjustment.value)
    return _settled(adjustment.value, adjustment.settlement)


def cash_changed(position: CashPosition, change: CashChange) -> CashPosition:
    """The position after it."""
    if change.pool is None:
        return replace(
            position,
            balance=position.balance + change.balance,
            unbooked_transactions=position.unbooked_transactions + change.unbooked,
        )
    if change.pool == MARGIN_POOL:
        return replace(position, margin=position.margin + change.pooled)
    return replace(position, values=added(position.values, {change.pool: change.pooled}))


def _settled(value: Decimal, settlement: SettlementStatus) -> CashChange:
    match settlement:
        case SettlementStatus.BOOKED:
            return CashChange(balance=value)
        case SettlementStatus.UNBOOKED:
            return CashChange(unbooked=value)
        case SettlementStatus.SETTLE:
            return CashChange(balance=value, unbooked=-value)
        case SettlementStatus.REVERSE:
            return CashChange(balance=-value, unbooked=value)


def _moved(position: AssetPosition, quantity: Decimal, price: Decimal, currency: str) -> AssetPosition:
    before = position.quantity
    after = before + quantity
    if not before or not after or (before > 0) != (after > 0):
        return _at(position, after, price, currency)
    if quantity < 0 or before < 0:
        return replace(position, quantity=after)
    if position.currency != currency:
        return _at(position, after, price, currency)  # prices in two currencies have no average
    weighted = average(position.average_price * before + price * quantity, after)
    return replace(position, quantity=after, average_price=weighted)


def _at(position: AssetPosition, quantity: Decimal, price: Decimal, currency: str) -> AssetPosition:
    if not quantity:
        price, currency = ZERO, ""
    return replace(position, quantity=quantity, average_price=price, currency=currency)
