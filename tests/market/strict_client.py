"""A client as strict as the real one (zenith-websocket 6.6): it throws where the real one throws."""

from __future__ import annotations

from zenithd.domain.identifiers import InstrumentId
from zenithd.market.changes import BookOrder, Changes, InstrumentChanges, Op, PriceLevel, TapeTrade
from zenithd.market.security import SecurityRecord
from zenithd.market.view import InstrumentView


class ClientThrows(AssertionError):
    """The real client would have thrown an exception."""


def require(holds: bool, rule: str) -> None:
    if not holds:
        raise ClientThrows(rule)


class StrictClient:
    """Follows one instrument from a snapshot and the changes after it."""

    def __init__(self, view: InstrumentView) -> None:
        self.orders: dict[str, BookOrder] = {}
        self.levels: dict[str, PriceLevel] = {}
        self.trades: dict[int, TapeTrade] = {}
        self.newest_id = view.tape.newest_id
        self.security: SecurityRecord = view.security.copy()
        for order in view.orders():
            self._add_order(order)
        for level in view.levels():
            self._add_level(level)
        self._query_trades(view, view.tape.newest_id)

    def follow(self, view: InstrumentView, changes: Changes) -> None:
        """Apply what a batch changed in the instrument of the view."""
        changed = changes.instruments.get(InstrumentId(view.instrument.id))
        if changed is not None:
            self.apply(view, changed)

    def apply(self, view: InstrumentView, changed: InstrumentChanges) -> None:
        for change in changed.depth:
            self._apply_depth(change.op, change.order, change.price_changed, change.position_changed)
        seen: set[str] = set()
        for level_change in changed.levels:
            level = level_change.level
            if level is not None:
                require(level.id not in seen, "a level is told of once per batch")
                seen.add(level.id)
            self._apply_level(level_change.op, level)
        for trade_change in changed.trades:
            if trade_change.op is Op.INITIALISE:
                assert trade_change.newest_id is not None
                self._query_trades(view, trade_change.newest_id)
                continue
            assert trade_change.trade is not None
            self._apply_trade(trade_change.op, trade_change.trade)
        if changed.security_full:
            self.security = view.security.copy()
        for name in changed.security:
            setattr(self.security, name, getattr(view.security, name))

    def _query_trades(self, view: InstrumentView, newest_id: int) -> None:
        self.newest_id = newest_id
        self.trades = {taped.trade.trade_id: taped for taped in view.tape.select(None, None, newest_id)}

    def _apply_depth(
        self, op: Op, order: BookOrder | None, price_changed: bool, position_changed: bool
    ) -> None:
        if op is Op.CLEAR:
            self.orders.clear()
            return
        assert order is not None
        if op is Op.ADD:
            self._add_order(order)
            return
        require(order.order_id in self.orders, f"{op} of an unknown order")
        before = self.orders.pop(order.order_id)
        if op is Op.UPDATE:
            require(price_changed == (order.price != before.price), "Price in U only if changed")
            require(position_changed == (order.position != before.position), "Position likewise")
            require(order != before, "an unchanged order")
            require(order.side is before.side, "orders do not change sides")
            self._add_order(order)

    def _add_order(self, order: BookOrder) -> None:
        require(order.order_id not in self.orders, "an order is added twice")
        place = (order.side, order.price, order.position)
        require(
            all((other.side, other.price, other.position) != place for other in self.orders.values()),
            "side, price and position are unique",
        )
        self.orders[order.order_id] = order

    def _apply_level(self, op: Op, level: PriceLevel | None) -> None:
        if op is Op.CLEAR:
            self.levels.clear()
            return
        assert level is not None
        if op is Op.ADD:
            self._add_level(level)
            return
        require(level.id in self.levels, f"{op} of an unknown level")
        before = self.levels.pop(level.id)
        if op is Op.UPDATE:
            require((level.side, level.price) == (before.side, before.price), "a level stays at its price")
            self.levels[level.id] = level

    def _add_level(self, level: PriceLevel) -> None:
        require(level.id not in self.levels, "a level is added twice")
        require(
            all((other.side, other.price) != (level.side, level.price) for other in self.levels.values()),
            "one level per side and price",
        )
        self.levels[level.id] = level

    def _apply_trade(self, op: Op, taped: TapeTrade) -> None:
        trade_id = taped.trade.trade_id
        if op is Op.ADD:
            require(trade_id > self.newest_id, "ids ascend")
            self.newest_id = trade_id
        else:
            require(trade_id in self.trades, "U of a trade the client has")
        self.trades[trade_id] = taped

    def agrees_with(self, view: InstrumentView) -> None:
        """Fail unless the client has exactly what a new subscriber would get."""
        assert self.orders == {order.order_id: order for order in view.orders()}
        assert self.levels == {level.id: level for level in view.levels()}
        assert list(self.trades.values()) == view.tape.select(None, None, None)
        assert self.newest_id == view.tape.newest_id
        assert self.security == view.security
