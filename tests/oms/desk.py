"""A desk to play orders on: one `Oms`, fakes for what comes from outside, an exchange by script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from zenithd.domain.market_data import TickStep
from zenithd.oms.commands import (
    Accepted,
    Command,
    Define,
    FeedStatus,
    FeedUpdate,
    Gap,
    Inquire,
    Outcome,
    Refused,
    Send,
    Submit,
    Transact,
)
from zenithd.oms.fees import FeeTable
from zenithd.oms.model.accounts import Account, AccountDetails
from zenithd.oms.model.directory import (
    ConnectionStatus,
    ExchangeDestination,
    ExchangeDetails,
    FeedDetails,
    OrderStatusDetails,
    OwnerDetails,
)
from zenithd.oms.model.orders import OrderState, OrderTrade, OrderUpdate, OrderUpdateReason, Side
from zenithd.oms.model.orders import OrderType as T
from zenithd.oms.model.requests import (
    ClientRequest,
    ClientRequestUpdate,
    OrderAmend,
    OrderCancel,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.model.transactions import AssetTransfer, CashTransfer, TransactionDetails
from zenithd.oms.model.updates import (
    AccountDefined,
    AssetTransferred,
    CashTransferred,
    ExchangeDefined,
    Kept,
    OrderTraded,
    OrderUpdated,
    OwnerDefined,
    RequestUpdated,
    decode_updates,
    encode_updates,
)
from zenithd.oms.oms import Oms
from zenithd.oms.reference import MarketView, Symbol, Verdict, VettingCase
from zenithd.oms.rules import NANOSECONDS, OmsRules
from zenithd.oms.turn import Surroundings

D = Decimal
replace = msgspec.structs.replace
START = int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()) * NANOSECONDS
DAY = 86_400 * NANOSECONDS
XS1 = Account(owner_id="XS", account_id="0001")
XS2 = Account(owner_id="XS", account_id="0002")
FEED = "Prodigy"
X, Y = "XSX::XSX", "XSY::XSY"
TICKS = (TickStep(D(0), D(1000), D("0.01")),)
CENT = Symbol(exchange="XSX", code="XS01", currency="AUD", tick_steps=TICKS)
OPEN = MarketView(last=D(2), last_or_close=D(2), best_bid=D("1.99"), best_ask=D("2.01"))
STATUSES = (
    OrderStatusDetails(
        code="OnMarket", is_normal=True, can_amend=True, can_cancel=True, can_move=True, can_trade=True
    ),
    OrderStatusDetails(
        code="PartialFill", is_normal=True, can_amend=True, can_cancel=True, can_move=True, can_trade=True
    ),
    OrderStatusDetails(code="Filled", is_normal=True, is_completed=True, can_move=True),
    OrderStatusDetails(code="Cancelled", is_normal=True, is_completed=True),
    OrderStatusDetails(code="Rejected", is_completed=True),
)
EXCHANGE = ExchangeDetails(
    exchange="XSX",
    destinations=(
        ExchangeDestination(ex_destination=X, route=FEED, is_lit=True),
        ExchangeDestination(ex_destination=Y, route=FEED, is_lit=True),
    ),
    order_statuses=STATUSES,
)


class Listing:
    """A `Reference` of tables, with trading days from midnight to midnight UTC."""

    def __init__(self) -> None:
        self.symbols: dict[tuple[str, str], Symbol] = {("XSX", "XS01"): CENT}
        self.markets: dict[tuple[str, str], MarketView] = {("XS01", X): OPEN, ("XS01", Y): OPEN}
        self.untraded: set[tuple[str, str]] = set()

    def symbol(self, exchange: str, code: str) -> Symbol | None:
        return self.symbols.get((exchange, code))

    def market(self, symbol: Symbol, ex_destination: str) -> MarketView | None:
        return self.markets.get((symbol.code, ex_destination))

    def trades(self, symbol: Symbol, ex_destination: str) -> bool:
        return (symbol.code, ex_destination) not in self.untraded

    def trading_date(self, exchange: str, now: int) -> date:
        return datetime.fromtimestamp(now // NANOSECONDS, UTC).date()

    def day_end(self, exchange: str, day: date) -> int:
        following = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        return int(following.timestamp()) * NANOSECONDS

    def next_day_end(self, exchange: str, now: int) -> int:
        return self.day_end(exchange, self.trading_date(exchange, now)) + DAY


class Numbers:
    """`Identifiers` that count."""

    def __init__(self) -> None:
        self.count = 0

    def _next(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count:021}"

    def new_order_id(self) -> str:
        return self._next("O")

    def new_request_id(self) -> str:
        return self._next("R")


class Desk:
    """One `Oms` with two accounts of 10,000 AUD and 1,000 XS01 each, and one feed that is there."""

    def __init__(self, rules: OmsRules | None = None, fees: FeeTable | None = None) -> None:
        self.listing = Listing()
        self.verdict: Callable[[VettingCase], Verdict] = lambda case: Verdict()
        self.around = Surroundings(
            reference=self.listing,
            vetting=lambda case: self.verdict(case),
            fees=fees or FeeTable(),
            identifiers=Numbers(),
            rules=rules or OmsRules(),
        )
        self.oms = Oms(self.around)
        self.now = START
        self.log: list[tuple[Kept, ...]] = []
        self.sends: list[Send] = []
        self.questions: list[Inquire] = []
        self.sequence = 0
        self.do(Define(OwnerDefined(details=OwnerDetails(owner_id="XS"))))
        self.do(Define(ExchangeDefined(details=EXCHANGE)))
        for account in (XS1, XS2):
            self.do(Define(AccountDefined(details=AccountDetails(account=account, name=str(account)))))
            self.deposit(account, D(10_000))
            self.issue(account, D(1_000))
        self.online()

    @property
    def state(self) -> Any:
        return self.oms.state

    def do(self, command: Command) -> Outcome:
        """Decide and apply."""
        outcome = self.oms.handle(command, self.now)
        if isinstance(outcome, Accepted):
            for kept in outcome.kept:
                self.oms.apply(kept)
            if outcome.kept:
                self.log.append(tuple(decode_updates(encode_updates(list(outcome.kept)))))
            for each in outcome.sends:
                if isinstance(each, Send):
                    self.sends.append(each)
                else:
                    self.questions.append(each)
        return outcome

    def wait(self, seconds: float) -> list[Outcome]:
        """Let time pass, and carry out what falls due, once."""
        self.now += int(seconds * NANOSECONDS)
        return [self.do(command) for command in self.oms.due(self.now)]

    def restart(self) -> None:
        """What is kept comes back, nothing else."""
        around = self.around
        self.oms = Oms(around)
        for record in self.log:
            for kept in record:
                self.oms.apply(kept)

    def deposit(self, account: Account, value: D, name: str = "") -> Outcome:
        details = TransactionDetails(transaction_id=name or f"D{len(self.log)}", account=account)
        transfer = CashTransfer(currency="AUD", value=value)
        return self.do(Transact(CashTransferred(transaction=details, transfer=transfer)))

    def issue(self, account: Account, value: D, name: str = "") -> Outcome:
        details = TransactionDetails(transaction_id=name or f"I{len(self.log)}", account=account)
        transfer = AssetTransfer(exchange="XSX", code="XS01", value=value)
        return self.do(Transact(AssetTransferred(transaction=details, transfer=transfer)))

    def online(self, feed: str = FEED) -> Outcome:
        return self._feed(feed, ConnectionStatus.ONLINE)

    def away(self, feed: str = FEED) -> Outcome:
        return self._feed(feed, ConnectionStatus.DISCONNECTED)

    def _feed(self, feed: str, status: ConnectionStatus) -> Outcome:
        return self.do(FeedStatus(FeedDetails(feed_id=feed, status=status, timestamp=self.now)))

    def submit(self, request: ClientRequest) -> Outcome:
        return self.do(Submit(request, "demo"))

    def place(self, **changes: Any) -> Outcome:
        return self.submit(new(**changes))

    def placed(self, **changes: Any) -> str:
        """Place; the order's id."""
        outcome = self.place(**changes)
        assert isinstance(outcome, Accepted), outcome
        assert outcome.answer is not None and outcome.answer.order is not None
        return outcome.answer.order.order_id

    def order(self, order_id: str, account: Account = XS1) -> OrderState:
        order = self.state.order(account, order_id)
        assert order is not None
        return order

    def reported(
        self,
        order_id: str,
        reason: OrderUpdateReason = OrderUpdateReason.NEW,
        status: str = "OnMarket",
        account: Account = XS1,
        **changes: Any,
    ) -> Outcome:
        """The exchange reports an order."""
        order = replace(self.order(order_id, account), status=status, **changes)
        return self.tell(OrderUpdated(order=order, update=OrderUpdate(reason=reason)))

    def fill(self, order_id: str, quantity: D, price: D, trade_id: str, account: Account = XS1) -> Outcome:
        """The exchange reports a fill."""
        order = self.order(order_id, account)
        executed = order.executed_quantity + quantity
        is_filled = executed >= order.quantity
        order = replace(
            order,
            executed_quantity=executed,
            executed_value=order.executed_value + quantity * price,
            status="Filled" if is_filled else "PartialFill",
            is_completed=is_filled,
        )
        trade = OrderTrade(trade_id=trade_id, price=price, quantity=quantity)
        return self.tell(
            OrderTraded(order=order, update=OrderUpdate(reason=OrderUpdateReason.TRADE), trade=trade)
        )

    def decided(
        self,
        request_id: str,
        status: RequestStatus | None,
        *errors: str,
        account: Account = XS1,
    ) -> Outcome:
        """The exchange decides a request."""
        update = ClientRequestUpdate(request_id=request_id, account=account, status=status, errors=errors)
        return self.tell(RequestUpdated(update=update))

    def tell(self, update: Any, sequence: int | None = None) -> Outcome:
        """The feed's next update."""
        if sequence is None:
            sequence = self.sequence = self.sequence + 1
        return self.do(FeedUpdate(FEED, sequence, update))

    def amend(self, order_id: str, /, request_id: str = "A1", **changes: Any) -> Outcome:
        return self.submit(amendment(self.order(order_id), request_id, **changes))

    def cancel(self, order_id: str, request_id: str = "C1") -> Outcome:
        order = self.order(order_id)
        body = OrderCancel(
            order_id=order_id, code=order.code, exchange=order.exchange, side=order.side, quantity=D(0)
        )
        return self.submit(ClientRequest(request_id=request_id, account=XS1, body=body))

    def status(self, request_id: str, account: Account = XS1) -> RequestStatus:
        active = self.state.request(account, request_id)
        if active is not None:
            return active.status  # type: ignore[no-any-return]
        return self.state.finished[account][request_id].status  # type: ignore[no-any-return]

    def trading(self, account: Account = XS1) -> D:
        return self.state.balance(account, "AUD").trading  # type: ignore[no-any-return]

    def available(self, account: Account = XS1) -> D:
        return self.state.holding(account, "XSX", "XS01").available  # type: ignore[no-any-return]


def new(**changes: Any) -> ClientRequest:
    """A purchase of 100 XS01 at 1.50 on XSX, with changes of the request or of its body."""
    of_body = {name: changes.pop(name) for name in list(changes) if name in OrderNew.__struct_fields__}
    body = OrderNew(
        **{
            "code": "XS01",
            "exchange": "XSX",
            "side": Side.BUY,
            "order_type": T.LIMIT,
            "quantity": D(100),
            "price": D("1.50"),
            "ex_destination": X,
            **of_body,
        }
    )
    properties = {"Algorithm": "Market", **changes.pop("properties", {})}
    request = ClientRequest(request_id="P1", account=XS1, body=body, properties=properties)
    return replace(request, **changes)


def amendment(order: OrderState, request_id: str = "A1", **changes: Any) -> ClientRequest:
    """An amendment that repeats the order, with changes of the request or of its body."""
    of_body = {name: changes.pop(name) for name in list(changes) if name in OrderAmend.__struct_fields__}
    body = OrderAmend(
        **{
            "order_id": order.order_id,
            "code": order.code,
            "exchange": order.exchange,
            "side": order.side,
            "order_type": order.order_type,
            "quantity": order.quantity,
            "price": order.price,
            "lifetime": order.lifetime,
            **of_body,
        }
    )
    request = ClientRequest(request_id=request_id, account=order.account, body=body)
    return replace(request, **changes)


def accepted(outcome: Outcome) -> Accepted:
    """The outcome, which must be one."""
    assert isinstance(outcome, Accepted), outcome
    return outcome


def refused(outcome: Outcome) -> Refused:
    """The outcome, which must be one."""
    assert isinstance(outcome, Refused), outcome
    return outcome


def gap(outcome: Outcome) -> Gap:
    """The outcome, which must be one."""
    assert isinstance(outcome, Gap), outcome
    return outcome
