"""Orders, their updates and trades (platform A.3, Annex P)."""

from __future__ import annotations

from decimal import Decimal

from zenithd.oms.model.accounts import Account
from zenithd.oms.model.entity import ZERO, Entity, Id, Word


class Side(Word):
    """Numbers in Annex P: 1 to 6 in this order."""

    BUY = "BUY"
    SELL = "SELL"
    SHORTSELL = "SHORTSELL"
    SHORTSELL_EXEMPT = "SHORTSELL_EXEMPT"


class OrderType(Word):
    """How an order is priced."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"
    MARKET_TO_LIMIT = "MARKET_TO_LIMIT"
    PEGGED = "PEGGED"


class Lifetime(Word):
    """How long an order rests (FIX: TimeInForce)."""

    DAY = "DAY"
    GOOD_TILL_CANCEL = "GOOD_TILL_CANCEL"
    IMMEDIATE_OR_CANCEL = "IMMEDIATE_OR_CANCEL"
    FILL_OR_KILL = "FILL_OR_KILL"
    GOOD_TILL_DATE = "GOOD_TILL_DATE"


class OrderState(Entity, frozen=True, kw_only=True):
    """An order as a whole. `order_id` stays for life; `external_id` is the exchange's own."""

    order_id: str
    account: Account
    code: str
    exchange: str
    currency: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    """Total: visible and hidden, executed and not."""
    price: Decimal | None = None
    lifetime: Lifetime = Lifetime.DAY
    expiry_date: int | None = None
    ex_destination: str = ""
    """Trading market; empty until the order is routed."""
    external_id: str = ""
    request_id: str = ""
    """Of the last request that was applied."""
    group: str = ""
    cfi_code: str = ""
    additional_funds: dict[str, Decimal] = {}
    """Reserved beside the price, by what for: estimated fees."""
    values: dict[str, Decimal] = {}
    """`HiddenQuantity`, `MinimumQuantity`; `ReservePrice` where `price` is None."""
    properties: dict[str, str] = {}
    """What the wire of clients knows beyond this table, e.g. `Validity`, `Algorithm`, `Condition`."""
    ids: tuple[Id, ...] = ()
    fee_codes: dict[str, str] = {}
    created: int = 0
    timestamp: int = 0
    executed_value: Decimal = ZERO
    executed_quantity: Decimal = ZERO
    executed_additional_funds: dict[str, Decimal] = {}
    """Negative: refunded."""
    is_completed: bool = False
    """False: what remains is reserved."""
    errors: tuple[str, ...] = ()
    status: str = ""
    """A code of the exchange's order statuses."""
    remove_after: int | None = None
    """None: keep; 0: remove now; else remove after that time."""

    @property
    def remainder(self) -> Decimal:
        """What may still be executed."""
        return ZERO if self.is_completed else max(self.quantity - self.executed_quantity, ZERO)


class OrderUpdateType(Word):
    """Whether something happened or is only said again."""

    UPDATE = "Update"
    RESTATE = "Restate"


class OrderUpdateReason(Word):
    """What happened to an order (numbers as FIX ExecType)."""

    RESTATED = "Restated"
    REJECTED = "Rejected"
    NEW = "New"
    REPLACE = "Replace"
    CANCEL = "Cancel"
    STATUS = "Status"
    TRADE = "Trade"
    TRADE_CORRECTION = "TradeCorrection"
    TRADE_CANCEL = "TradeCancel"


class OrderUpdate(Entity, frozen=True, kw_only=True):
    """Why an order is now as it is."""

    reason: OrderUpdateReason
    update_id: str = ""
    type: OrderUpdateType = OrderUpdateType.UPDATE
    previous_account: Account | None = None
    """Where a moved order was before."""
    values: dict[str, Decimal] = {}
    properties: dict[str, str] = {}
    ids: tuple[Id, ...] = ()


class OrderTradeType(Word):
    """A new trade, or what became of the one with the same id."""

    TRADE = "Trade"
    CORRECTION = "Correction"
    CANCEL = "Cancel"


class OrderTrade(Entity, frozen=True, kw_only=True):
    """One order's side of a trade: price and quantity are positive, the order's side gives the sign."""

    trade_id: str
    price: Decimal
    quantity: Decimal
    type: OrderTradeType = OrderTradeType.TRADE
    ex_destination: str = ""
    additional_funds: dict[str, Decimal] = {}
    """Fees and the like: what the account pays beside the price; negative: refunded."""

    @property
    def extras(self) -> Decimal:
        """All additional funds together."""
        return sum(self.additional_funds.values(), ZERO)
