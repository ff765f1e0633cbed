"""A ledger written from the accounting table of the specification alone (platform A.5): a list of movements
that is added up whole for every question, and a list of orders that is scanned whole for what they reserve.

It shares nothing with the order management system but the words: amounts are fractions, and nothing is held
as a running figure but average prices, which depend on the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import msgspec

from zenithd.oms.model import updates as u
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.orders import OrderState, OrderTradeType, Side
from zenithd.oms.model.requests import (
    ClientCashTransfer,
    ClientQueueReplace,
    ClientRequestUpdate,
    OrderAmend,
    OrderMove,
    RequestStatus,
)
from zenithd.oms.model.transactions import SettlementStatus
from zenithd.oms.model.transforms import (
    AccountRename,
    CurrencyRename,
    OwnerRename,
    Removal,
    Restatement,
    SymbolRename,
)
from zenithd.oms.state import OmsState

replace = msgspec.structs.replace
NOTHING = Fraction(0)


@dataclass
class Movement:
    """So much to one part of one position: "booked", "unbooked", "units", or a pool's name in brackets."""

    account: Account
    asset: tuple[str, ...]
    """(currency,) or (exchange, code)."""
    part: str
    amount: Fraction


@dataclass
class Fill:
    """A trade as it counts now."""

    account: Account
    order: OrderState
    """As it was when the trade was booked."""
    price: Fraction
    quantity: Fraction
    extras: Fraction
    average_before: tuple[Fraction, str]
    counts: bool = True


@dataclass
class Wish:
    """A request that is not over."""

    account: Account
    body: Any
    status: str
    order_id: str
    reserve_price: Any
    funds: dict[str, Any]


@dataclass
class NaiveLedger:
    """`apply` every update, then ask; or `differences` from a state that had the same updates."""

    orders: dict[tuple[Account, str], OrderState] = field(default_factory=dict)
    wishes: dict[tuple[Account, str], Wish] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    fills: dict[tuple[Account, str, str], Fill] = field(default_factory=dict)
    """By account of the order, order id and trade id."""
    averages: dict[tuple[Account, str, str], tuple[Fraction, str]] = field(default_factory=dict)
    """By account, exchange and code: price and its currency."""
    completing: dict[tuple[str, str], bool] = field(default_factory=dict)
    """By exchange and status: whether it completes an order."""

    def apply(self, kept: u.Kept) -> None:
        update = kept.update
        match update:
            case u.OrderUpdated() | u.OrderTraded():
                self._order(update, kept.time)
            case u.OrderReplaced():
                self._put(update.order, update.order.account, kept.time)
            case u.OrderExpired():
                self._drop(update.account, update.order_id)
            case u.CashTransferred(transaction=details, transfer=transfer):
                extras = sum(map(Fraction, transfer.additional_funds.values()))
                self._cash(details.account, transfer, Fraction(transfer.value) - extras)
            case u.AssetTransferred(transaction=details, transfer=transfer):
                price = details.values.get("AveragePrice")
                bought = None if price is None else (Fraction(price), details.properties.get("Currency", ""))
                self._units(
                    details.account, transfer.exchange, transfer.code, Fraction(transfer.value), bought
                )
            case u.Adjusted(transaction=details, cash=cash, asset=asset):
                if cash is not None:
                    self._cash(details.account, cash, Fraction(cash.value))
                if asset is not None:
                    self._units(details.account, asset.exchange, asset.code, Fraction(asset.value), None)
            case u.Requested():
                self._requested(update)
            case u.RequestUpdated():
                self._request_updated(update.update)
            case u.ExchangeDefined(details=details):
                self.completing = {k: v for k, v in self.completing.items() if k[0] != details.exchange}
                for status in details.order_statuses:
                    self.completing.setdefault((details.exchange, status.code), status.is_completed)
            case u.ExchangeUndefined(exchange=exchange):
                self.completing = {k: v for k, v in self.completing.items() if k[0] != exchange}
            case u.Transformed():
                self._transform(update.transform, kept.time)

    # Questions.

    def cash(self) -> dict[tuple[Account, str], dict[str, Fraction]]:
        """Booked, unbooked, reserved and each pool in brackets; what is nothing is left out."""
        parts: dict[tuple[Account, str], dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for movement in self.movements:
            if len(movement.asset) == 1:
                parts[movement.account, movement.asset[0]][movement.part] += movement.amount
        for order in self.orders.values():
            if order.side is Side.BUY:
                parts[order.account, order.currency]["reserved"] += self.reserve(order)
        for order, account in self._coming():
            if order.side is Side.BUY:
                parts[account, order.currency]["reserved"] += self._as_it_is(order)
        return _without_nothing(parts)

    def assets(self) -> dict[tuple[Account, str, str], dict[str, Any]]:
        """Units, reserved, and the average price with its currency, of all that is held or reserved."""
        parts: dict[tuple[Account, str, str], dict[str, Any]] = defaultdict(lambda: defaultdict(Fraction))
        for movement in self.movements:
            if len(movement.asset) == 2:
                parts[movement.account, *movement.asset]["units"] += movement.amount
        for order in self.orders.values():
            if order.side is not Side.BUY:
                parts[order.account, order.exchange, order.code]["reserved"] += self.reserve(order)
        for order, account in self._coming():
            if order.side is not Side.BUY:
                parts[account, order.exchange, order.code]["reserved"] += self._as_it_is(order)
        found = _without_nothing(parts)
        for key, held in found.items():
            price, currency = self.averages.get(key, (NOTHING, ""))
            held |= {"average": price, "currency": currency} if held.get("units") else {}
        return found

    def reserve(self, order: OrderState) -> Fraction:
        """What the order needs as it is, or as any amendment in flight would make it: the most of these."""
        if order.is_completed:
            return NOTHING
        stand_in = order.values.get("ReservePrice", 0)
        needs = [self._as_it_is(order)]
        for wish in self.wishes.values():
            body = wish.body
            if isinstance(body, OrderAmend) and (wish.account, body.order_id) == (
                order.account,
                order.order_id,
            ):
                other = stand_in if wish.reserve_price is None else wish.reserve_price
                price = other if body.price is None else body.price
                funds = wish.funds or order.additional_funds
                needs.append(self._need(order, body.quantity, price, funds))
        return max(needs)

    def _coming(self) -> list[tuple[OrderState, Account]]:
        """Orders that requests would take to another account, with that account: each once."""
        wanted = {
            (wish.body.prev_account, wish.body.order_id, wish.account)
            for wish in self.wishes.values()
            if isinstance(wish.body, OrderMove) and wish.account != wish.body.prev_account
        }
        return [
            (self.orders[source, order_id], account)
            for source, order_id, account in wanted
            if (source, order_id) in self.orders
        ]

    def _as_it_is(self, order: OrderState) -> Fraction:
        """What the order needs if nothing changes it."""
        if order.is_completed:
            return NOTHING
        price = order.values.get("ReservePrice", 0) if order.price is None else order.price
        return self._need(order, order.quantity, price, order.additional_funds)

    def _need(self, order: OrderState, quantity: Any, price: Any, funds: dict[str, Any]) -> Fraction:
        left = max(NOTHING, Fraction(quantity) - Fraction(order.executed_quantity))
        if order.side is not Side.BUY:
            return left
        extras = NOTHING
        for name, estimate in funds.items():
            low, high = sorted((NOTHING, Fraction(estimate)))
            extras += sorted(
                (low, Fraction(estimate) - Fraction(order.executed_additional_funds.get(name, 0)), high)
            )[1]
        return max(NOTHING, left * Fraction(price) + extras)

    def differences(self, state: OmsState) -> list[str]:
        """What the state holds otherwise, one line each."""
        return [
            f"{what}: {key}: {here.get(key)} here, {there.get(key)} there"
            for what, here, there in (
                ("cash", self.cash(), _cash_of(state)),
                ("assets", self.assets(), _assets_of(state)),
                ("orders", self.orders, {(o.account, o.order_id): o for o in _all(state.orders)}),
                (
                    "requests",
                    {key: (wish.body, wish.status, wish.order_id) for key, wish in self.wishes.items()},
                    {
                        (r.request.account, r.request.request_id): (
                            r.request.body,
                            r.status.value,
                            r.order_id,
                        )
                        for r in _all(state.requests)
                    },
                ),
            )
            for key in {**here, **there}
            if here.get(key) != there.get(key)
        ]

    # Orders and trades.

    def _order(self, update: Any, time: int) -> None:
        source = update.update.previous_account
        if source is None or (source, update.order.order_id) not in self.orders:
            source = update.order.account
        order = update.order
        trade = getattr(update, "trade", None)
        known = self.fills.get((source, order.order_id, trade.trade_id)) if trade else None
        order = self._put(order, source, time)
        if trade is None:
            return
        if known is None and trade.type is not OrderTradeType.CANCEL:
            self._fill(order, trade, order.account, order)
        elif known is not None and known.counts and trade.type is not OrderTradeType.TRADE:
            self._undo(known)
            known.counts = False
            if trade.type is OrderTradeType.CORRECTION:
                self._fill(order, trade, known.account, known.order)

    def _put(self, order: OrderState, source: Account, time: int) -> OrderState:
        before = self.orders.pop((source, order.order_id), None)
        created = order.created or (before.created if before else 0) or time
        order = replace(order, created=created, timestamp=order.timestamp or time)
        if source != order.account:
            for key in [key for key in self.fills if key[:2] == (source, order.order_id)]:
                self.fills[order.account, order.order_id, key[2]] = self.fills.pop(key)
        self.orders[order.account, order.order_id] = order
        if order.remove_after == 0:
            self._drop(order.account, order.order_id)
        return order

    def _drop(self, account: Account, order_id: str) -> None:
        self.orders.pop((account, order_id), None)
        for key in [key for key in self.fills if key[:2] == (account, order_id)]:
            del self.fills[key]

    def _fill(self, order: OrderState, trade: Any, account: Account, as_booked: OrderState) -> None:
        key = (account, as_booked.exchange, as_booked.code)
        price, quantity = Fraction(trade.price), Fraction(trade.quantity)
        extras = sum(map(Fraction, trade.additional_funds.values()), NOTHING)
        fill = Fill(account, as_booked, price, quantity, extras, self.averages.get(key, (NOTHING, "")))
        if (order.account, order.order_id) in self.orders:
            self.fills[order.account, order.order_id, trade.trade_id] = fill
        self._book(fill, 1)
        units = quantity if as_booked.side is Side.BUY else -quantity
        self._average(key, units, price, as_booked.currency)
        self._move(account, key[1:], "units", units)

    def _undo(self, fill: Fill) -> None:
        self._book(fill, -1)
        order = fill.order
        key = (fill.account, order.exchange, order.code)
        units = -fill.quantity if order.side is Side.BUY else fill.quantity
        held = self._held(key)
        after = held + units
        price, currency = self.averages.get(key, (NOTHING, ""))
        if held > 0 and after > 0 and units < 0 and currency == order.currency:
            left = round((price * held - fill.price * fill.quantity) / after, 10)
            if left > 0:
                self.averages[key] = left, currency
        elif after == 0:
            self.averages[key] = NOTHING, ""
        elif held == 0 or (held > 0) != (after > 0):
            knows = fill.average_before[0] != 0
            self.averages[key] = fill.average_before if knows else (fill.price, order.currency)
        self._move(fill.account, key[1:], "units", units)

    def _book(self, fill: Fill, sign: int) -> None:
        value = fill.price * fill.quantity
        money = -value - fill.extras if fill.order.side is Side.BUY else value - fill.extras
        self._move(fill.account, (fill.order.currency,), "unbooked", sign * money)

    # Positions.

    def _move(self, account: Account, asset: tuple[str, ...], part: str, amount: Fraction) -> None:
        self.movements.append(Movement(account, asset, part, amount))

    def _held(self, key: tuple[Account, str, str]) -> Fraction:
        return sum((m.amount for m in self.movements if (m.account, *m.asset) == key), NOTHING)

    def _average(
        self, key: tuple[Account, str, str], units: Fraction, price: Fraction, currency: str
    ) -> None:
        """Before the movement of so many units at a price is noted."""
        held = self._held(key)
        average, its_currency = self.averages.get(key, (NOTHING, ""))
        begins = held == 0 or held * (held + units) < 0
        if begins:
            self.averages[key] = price, currency
        elif held > 0 and units > 0:
            if its_currency != currency:
                self.averages[key] = price, currency
            else:
                self.averages[key] = round((average * held + price * units) / (held + units), 10), currency
        if held + units == 0:
            self.averages[key] = NOTHING, ""

    def _units(
        self, account: Account, exchange: str, code: str, units: Fraction, bought: tuple[Fraction, str] | None
    ) -> None:
        key = (account, exchange, code)
        held = self._held(key)
        if bought is not None and units > 0:
            self._average(key, units, *bought)
        elif held + units == 0 or held * (held + units) < 0:
            self.averages[key] = NOTHING, ""
        self._move(account, (exchange, code), "units", units)

    def _cash(self, account: Account, change: Any, value: Fraction) -> None:
        currency = (change.currency,)
        if change.pool is not None:
            self._move(account, currency, f"[{change.pool}]", value)
        elif change.settlement is SettlementStatus.BOOKED:
            self._move(account, currency, "booked", value)
        elif change.settlement is SettlementStatus.UNBOOKED:
            self._move(account, currency, "unbooked", value)
        else:
            sign = 1 if change.settlement is SettlementStatus.SETTLE else -1
            self._move(account, currency, "unbooked", -sign * value)
            self._move(account, currency, "booked", sign * value)

    # Requests.

    def _requested(self, update: u.Requested) -> None:
        request, body = update.request, update.request.body
        queued = request.queue is not None and request.queue.queue_id is not None
        order_id = update.order_id or getattr(body, "order_id", "")
        if isinstance(body, ClientQueueReplace):
            held = self.wishes[request.account, body.request_id]
            held.body, held.reserve_price, held.funds = (
                body.body,
                update.reserve_price,
                update.additional_funds,
            )
        self.wishes[request.account, request.request_id] = Wish(
            request.account,
            body,
            "Queued" if queued else "Pending",
            order_id,
            update.reserve_price,
            update.additional_funds,
        )

    def _request_updated(self, change: ClientRequestUpdate) -> None:
        key = (change.account, change.request_id)
        wish = self.wishes[key]
        if change.status is not None:
            wish.status = change.status.value
        if change.order_id is not None:
            wish.order_id = change.order_id
        if change.is_completed or change.status in (RequestStatus.COMPLETED, RequestStatus.REJECTED):
            del self.wishes[key]

    # Transforms.

    def _transform(self, transform: Any, time: int) -> None:
        match transform:
            case Restatement():
                for order in self._matching(transform):
                    self._restate(order, transform, time)
            case Removal():
                for order in self._matching(transform):
                    if order.status == transform.order_status:
                        self._drop(order.account, order.order_id)
            case SymbolRename():
                self._rename_symbol(transform.exchange, transform.code, transform.new_code)
            case CurrencyRename():
                self._rename_currency(transform.code, transform.new_code)
            case AccountRename():
                self._rename_account(transform.account, transform.new_account)
            case OwnerRename():
                for account in {key for key in self._accounts() if key.owner_id == transform.owner_id}:
                    self._rename_account(account, replace(account, owner_id=transform.new_owner_id))

    def _matching(self, transform: Any) -> list[OrderState]:
        return [
            order
            for order in self.orders.values()
            if (not transform.exchange or order.exchange == transform.exchange)
            and (not transform.group or order.group == transform.group)
            and (not transform.code or order.code == transform.code)
            and (transform.not_after is None or order.timestamp <= transform.not_after)
        ]

    def _restate(self, order: OrderState, transform: Restatement, time: int) -> None:
        completes = self.completing.get((order.exchange, transform.order_status), order.is_completed)
        after = replace(order, status=transform.order_status, is_completed=completes)
        if transform.remove_after is not None:
            after = replace(after, remove_after=transform.remove_after)
        if after != order:
            self._put(replace(after, timestamp=time), order.account, time)

    def _rename_symbol(self, exchange: str, old: str, new: str) -> None:
        if old == new:
            return
        for account in self._accounts():
            self._join_averages(account, exchange, old, new)
        for movement in self.movements:
            if movement.asset == (exchange, old):
                movement.asset = (exchange, new)
        for key, order in self.orders.items():
            if (order.exchange, order.code) == (exchange, old):
                self.orders[key] = replace(order, code=new)
        for fill in self.fills.values():
            if (fill.order.exchange, fill.order.code) == (exchange, old):
                fill.order = replace(fill.order, code=new)
        for wish in self.wishes.values():
            names = (getattr(wish.body, "exchange", None), getattr(wish.body, "code", None))
            if wish.status == "Queued" and names == (exchange, old):
                wish.body = replace(wish.body, code=new)

    def _join_averages(self, account: Account, exchange: str, old: str, new: str) -> None:
        went, there = (account, exchange, old), (account, exchange, new)
        coming, held = self._held(went), self._held(there)
        price, currency = self.averages.pop(went, (NOTHING, ""))
        its_price, its_currency = self.averages.get(there, (NOTHING, ""))
        if coming + held == 0:
            self.averages[there] = NOTHING, ""
        elif held == 0 or not its_price:
            self.averages[there] = price, currency
        elif coming == 0 or not price or currency != its_currency:
            pass
        elif coming * held > 0:
            joined = (its_price * held + price * coming) / (held + coming)
            self.averages[there] = round(joined, 10), currency
        elif held * (held + coming) < 0:
            self.averages[there] = price, currency

    def _rename_currency(self, old: str, new: str) -> None:
        for movement in self.movements:
            if movement.asset == (old,):
                movement.asset = (new,)
        for key, order in self.orders.items():
            if order.currency == old:
                self.orders[key] = replace(order, currency=new)
        for fill in self.fills.values():
            if fill.order.currency == old:
                fill.order = replace(fill.order, currency=new)
            if fill.average_before[1] == old:
                fill.average_before = (fill.average_before[0], new)
        for where, (price, currency) in self.averages.items():
            if currency == old:
                self.averages[where] = (price, new)
        for wish in self.wishes.values():
            if (
                wish.status == "Queued"
                and isinstance(wish.body, ClientCashTransfer)
                and wish.body.currency == old
            ):
                wish.body = replace(wish.body, currency=new)

    def _rename_account(self, old: Account, new: Account) -> None:
        if old == new:
            return
        for movement in self.movements:
            if movement.account == old:
                movement.account = new
        self.orders = {
            (new if account == old else account, order_id): (
                replace(order, account=new) if account == old else order
            )
            for (account, order_id), order in self.orders.items()
        }
        for (account, *rest), fill in list(self.fills.items()):
            if fill.account == old:
                fill.account = new
            if account == old:
                self.fills[new, *rest] = self.fills.pop((account, *rest))
        for (account, *symbol), average in list(self.averages.items()):
            if account == old:
                self.averages[new, *symbol] = average
                del self.averages[account, *symbol]
        for (account, request_id), wish in list(self.wishes.items()):
            if isinstance(wish.body, OrderMove) and wish.body.prev_account == old:
                wish.body = replace(wish.body, prev_account=new)
            if account == old:
                wish.account = new
                self.wishes[new, request_id] = self.wishes.pop((account, request_id))

    def _accounts(self) -> set[Account]:
        return (
            {movement.account for movement in self.movements}
            | {account for account, _ in self.orders}
            | {account for account, _ in self.wishes}
            | {wish.body.prev_account for wish in self.wishes.values() if isinstance(wish.body, OrderMove)}
        )


def _without_nothing(parts: dict[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    found = {key: {part: amount for part, amount in held.items() if amount} for key, held in parts.items()}
    return {key: held for key, held in found.items() if held}


def _cash_of(state: OmsState) -> dict[Any, dict[str, Any]]:
    return _without_nothing(
        {
            (cash.account, cash.currency): {
                "booked": cash.balance,
                "unbooked": cash.unbooked_transactions,
                "reserved": -cash.unfilled_buys,
                "[Margin]": cash.margin,
                **{f"[{name}]": value for name, value in cash.values.items()},
            }
            for cash in _all(state.cash)
        }
    )


def _assets_of(state: OmsState) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for held in _all(state.assets):
        parts = {"units": held.quantity, "reserved": held.unfilled_sells}
        parts = {part: amount for part, amount in parts.items() if amount}
        averages = {"average": held.average_price, "currency": held.currency}
        found[held.account, held.exchange, held.code] = parts | (averages if held.quantity else {})
    return found


def _all(by_account: dict[Account, dict[Any, Any]]) -> Iterator[Any]:
    for held in by_account.values():
        yield from held.values()
