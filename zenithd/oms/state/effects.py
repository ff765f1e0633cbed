"""What one update does: positions change through it, and it tells the views what became of them. Pure."""

from __future__ import annotations

from decimal import Decimal

from zenithd.oms.ledger import CashChange, cash_changed, replace
from zenithd.oms.model.accounts import Account, AssetPosition, CashPosition
from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.events import BalanceChanged, HoldingChanged, TransactionMade, ViewEvent
from zenithd.oms.model.orders import OrderState, Side
from zenithd.oms.model.transactions import ClientTransaction, TransactionType
from zenithd.oms.reserves import UNFILLED_BUYS_SIGN, reserve
from zenithd.oms.state.held import Held, Symbol


class Effects:
    """Of one update on the state.

    Attributes:
        state: what is changed.
        time: EventDate of the update, in nanoseconds.
        update_id: its UpdateID.
        events: told so far, besides those of positions.
    """

    __slots__ = ("_assets", "_cash", "events", "state", "time", "update_id")

    def __init__(self, state: Held, time: int) -> None:
        self.state = state
        self.time = time
        self.update_id = state.update_id + 1
        self.events: list[ViewEvent] = []
        self._cash: dict[tuple[Account, str], CashPosition | None] = {}
        """Positions as they were before, of those that were touched."""
        self._assets: dict[tuple[Account, Symbol], AssetPosition | None] = {}

    def put_cash(self, position: CashPosition) -> None:
        """The account has this now."""
        account, currency = position.account, position.currency
        held = self.state.cash.setdefault(account, {})
        self._cash.setdefault((account, currency), held.get(currency))
        held[currency] = position

    def put_assets(self, position: AssetPosition) -> None:
        """The account holds this now; a holding of nothing is none."""
        account, symbol = position.account, (position.exchange, position.code)
        held = self.state.assets.setdefault(account, {})
        self._assets.setdefault((account, symbol), held.get(symbol))
        if position.quantity or position.unfilled_sells or any(position.values.values()):
            held[symbol] = position
        else:
            held.pop(symbol, None)
            if not held:
                del self.state.assets[account]

    def drop_cash(self, position: CashPosition) -> None:
        """There is no such position any more."""
        account, currency = position.account, position.currency
        self._cash.setdefault((account, currency), position)
        held = self.state.cash[account]
        del held[currency]
        if not held:
            del self.state.cash[account]

    def drop_assets(self, position: AssetPosition) -> None:
        """There is no such position any more."""
        account, symbol = position.account, (position.exchange, position.code)
        self._assets.setdefault((account, symbol), position)
        held = self.state.assets[account]
        del held[symbol]
        if not held:
            del self.state.assets[account]

    def change_cash(self, account: Account, currency: str, change: CashChange) -> None:
        """Add to what the account has."""
        self.put_cash(cash_changed(self.state.balance(account, currency), change))

    def reserve(self, before: OrderState | None, needed: Decimal, after: OrderState | None) -> None:
        """Reserve what an order needs from now on.

        Args:
            before: the order as it was.
            needed: what it reserved, see `Held.reserved_by`.
            after: the order as it is now; None if it is gone.
        """
        if self.state.moves:
            self._reserve_at_destinations(before, after)
        needs = self.state.reserved_by(after) if after is not None else ZERO
        if before is not None and after is not None and _same_need(before, after):
            if needs != needed:
                self._add_reserve(after, needs - needed)
            return
        if before is not None and needed:
            self._add_reserve(before, -needed)
        if after is not None and needs:
            self._add_reserve(after, needs)

    def reserve_at(self, destination: Account, order: OrderState) -> None:
        """Another account is to have what the order needs."""
        if needed := reserve(order):
            self._add_reserve(replace(order, account=destination), needed)

    def release_at(self, destination: Account, order: OrderState) -> None:
        """It no longer is."""
        if needed := reserve(order):
            self._add_reserve(replace(order, account=destination), -needed)

    def tell_transaction(self, transaction: ClientTransaction) -> None:
        """The Transactions view has it; the account's oldest gives way to it."""
        self.events.append(TransactionMade(transaction))
        state = self.state
        _keep_newest(state.transactions, transaction, state.limits.transactions)
        if transaction.type is not TransactionType.TRADE:
            _keep_newest(state.transfers, transaction, state.limits.transfers)

    def told(self) -> list[ViewEvent]:
        """All events of the update: positions that are not as they were, then the others."""
        if not self._cash and not self._assets:
            return self.events
        changed: list[ViewEvent] = []
        for (account, currency), cash in self._cash.items():
            cash_now = self.state.cash.get(account, {}).get(currency)
            if cash_now is None:
                if cash is not None:
                    changed.append(BalanceChanged(cash, removed=True))
            elif cash_now != cash:
                changed.append(BalanceChanged(cash_now))
        for (account, symbol), assets in self._assets.items():
            assets_now = self.state.assets.get(account, {}).get(symbol)
            if assets_now is None:
                if assets is not None:
                    changed.append(HoldingChanged(assets, removed=True))
            elif assets_now != assets:
                changed.append(HoldingChanged(assets_now))
        return changed + self.events

    def _reserve_at_destinations(self, before: OrderState | None, after: OrderState | None) -> None:
        """What moves in flight reserve follows their order. First more, then less: so no position vanishes
        in between."""
        if after is not None:
            for destination in self.state.destinations_of(after):
                self.reserve_at(destination, after)
        if before is not None:
            for destination in self.state.destinations_of(before):
                self.release_at(destination, before)

    def _add_reserve(self, order: OrderState, needed: Decimal) -> None:
        if order.side is Side.BUY:
            cash = self.state.balance(order.account, order.currency)
            self.put_cash(replace(cash, unfilled_buys=cash.unfilled_buys + UNFILLED_BUYS_SIGN * needed))
        else:
            assets = self.state.holding(order.account, order.exchange, order.code)
            self.put_assets(replace(assets, unfilled_sells=assets.unfilled_sells + needed))


def _keep_newest(
    held: dict[Account, dict[str, ClientTransaction]], transaction: ClientTransaction, most: int
) -> None:
    if most == 0:
        return
    details = transaction.details
    kept = held.setdefault(details.account, {})
    kept.pop(details.transaction_id, None)
    kept[details.transaction_id] = transaction
    if len(kept) > most:
        del kept[next(iter(kept))]


def _same_need(first: OrderState, second: OrderState) -> bool:
    """Whether both reserve the same thing of the same account."""
    if first.side is not second.side or first.account != second.account:
        return False
    if first.side is Side.BUY:
        return first.currency == second.currency
    return first.code == second.code and first.exchange == second.exchange
