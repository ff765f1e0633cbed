"""What an open order needs: money of a buyer, assets of a seller (platform A.5). Pure.

A buyer's order reserves its remainder at its price, and the additional funds that were estimated for it and
are not executed yet; a seller's order reserves its remainder. While amendments of an order are in flight,
the greatest of what it needs now and would need afterwards is reserved: whichever of them the exchange
carries out, and however a fill races it, the account can pay. While a move is in flight, the
account that is to get the order reserves what the order needs too (`zenithd.oms.state.moves`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from zenithd.oms.model.entity import ZERO, Entity
from zenithd.oms.model.orders import OrderState, Side

UNFILLED_BUYS_SIGN: Final = -1
"""Reserves are magnitudes; in `CashPosition.unfilled_buys` they have this sign, so that Trading is a sum."""

RESERVE_PRICE: Final = "ReservePrice"
"""In `OrderState.values`: what an order without a price reserves by unit."""


class Amendment(Entity, frozen=True, kw_only=True):
    """The values of an order that would count after an amendment."""

    quantity: Decimal
    price: Decimal | None = None
    reserve_price: Decimal | None = None
    """Where `price` is None; None: the order's own."""
    additional_funds: dict[str, Decimal]
    """Estimated again; empty: those of the order."""


def is_buy(side: Side) -> bool:
    """Whether money is paid; all other sides deliver assets."""
    return side is Side.BUY


def reserve(order: OrderState, amendments: Iterable[Amendment] = ()) -> Decimal:
    """What the order needs, never below zero: money in its currency for a buyer, units for a seller."""
    if order.is_completed:
        return ZERO
    price = order.price if order.price is not None else order.values.get(RESERVE_PRICE, ZERO)
    most = _needed(order, order.quantity, price, order.additional_funds)
    for amendment in amendments:
        most = max(most, _needed_amended(order, amendment))
    return most


def outstanding(estimated: Mapping[str, Decimal], executed: Mapping[str, Decimal]) -> Decimal:
    """Of estimated additional funds, what is not executed yet; each by itself, none beyond its estimate."""
    total = ZERO
    for name, estimate in estimated.items():
        left = estimate - executed.get(name, ZERO)
        total += min(max(left, ZERO), estimate) if estimate > 0 else max(min(left, ZERO), estimate)
    return total


def _needed_amended(order: OrderState, amendment: Amendment) -> Decimal:
    price = amendment.price
    if price is None:
        price = amendment.reserve_price
    if price is None:
        price = order.values.get(RESERVE_PRICE, ZERO)
    return _needed(order, amendment.quantity, price, amendment.additional_funds or order.additional_funds)


def _needed(order: OrderState, quantity: Decimal, price: Decimal, funds: Mapping[str, Decimal]) -> Decimal:
    remainder = max(quantity - order.executed_quantity, ZERO)  # an exchange may execute more than was asked
    if order.side is not Side.BUY:
        return remainder
    needed = remainder * price
    if funds:
        needed += outstanding(funds, order.executed_additional_funds)
    return max(needed, ZERO)
