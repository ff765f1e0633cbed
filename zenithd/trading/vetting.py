"""Orders before the site's rules: implements `zenithd.oms.reference.Vetting` with the rule language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog

from zenithd.oms.model.accounts import AccountDetails
from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.orders import OrderState, OrderType, Side
from zenithd.oms.model.requests import OrderAmend, OrderCancel, OrderMove, OrderNew
from zenithd.oms.proposing import estimated_value
from zenithd.oms.reference import Level, Verdict, VettingCase
from zenithd.oms.words import HIDDEN_QUANTITY, ORDER_TYPE
from zenithd.trading.judged import encode_judged
from zenithd.vetting import (
    AccountFacts,
    BalanceFacts,
    DetailsFacts,
    Facts,
    HoldingFacts,
    MarketFacts,
    OrderFacts,
    RequestFacts,
    RuleSets,
    SymbolFacts,
    UserFacts,
)

REQUEST_TYPES: Final = {OrderNew: "Place", OrderAmend: "Amend", OrderCancel: "Cancel", OrderMove: "Move"}
ORDER_TYPES: Final = {
    OrderType.LIMIT: "Limit",
    OrderType.MARKET: "Market",
    OrderType.MARKET_TO_LIMIT: "MarketToLimit",
}
NO_CODE: Final = "Vetting"
"""Code of a refusal by a rule that names none: a refusal without any says nothing."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class RuleVetting:
    """Asks the rules; what shadow sets would have said is logged and counted.

    Attributes:
        shadows: orders that shadow sets would not have passed, by set and level; dry runs are not counted.
    """

    def __init__(self, rules: RuleSets) -> None:
        self._rules = rules
        self.shadows: dict[tuple[str, str], int] = {}

    def use(self, rules: RuleSets) -> None:
        """From the next request on, these rules apply."""
        self._rules = rules

    def __call__(self, case: VettingCase) -> Verdict:
        """Judge one request."""
        facts = facts_of(case)
        found = self._rules.vet(facts)
        for shadow in found.shadows:
            if shadow.level.value > 0 and not case.request.is_validate:
                key = (shadow.set_name, shadow.level.name)
                self.shadows[key] = self.shadows.get(key, 0) + 1
                log.info(
                    "a shadow set would not have passed an order",
                    set=shadow.set_name,
                    account=str(case.order.account),
                    request=case.request.request_id,
                    level=shadow.level.name,
                    codes=[finding.text for finding in shadow.findings],
                )
        level = Level(found.level.value)
        codes = found.codes or ((NO_CODE,) if level is not Level.PASS else ())
        return Verdict(level, codes, partial(encode_judged, found.level, found.codes, facts))


def facts_of(case: VettingCase) -> Facts:
    """What rules may ask for about a request."""
    request, order, existing = case.request, case.order, case.existing
    is_order = isinstance(request.body, OrderNew | OrderAmend)
    return Facts(
        request=RequestFacts(
            request.request_id,
            REQUEST_TYPES[type(request.body)],
            _EPOCH + timedelta(microseconds=case.now // 1000),
        ),
        user=UserFacts(case.user),
        order=_order_facts(existing) if existing is not None else OrderFacts(_side(order), _type(order)),
        details=_details(order) if is_order else None,
        account=lambda: _account_facts(case.account),
        balance=lambda: BalanceFacts(case.cash.currency, case.cash.balance, case.cash.trading),
        holding=lambda: HoldingFacts(
            case.asset.quantity,
            case.asset.available,
            case.asset.average_price,
            case.asset.quantity * case.asset.average_price,
        ),
        symbol=lambda: SymbolFacts(
            case.symbol.code, case.symbol.exchange, order.ex_destination, case.symbol.symbol_class
        ),
        market=lambda: _market_facts(case),
    )


def _side(order: OrderState) -> str:
    return "Bid" if order.side is Side.BUY else "Ask"


def _type(order: OrderState) -> str:
    return order.properties.get(ORDER_TYPE) or ORDER_TYPES[order.order_type]


def _order_facts(order: OrderState) -> OrderFacts:
    executed = order.executed_quantity
    return OrderFacts(
        _side(order),
        _type(order),
        quantity=order.quantity,
        executed=executed,
        value=estimated_value(order),
        price=order.executed_value / executed if executed else None,
        limit=order.price,
    )


def _details(order: OrderState) -> DetailsFacts:
    hidden = order.values.get(HIDDEN_QUANTITY, ZERO)
    return DetailsFacts(_type(order), order.quantity - hidden, hidden, order.price, estimated_value(order))


def _account_facts(details: AccountDetails) -> AccountFacts:
    attributes = details.attributes
    return AccountFacts(
        str(details.account),
        active=attributes.get("Active", "true").lower() != "false",
        advisor=attributes.get("AdvisorCode"),
        branch=attributes.get("BranchCode"),
        broker=attributes.get("BrokerCode"),
        attributes=attributes,
    )


def _market_facts(case: VettingCase) -> MarketFacts | None:
    market = case.market
    if market is None:
        return None
    return MarketFacts(
        best_bid=market.best_bid,
        best_ask=market.best_ask,
        last=market.last,
        close=market.last_or_close,
        status=market.status,
    )
