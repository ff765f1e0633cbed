"""Checks of an order's fields against reference data (zenith-websocket 4.E). Pure.

What a field can never be is invalid, what the definition of its symbol excludes as well; what depends on
today's prices, statuses and permissions is rejected. All faults are found, not only the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from zenithd.oms.conditions import check_condition
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.entity import ZERO, Entity
from zenithd.oms.model.orders import Lifetime, OrderType, Side
from zenithd.oms.model.requests import (
    ClientCashTransfer,
    ClientQueue,
    ClientQueueReplace,
    ClientQueueUpdate,
    ClientRequest,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
)
from zenithd.oms.numbers import is_sound
from zenithd.oms.reference import MarketView, Symbol
from zenithd.oms.refusals import Faults
from zenithd.oms.rules import NANOSECONDS, OmsRules
from zenithd.oms.turn import Turn
from zenithd.oms.words import (
    ALL_OR_NONE,
    BEST,
    BROKERAGE_SCHEDULE,
    CONDITION,
    HIDDEN_QUANTITY,
    MINIMUM_QUANTITY,
    ORDER_TYPE,
    VALIDITY,
    tag_of,
)

LATEST = 2**63 - 1
"""The latest time that can be kept."""
AT_ONCE = frozenset({Lifetime.IMMEDIATE_OR_CANCEL, Lifetime.FILL_OR_KILL})
_CODES_OF_TEXTS = {
    "order_id": "Order",
    "code": "Symbol",
    "exchange": "Exchange",
    "ex_destination": "Route.Market",
    "prev_request_id": "Order",
    "cfi_code": "Style",
    "currency": "Currency",
    "external_account": "Details",
    "request_id": "Order",
}
_CODES_OF_NUMBERS = {"quantity": "TotalQuantity", "price": "LimitPrice", "value": "Details Value"}
_BODIES = (
    OrderNew, OrderAmend, OrderCancel, OrderMove, ClientCashTransfer, ClientQueueUpdate, ClientQueueReplace
)  # fmt: skip


def _those_of(kind: type[Entity], codes: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((field, code) for field, code in codes.items() if field in kind.__struct_fields__)


_TEXTS_OF_BODY = {kind: _those_of(kind, _CODES_OF_TEXTS) for kind in _BODIES}
_NUMBERS_OF_BODY = {kind: _those_of(kind, _CODES_OF_NUMBERS) for kind in _BODIES}
"""By kind of body: its own fields, and their codes."""
KNOWN_TYPES = frozenset({OrderType.LIMIT, OrderType.MARKET, OrderType.MARKET_TO_LIMIT})
SHORT_SALES = frozenset({Side.SHORTSELL, Side.SHORTSELL_EXEMPT})

Terms = OrderNew | OrderAmend


def check_account(turn: Turn, account: Account, faults: Faults) -> None:
    """The account must be there; one without an owner is spelt with an empty one."""
    if not account.account_id:
        faults.absent("Account")
    elif account not in turn.state.accounts:
        faults.rejected("Account")


def check_request(rules: OmsRules, request: ClientRequest, faults: Faults) -> None:
    """Nothing of a request may be without bounds, and every number must be one that can be reckoned with.

    What passes here can be compared and multiplied without a second thought.
    """
    longest = rules.text_length_max
    if len(request.request_id) > longest:
        faults.invalid("Order RequestID")
    for code, texts in _texts_of(request):
        if max(map(len, texts), default=0) > longest:
            faults.invalid(code)
    if max(len(request.properties), len(request.values), len(request.ids)) > rules.properties_max:
        faults.invalid("Details")
    for code, number in _numbers_of(request):
        if not _fits(rules, number):
            faults.invalid(code)
    for name, value in request.values.items():
        if name not in (HIDDEN_QUANTITY, MINIMUM_QUANTITY) and is_sound(value) and value < 0:
            faults.invalid("Details")  # those two have checks, and codes, of their own
    for queue in _queues_of(request):
        if queue.expire_after is not None and not 0 <= queue.expire_after <= LATEST:
            faults.invalid("Details")


def _texts_of(request: ClientRequest) -> Iterator[tuple[str, Iterable[str]]]:
    body, account = request.body, request.account
    yield "Account", (account.owner_id, account.account_id)
    if request.properties or request.values:
        yield "Details", (*request.properties, *request.properties.values(), *request.values)
    for each in request.ids:
        yield "Details", (each.name, *each.values, *each.values.values())
    for queue in _queues_of(request):
        yield "Details", (queue.queue_id or "", queue.reason)
    if isinstance(body, ClientQueueUpdate):
        update = body.update
        yield "Order", (update.request_id, update.order_id or "")
        yield "Details", (update.text or "", *update.errors)
    for field, code in _TEXTS_OF_BODY[type(body)]:
        text = getattr(body, field)
        if text:
            yield code, (text,)


def _queues_of(request: ClientRequest) -> Iterator[ClientQueue]:
    if request.queue is not None:
        yield request.queue
    if isinstance(request.body, ClientQueueUpdate) and request.body.update.target is not None:
        yield request.body.update.target


def _numbers_of(request: ClientRequest) -> Iterator[tuple[str, Decimal]]:
    body = request.body
    if isinstance(body, ClientQueueReplace):
        body = body.body
    for name, value in request.values.items():
        yield name if name in (HIDDEN_QUANTITY, MINIMUM_QUANTITY) else "Details", value
    for field, code in _NUMBERS_OF_BODY[type(body)]:
        number = getattr(body, field)
        if number is not None:
            yield code, number


def _fits(rules: OmsRules, value: Decimal) -> bool:
    if not is_sound(value):
        return False
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # it is finite
    if exponent >= 0:
        return value.adjusted() < rules.digits_max
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)  # it is finite
    return exponent >= -rules.digits_max and value.adjusted() < rules.digits_max


def find_symbol(turn: Turn, account: Account, terms: Terms, faults: Faults) -> Symbol | None:
    """The symbol of an order."""
    exchange, code = terms.exchange, terms.code
    if not code:
        faults.absent("Symbol")
    if not exchange:
        faults.absent("Exchange")
        return None
    if tag_of(exchange) != tag_of(account.account_id):
        faults.invalid("Tag")
        return None
    if exchange not in turn.state.exchanges:
        faults.rejected("Exchange")
        return None
    symbol = turn.reference.symbol(exchange, code) if code else None
    if symbol is None:
        if code:
            faults.rejected("Symbol")
    elif symbol.is_managed_fund:
        faults.invalid("Style")
    return symbol


def check_terms(
    turn: Turn,
    request: ClientRequest,
    terms: Terms,
    symbol: Symbol,
    faults: Faults,
    *,
    as_limit: bool = False,
) -> None:
    """Everything of an order that does not depend on where it goes.

    `as_limit`: it must have a limit price whatever its type.
    """
    _check_quantities(turn, request, terms, symbol, faults)
    _check_type(request, terms, symbol, faults)
    _check_price(turn, terms, symbol, faults, as_limit or terms.order_type is OrderType.LIMIT)
    _check_lifetime(turn, request, terms, symbol, faults)
    if terms.side in SHORT_SALES and not symbol.allows_short_sale:
        faults.rejected("Side")
    if not turn.around.fees.knows(request.properties.get(BROKERAGE_SCHEDULE, "")):
        faults.invalid("Details BrokerageSchedule")
    if CONDITION in request.properties:
        check_condition(request.properties, terms.order_type, faults)


def check_market(terms: Terms, market: MarketView, faults: Faults) -> None:
    """What the market allows now, for an order that is to go there now."""
    if terms.order_type not in market.order_types:
        faults.rejected("OrderType.Market")
    if not market.is_continuous:
        if terms.order_type is not OrderType.LIMIT:
            faults.rejected("OrderType.Status")
        if terms.lifetime in AT_ONCE:
            faults.rejected("Validity")


def check_distance(terms: Terms, symbol: Symbol, market: MarketView, faults: Faults) -> None:
    """A limit price must not be too far from the last one."""
    price, last = terms.price, market.last_or_close
    if price is None or last is None or symbol.price_distance is None:
        return
    if abs(price - last) > last * symbol.price_distance:
        faults.rejected("LimitPrice.Distance")


def _check_quantities(
    turn: Turn, request: ClientRequest, terms: Terms, symbol: Symbol, faults: Faults
) -> None:
    total = terms.quantity
    hidden = request.values.get(HIDDEN_QUANTITY, ZERO)
    minimum = request.values.get(MINIMUM_QUANTITY, ZERO)
    lot = symbol.lot_size
    if hidden < 0 or hidden % lot:
        faults.invalid("HiddenQuantity")
        hidden = ZERO
    elif hidden and not symbol.allows_hidden:
        faults.rejected("HiddenQuantity.Symbol")
    elif hidden and terms.order_type is not OrderType.LIMIT:
        faults.invalid("HiddenQuantity")
    if total == 0:
        faults.invalid("TotalQuantity")
    elif total - hidden <= 0:
        faults.invalid("VisibleQuantity")
    elif total % lot:
        faults.invalid(f"TotalQuantity.Step {lot:f}")
    _check_limits(turn, total, symbol, faults)
    if minimum < 0 or minimum % lot:
        faults.invalid("MinimumQuantity")
    elif minimum and not symbol.allows_minimum:
        faults.rejected("MinimumQuantity.Symbol")
    elif minimum and (minimum > total or hidden):
        faults.invalid("MinimumQuantity.Invalid")


def _check_limits(turn: Turn, total: Decimal, symbol: Symbol, faults: Faults) -> None:
    most = turn.rules.order_quantity_max
    if symbol.quantity_maximum is not None:
        most = min(most, symbol.quantity_maximum)
    if total > most:
        faults.rejected(f"TotalQuantity.Maximum {most:f}")
    if symbol.quantity_minimum is not None and 0 < total < symbol.quantity_minimum:
        faults.rejected(f"TotalQuantity.Minimum {symbol.quantity_minimum:f}")


def _check_type(request: ClientRequest, terms: Terms, symbol: Symbol, faults: Faults) -> None:
    named = request.properties.get(ORDER_TYPE)
    if (
        terms.order_type not in KNOWN_TYPES
        or named not in (None, BEST)
        or (named == BEST and terms.order_type is not OrderType.MARKET)
    ):
        faults.invalid("OrderType")
    elif terms.order_type not in symbol.order_types or (named == BEST and not symbol.allows_best):
        faults.rejected("OrderType.Symbol")


def _check_price(turn: Turn, terms: Terms, symbol: Symbol, faults: Faults, is_limit: bool) -> None:
    price = terms.price
    if not is_limit:
        if price is not None:
            faults.invalid("LimitPrice.Given")
        return
    if price is None:
        faults.absent("LimitPrice.Missing")
        return
    if price <= 0:
        faults.invalid("LimitPrice")
        return
    step = step_at(symbol, price)
    if symbol.tick_steps and step is None:
        faults.invalid("LimitPrice")
    elif step is not None and price % step:
        faults.invalid(f"LimitPrice.Step {step:f}")
    if symbol.price_minimum is not None and price < symbol.price_minimum:
        faults.rejected(f"LimitPrice.Minimum {symbol.price_minimum:f}")
    if symbol.price_maximum is not None and price > symbol.price_maximum:
        faults.rejected(f"LimitPrice.Maximum {symbol.price_maximum:f}")
    if price * terms.quantity > turn.rules.order_value_max:
        faults.rejected(f"TotalValue.Maximum {turn.rules.order_value_max:f}")


def step_at(symbol: Symbol, price: Decimal) -> Decimal | None:
    """The price step there; None where the tick table says nothing."""
    for step in symbol.tick_steps:
        if step.low <= price < step.high:
            return step.size
    return None


def _check_lifetime(turn: Turn, request: ClientRequest, terms: Terms, symbol: Symbol, faults: Faults) -> None:
    validity = request.properties.get(VALIDITY)
    if validity not in (None, ALL_OR_NONE):
        faults.invalid("Validity")
    elif terms.lifetime not in symbol.lifetimes or (validity and not symbol.allows_all_or_none):
        faults.rejected("Validity.Symbol")
    if terms.lifetime is not Lifetime.GOOD_TILL_DATE:
        if terms.expiry_date is not None:
            faults.invalid("ExpiryDate")
        return
    if terms.expiry_date is None:
        faults.absent("ExpiryDate")
        return
    day, today = date_of(terms.expiry_date), turn.reference.trading_date(terms.exchange, turn.now)
    if day is None or day < today:
        faults.invalid("ExpiryDate")
    elif day > today + timedelta(days=turn.rules.expiry_days_max):
        faults.invalid("ExpiryDate.Maximum")


def date_of(nanoseconds: int) -> date | None:
    """The day of a time, UTC; None if no calendar has it."""
    try:
        return datetime.fromtimestamp(nanoseconds // NANOSECONDS, UTC).date()
    except (OverflowError, ValueError, OSError):
        return None
