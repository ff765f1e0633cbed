"""Placing, amending, cancelling, moving, authorising and calculating orders (zenith-websocket 3.5, 3.5.6).

Whatever happens, the reply is an OrderResult: clients do not survive an Error here (6.4).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from zenithd.authority.access import Access
from zenithd.controllers.interface import Answer, Later
from zenithd.controllers.trading.desk import DeskClosed, TradingDesk
from zenithd.domain.identifiers import MarketId, market_of
from zenithd.oms.commands import Accepted, Outcome, Refused, Submit
from zenithd.oms.commands import Answer as RequestAnswer
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.orders import Side
from zenithd.oms.model.requests import (
    ClientAuthority,
    ClientQueue,
    ClientQueueUpdate,
    ClientRequest,
    ClientRequestUpdate,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
    RequestBody,
    RequestStatus,
)
from zenithd.oms.refusals import Result
from zenithd.oms.routing import BEST_MARKET
from zenithd.oms.words import ALGORITHM, ALGORITHM_MARKETS
from zenithd.wire.trading.orders import result_payload
from zenithd.wire.trading.requests import (
    Faulty,
    OrderRequest,
    order_market,
    read_order_request,
    read_quote,
)

USER: Final = "User"
"""Role of the authority that a request bears (platform D.2)."""

MarketKnown = Callable[[str, str], bool]
"""Whether a market lists a symbol."""

Answered = Callable[[str, Answer], None]
"""Told of the topic and the answer of every request that asked for something to be done."""


def _unheard(topic: str, answer: Answer) -> None:
    """Nobody counts."""


class Rejected(Exception):
    """It cannot be carried out; `errors` say why."""

    def __init__(self, *errors: str) -> None:
        super().__init__(*errors)
        self.errors = errors


class Actions:
    """Turns order requests into commands, and their outcomes into OrderResults."""

    def __init__(
        self,
        desk: TradingDesk,
        lists: MarketKnown,
        new_request_id: Callable[[], str],
        answered: Answered = _unheard,
    ) -> None:
        self._desk = desk
        self._lists = lists
        self._new_request_id = new_request_id
        self._answered = answered

    def submit(self, topic: str, data: Any, access: Access) -> Answer | Later:
        """PlaceOrder, AmendOrder, CancelOrder, MoveOrder and AuthoriseOrder."""
        answer = self._submit(topic, data, access)
        if isinstance(answer, Answer):
            self._answered(topic, answer)
        return answer

    def _submit(self, topic: str, data: Any, access: Access) -> Answer | Later:
        try:
            request = read_order_request(topic, data)
        except Faulty as faulty:
            return self._refuse(faulty.result, faulty.errors, faulty.request_id)
        later = Later()

        def end(outcome: Outcome | DeskClosed) -> None:
            later.give(partial(self._ended, topic, request.request_id, outcome))

        try:
            made = self._client_request(topic, request, access)
            self._desk.submit(Submit(made, access.user), end)
        except Rejected as rejected:
            return self._refuse(Result.REJECTED, rejected.errors, request.request_id)
        except DeskClosed as closed:
            return self._answer(closed, request.request_id)
        return later

    def calculate(self, topic: str, data: Any, access: Access) -> Answer:
        """CalculateOrder: as PlaceOrder, or with an OrderID as AmendOrder; nothing is carried out.

        So its RequestID may be any, also that of the request that follows; and there is no order to tell.
        """
        try:
            request = read_order_request(topic, data)
        except Faulty as faulty:
            return self._refuse(faulty.result, faulty.errors, faulty.request_id)
        kind = "AmendOrder" if request.order_id else "PlaceOrder"
        request_id = request.request_id or self._new_request_id()
        try:
            made = msgspec.structs.replace(self._client_request(kind, request, access), request_id="")
            outcome = self._desk.calculate(made, access.user)
        except Rejected as rejected:
            return self._refuse(Result.REJECTED, rejected.errors, request_id)
        except DeskClosed as closed:
            return self._refuse(Result.REJECTED, (closed.code,), request_id)
        if isinstance(outcome, Refused):
            return self._refuse(outcome.result, outcome.errors, request_id)
        found = _accepted(outcome)
        return Answer(result_payload(Result.SUCCESS.value, request_id, fees=found.fees, value=found.value))

    def quote(self, topic: str, data: Any, access: Access) -> Answer:
        """RequestQuote: no market here takes one, which is said once the request itself is right."""
        try:
            request = read_quote(data)
        except Faulty as faulty:
            return Answer({"Result": faulty.result.value, "Errors": list(faulty.errors)})
        if access.view(MarketId(request.market)) is None or not self._lists(request.market, request.code):
            return Answer({"Result": Result.REJECTED.value, "Errors": ["Symbol"]})
        return Answer({"Result": Result.REJECTED.value, "Errors": ["Operation"]})

    # Requests

    def _client_request(self, topic: str, request: OrderRequest, access: Access) -> ClientRequest:
        if not access.may_use_account(str(request.account)):
            raise Rejected("Account")
        account = request.account
        if request.destination is not None:
            if not access.may_use_account(str(request.destination)):
                raise Rejected("Account")
            account = request.destination
        details = request.details
        if details is not None and access.view(MarketId(order_market(request))) is None:
            raise Rejected("Symbol.Authority")
        properties = dict(request.condition) | ({} if details is None else details.properties)
        if request.route:
            properties[ALGORITHM] = request.route["Algorithm"]
            if properties[ALGORITHM] == BEST_MARKET and details is not None:
                properties |= self._among(details.exchange, access)
        return ClientRequest(
            request_id=request.request_id,
            account=account,
            body=self._body(topic, request, account),
            authorities={USER: ClientAuthority(identity=access.user)},
            values={} if details is None else details.values,
            properties=properties,
        )

    def _among(self, exchange: str, access: Access) -> dict[str, str]:
        """What keeps BestMarket from markets that the user may not see; nothing where he may see them all."""
        known = self._desk.state.exchanges.get(exchange)
        every = () if known is None else known.destinations
        seen = [
            each.ex_destination
            for each in every
            if access.view(MarketId(market_of(each.ex_destination))) is not None
        ]
        if len(seen) == len(every):
            return {}
        if not seen:
            raise Rejected("Symbol.Authority")
        return {ALGORITHM_MARKETS: " ".join(seen)}

    def _came_before(self, account: Account, request: OrderRequest) -> bool:
        """Whether the RequestID was used: whoever repeats a request gets its answer, and nothing is done."""
        known = request.request_id and self._desk.state.digest_of(account, request.request_id)
        return bool(known)

    def _body(self, topic: str, request: OrderRequest, account: Account) -> RequestBody:
        if topic == "PlaceOrder":
            return _new(request)
        if topic == "AuthoriseOrder":
            return _authorise(request)
        order = self._desk.state.order(request.account, request.order_id)
        if order is None:
            if self._came_before(account, request):
                return _of_no_order(topic, request)  # only to be recognised
            raise Rejected("Order")
        if topic == "AmendOrder":
            return _amend(request)
        if topic == "CancelOrder":
            return OrderCancel(
                order_id=order.order_id,
                code=order.code,
                exchange=order.exchange,
                side=order.side,
                quantity=order.quantity,
                ex_destination=order.ex_destination,
            )
        return OrderMove(
            order_id=order.order_id,
            prev_account=request.account,
            code=order.code,
            exchange=order.exchange,
            side=order.side,
            ex_destination=order.ex_destination,
        )

    # Results

    def _ended(self, topic: str, request_id: str, outcome: Outcome | DeskClosed) -> Answer:
        answer = self._answer(outcome, request_id)
        self._answered(topic, answer)
        return answer

    def _answer(self, outcome: Outcome | DeskClosed, request_id: str) -> Answer:
        if isinstance(outcome, DeskClosed):
            return self._refuse(Result.REJECTED, (outcome.code,), request_id)
        if isinstance(outcome, Refused):
            return self._refuse(outcome.result, outcome.errors, outcome.request_id or request_id)
        answer = _accepted(outcome)
        if answer.order is None:  # the request came again after its order was removed: its id is known still
            payload = result_payload(Result.SUCCESS.value, answer.request_id)
            payload["Order"] = {"ID": answer.order_id, "Account": str(answer.account)}
            return Answer(payload)
        return Answer(
            result_payload(
                Result.SUCCESS.value,
                answer.request_id,
                order=answer.order,
                fees=answer.fees,
                value=answer.value,
            )
        )

    def _refuse(self, result: Result, errors: tuple[str, ...], request_id: str) -> Answer:
        return Answer(result_payload(result.value, request_id or self._new_request_id(), errors=errors))


def _accepted(outcome: Outcome) -> RequestAnswer:
    assert isinstance(outcome, Accepted), "gaps are a feed's"
    assert outcome.answer is not None, "a request that is accepted has an answer"
    return outcome.answer


def _new(request: OrderRequest) -> OrderNew:
    details = request.details
    assert details is not None, "its shape requires it"
    return OrderNew(
        code=details.code,
        exchange=details.exchange,
        side=details.side,
        order_type=details.order_type,
        quantity=details.quantity,
        price=details.price,
        lifetime=details.lifetime,
        expiry_date=details.expiry_date,
        ex_destination=request.route.get("Market", ""),
    )


def _authorise(request: OrderRequest) -> ClientQueueUpdate:
    """Release the queued request of an order, or refuse it."""
    update = ClientRequestUpdate(
        request_id="", account=request.account, order_id=request.order_id, text=request.reason or None
    )
    if request.authorise:
        return ClientQueueUpdate(update=msgspec.structs.replace(update, target=ClientQueue()))
    return ClientQueueUpdate(update=msgspec.structs.replace(update, status=RequestStatus.REJECTED))


def _of_no_order(topic: str, request: OrderRequest) -> RequestBody:
    """What came before, and its order has left since."""
    if topic == "AmendOrder":
        return _amend(request)
    if topic == "CancelOrder":
        return OrderCancel(order_id=request.order_id, code="", exchange="", side=Side.BUY, quantity=ZERO)
    return OrderMove(
        order_id=request.order_id, prev_account=request.account, code="", exchange="", side=Side.BUY
    )


def _amend(request: OrderRequest) -> OrderAmend:
    details = request.details
    assert details is not None, "its shape requires it"
    return OrderAmend(
        order_id=request.order_id,
        code=details.code,
        exchange=details.exchange,
        side=details.side,
        order_type=details.order_type,
        quantity=details.quantity,
        price=details.price,
        lifetime=details.lifetime,
        expiry_date=details.expiry_date,
        ex_destination=request.route.get("Market", ""),
    )
