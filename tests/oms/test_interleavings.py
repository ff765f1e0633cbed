"""Random interleavings of clients, fills, losses, repetitions, absences and restarts.

Whatever happens: an order that was acknowledged is known, with its id; nothing is sent twice unless its feed
said that it never arrived; nothing arrives twice; no account owes what it does not have; and once everything
was delivered the hub and the exchange agree on every order and every cent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oms.desk import FEED, XS1, XS2, D, Desk, X, amendment, new
from tests.oms.venue import Key, Venue, key_of
from zenithd.oms.commands import Accepted, FeedAnswer, FeedUpdate, Gap, Prices, Restarted, Submit
from zenithd.oms.lifecycle import OWN_STATUSES
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.orders import OrderState, Side
from zenithd.oms.model.requests import (
    ClientQueue,
    ClientQueueUpdate,
    ClientRequest,
    ClientRequestUpdate,
    OrderCancel,
    OrderMove,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.reference import Level, Verdict
from zenithd.oms.reserves import is_buy, reserve
from zenithd.oms.rules import NANOSECONDS

ACCOUNTS = (XS1, XS2)
AGREED = ("quantity", "price", "executed_quantity", "executed_value", "is_completed", "status", "external_id")
OVER_WITH_ITS_ORDER = (RequestStatus.PENDING, RequestStatus.QUEUED, RequestStatus.UNKNOWN)


class World:
    """A desk, a venue, and who did what."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.venue = Venue()
        self.is_there = True
        self.asked: list[ClientRequest] = []
        """Requests that were accepted."""
        self.ids: dict[Key, str] = {}
        """The order that each acknowledgement named."""
        self.given_back: Counter[Key] = Counter()
        """How often the feed said of a request that it never arrived."""
        self.sent: Counter[Key] = Counter()
        self.late: list[FeedAnswer] = []
        """Answers that are on their way."""
        self._seen = 0

    def do(self, command: object) -> object:
        outcome = self.desk.do(command)  # type: ignore[arg-type]
        for send in self.desk.sends[self._seen :]:
            self.sent[key_of(send.request)] += 1
            self.venue.line.append(send)
        self._seen = len(self.desk.sends)
        return outcome

    def ask(self, request: ClientRequest) -> None:
        outcome = self.do(Submit(request))
        if not isinstance(outcome, Accepted):
            return
        assert outcome.answer is not None
        key = key_of(request)
        known = self.ids.setdefault(key, outcome.answer.order_id)
        assert outcome.answer.order_id == known
        assert outcome.answer.request_id == request.request_id
        self.asked.append(request)

    def orders(self) -> list[OrderState]:
        return [order for account in ACCOUNTS for order in self.desk.state.orders.get(account, {}).values()]

    def pick(self, number: int) -> OrderState | None:
        orders = self.orders()
        return orders[number % len(orders)] if orders else None

    # What can happen.

    def place(self, number: int) -> None:
        account = ACCOUNTS[number % 2]
        side = Side.SELL if number % 3 == 0 else Side.BUY
        price = D(1 + number % 7)
        quantity = D(50 + 50 * (number % 11))
        self.desk.verdict = lambda case: Verdict(Level.AUTH if number % 9 == 0 else Level.PASS)
        self.ask(
            new(
                request_id=f"P{len(self.asked)}",
                account=account,
                side=side,
                price=price,
                quantity=quantity,
            )
        )
        self.desk.verdict = lambda case: Verdict()

    def hold(self, number: int) -> None:
        """An order that waits for a price."""
        properties = {"Condition": "StopLoss", "Condition.Stop": str(D(1) + D(number % 300) / 100)}
        if number % 2:
            properties = {"Condition": "TrailingStopLoss", "Condition.Type": "Percent"}
            properties |= {"Condition.Value": str(1 + number % 20), "Condition.Limit": "1"}
        side = Side.SELL if number % 3 else Side.BUY
        self.ask(new(request_id=f"H{len(self.asked)}", side=side, quantity=D(50), properties=properties))

    def prices(self, number: int) -> None:
        self.do(Prices("XSX", "XS01", X, D(50 + number % 350) / 100))

    def amend(self, number: int) -> None:
        order = self.pick(number)
        if order is not None:
            self.ask(
                amendment(
                    order,
                    f"A{len(self.asked)}",
                    quantity=D(10 + 40 * (number % 17)),
                    price=D(1 + number % 5),
                )
            )

    def cancel(self, number: int) -> None:
        order = self.pick(number)
        if order is not None:
            body = OrderCancel(
                order_id=order.order_id, code="XS01", exchange="XSX", side=order.side, quantity=D(0)
            )
            self.ask(ClientRequest(request_id=f"C{len(self.asked)}", account=order.account, body=body))

    def move(self, number: int) -> None:
        """To the other account."""
        order = self.pick(number)
        if order is not None:
            body = OrderMove(
                order_id=order.order_id,
                prev_account=order.account,
                code="XS01",
                exchange="XSX",
                side=order.side,
            )
            other = XS2 if order.account == XS1 else XS1
            self.desk.verdict = lambda case: Verdict(Level.AUTH if number % 9 == 0 else Level.PASS)
            self.ask(ClientRequest(request_id=f"M{len(self.asked)}", account=other, body=body))
            self.desk.verdict = lambda case: Verdict()

    def release(self, number: int) -> None:
        """Release a queued order, or refuse it."""
        for order in self.orders():
            if order.status == "Queued":
                refuses = number % 4 == 0
                update = ClientRequestUpdate(
                    request_id="",
                    order_id=order.order_id,
                    account=order.account,
                    status=RequestStatus.REJECTED if refuses else None,
                    target=None if refuses else ClientQueue(),
                )
                body = ClientQueueUpdate(update=update)
                self.ask(ClientRequest(request_id=f"Q{len(self.asked)}", account=order.account, body=body))
                return

    def repeat(self, number: int) -> None:
        """A client sends again what was accepted: nothing new is kept or sent."""
        if self.asked:
            records, sends = len(self.desk.log), len(self.desk.sends)
            self.ask(self.asked[number % len(self.asked)])
            assert (len(self.desk.log), len(self.desk.sends)) == (records, sends)

    def arrive(self, number: int) -> None:
        if self.venue.line:
            self.venue.arrive(number % len(self.venue.line), number)

    def lose(self, number: int) -> None:
        if self.venue.line:
            self.venue.line.pop(number % len(self.venue.line))

    def fill(self, number: int) -> None:
        self.venue.fill(number, number)

    def end(self, number: int) -> None:
        self.venue.end(number)

    def hear(self, number: int) -> None:
        """The next of the feed's updates comes."""
        last = self.desk.state.positions.get(FEED, 0)
        if self.is_there and last < len(self.venue.said):
            self.do(FeedUpdate(FEED, last + 1, self.venue.said[last]))

    def hear_again(self, number: int) -> None:
        last = self.desk.state.positions.get(FEED, 0)
        if self.is_there and last:
            place = number % last
            records = len(self.desk.log)
            self.do(FeedUpdate(FEED, place + 1, self.venue.said[place]))
            assert len(self.desk.log) == records

    def hear_too_early(self, number: int) -> None:
        last = self.desk.state.positions.get(FEED, 0)
        if self.is_there and last + 1 < len(self.venue.said):
            assert isinstance(self.do(FeedUpdate(FEED, last + 2, self.venue.said[last + 1])), Gap)

    def answer(self, number: int) -> None:
        """The adapter answers what it was asked: everything that it has said comes first."""
        if not self.is_there or not self.desk.questions:
            return
        question = self.desk.questions.pop(number % len(self.desk.questions))
        key = key_of(question.request)
        while self.desk.state.positions.get(FEED, 0) < len(self.venue.said):
            self.hear(0)
        if key in self.venue.received or self.venue.under_way(key):
            return
        update = ClientRequestUpdate(request_id=key[1], account=key[0], status=RequestStatus.PENDING)
        self.late.append(FeedAnswer(FEED, update, question.sending))
        if number % 3:
            self.answer_late(number)

    def answer_late(self, number: int) -> None:
        """An answer that was true when it was given comes, whatever has happened since."""
        if not self.late:
            return
        answer = self.late.pop(number % len(self.late))
        key = answer.update.account, answer.update.request_id
        active = self.desk.state.request(*key)
        counts = (
            active is not None
            and active.sendings == answer.sending
            and active.status in (RequestStatus.UNKNOWN, RequestStatus.SUBMITTED)
        )
        self.given_back[key] += counts
        self.do(answer)

    def go_away(self, number: int) -> None:
        self.is_there = False
        self.desk.away()

    def come_back(self, number: int) -> None:
        self.is_there = True
        self.do_online()

    def do_online(self) -> None:
        self.desk.online()
        self.collect()

    def collect(self) -> None:
        for send in self.desk.sends[self._seen :]:
            self.sent[key_of(send.request)] += 1
            self.venue.line.append(send)
        self._seen = len(self.desk.sends)

    def crash(self, number: int) -> None:
        """The daemon ends and starts again; what was on the line stays there, or is lost with it."""
        if number % 2:
            self.venue.line.clear()
        self.desk.restart()
        self.desk.questions.clear()
        self.late.clear()
        self.is_there = False
        self.desk.do(Restarted())

    def wait(self, number: int) -> None:
        self.desk.now += (number % 40) * NANOSECONDS
        for command in self.desk.oms.due(self.desk.now):
            self.do(command)

    def jump_back(self, number: int) -> None:
        self.desk.now -= (number % 1000) * NANOSECONDS

    # What always holds.

    def check(self) -> None:
        state = self.desk.state
        for key, order_id in self.ids.items():
            account, request_id = key
            assert state.digest_of(account, request_id) is not None, "an acknowledged request is gone"
            order = next((each for each in self.orders() if each.order_id == order_id), None)
            assert order is not None or not order_id, "an acknowledged order is gone"
        for key, count in self.sent.items():
            assert count <= 1 + self.given_back[key], f"{key} was sent again without evidence"
        assert all(count == 1 for count in self.venue.received.values()), "a request arrived twice"
        for order in self.orders():
            self._check_order(order)
        for account in ACCOUNTS:
            cash, holding = state.balance(account, "AUD"), state.holding(account, "XSX", "XS01")
            assert cash.trading >= 0, "more money is reserved or paid than there is"
            assert holding.available >= 0, "more is reserved or sold than there is"
            mine = [order for order in self.orders() if order.account == account]
            coming = [order for order in self.orders() if account in self._destinations(order)]
            bought = sum((state.reserved_by(each) for each in mine if is_buy(each.side)), D(0))
            sold = sum((state.reserved_by(each) for each in mine if not is_buy(each.side)), D(0))
            bought += sum((reserve(each) for each in coming if is_buy(each.side)), D(0))
            sold += sum((reserve(each) for each in coming if not is_buy(each.side)), D(0))
            assert (-cash.unfilled_buys, holding.unfilled_sells) == (bought, sold)

    def _destinations(self, order: OrderState) -> set[Account]:
        """Accounts that requests in flight would bring the order to."""
        return {
            account
            for account in ACCOUNTS
            for each in self.desk.state.requests.get(account, {}).values()
            if isinstance(body := each.request.body, OrderMove)
            and (body.prev_account, body.order_id) == (order.account, order.order_id)
        }

    def _check_order(self, order: OrderState) -> None:
        state = self.desk.state
        linked = state.requests_of_order.get((order.account, order.order_id), ())
        active = [state.request(*key) for key in linked if state.request(*key) is not None]
        placing = [each for each in active if isinstance(each.request.body, OrderNew)]
        if order.status in OWN_STATUSES and not order.is_completed and not placing:
            # Confirmed by a word; the action that shows it is on its way.
            assert order.status == "Pending"
        if order.status == "Unknown":
            assert placing and placing[0].status is RequestStatus.UNKNOWN
        if order.is_completed:
            if order.status == "Filled":  # it may be moved all the same
                active = [each for each in active if not isinstance(each.request.body, OrderMove)]
            assert not [each for each in active if each.status in OVER_WITH_ITS_ORDER]

    def settle(self) -> None:
        """Everything is delivered, said and asked: nobody is left in doubt, and all agree."""
        self.desk.now = max(self.desk.now, self.desk.state.time)  # the clock is right again
        for _ in range(6):
            self.come_back(0)
            while self.venue.line:
                self.venue.arrive(0, 1)
            while self.desk.state.positions.get(FEED, 0) < len(self.venue.said):
                self.hear(0)
            while self.desk.questions:
                self.answer(1)
            self.wait(31)
            self.check()
        state = self.desk.state
        for account in ACCOUNTS:
            for request in state.requests.get(account, {}).values():
                order = state.order(account, request.order_id)
                assert request.status is RequestStatus.QUEUED or order.status == "Held", request
        for order in self.orders():
            theirs = self.venue.orders.get(order.order_id)
            if theirs is None:
                assert order.status in OWN_STATUSES
                continue
            for name in (
                "quantity",
                "price",
                "executed_quantity",
                "executed_value",
                "is_completed",
                "status",
            ):
                assert getattr(order, name) == getattr(theirs, name), name
        for account in ACCOUNTS:
            money, holding = D(10_000), D(1_000)
            for order, trade in self.venue.trades:
                if order.account == account:
                    sign = 1 if is_buy(order.side) else -1
                    money -= sign * trade.price * trade.quantity
                    holding += sign * trade.quantity
            cash = state.balance(account, "AUD")
            assert cash.balance + cash.unbooked_transactions == money
            assert state.holding(account, "XSX", "XS01").quantity == holding


ACTIONS: tuple[Callable[[World, int], None], ...] = (
    World.place,
    World.place,
    World.amend,
    World.amend,
    World.cancel,
    World.move,
    World.release,
    World.hold,
    World.prices,
    World.repeat,
    World.arrive,
    World.arrive,
    World.arrive,
    World.lose,
    World.fill,
    World.fill,
    World.end,
    World.hear,
    World.hear,
    World.hear,
    World.hear,
    World.hear_again,
    World.hear_too_early,
    World.answer,
    World.answer_late,
    World.go_away,
    World.come_back,
    World.crash,
    World.wait,
    World.jump_back,
)

STEPS = st.lists(st.tuples(st.integers(0, len(ACTIONS) - 1), st.integers(0, 999)), min_size=1, max_size=120)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_every_order_is_known_and_nothing_happens_twice(steps: list[tuple[int, int]]) -> None:
    world = World()
    for action, number in steps:
        ACTIONS[action](world, number)
        world.check()
    world.settle()


MOVING: tuple[Callable[[World, int], None], ...] = (
    World.place,
    World.amend,
    World.cancel,
    World.move,
    World.move,
    World.release,
    World.arrive,
    World.arrive,
    World.lose,
    World.fill,
    World.hear,
    World.hear,
    World.hear,
    World.answer,
    World.answer_late,
    World.come_back,
    World.go_away,
    World.crash,
    World.wait,
)
MOVES = st.lists(st.tuples(st.sampled_from(MOVING), st.integers(0, 999)), min_size=1, max_size=120)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 999), MOVES)
def test_orders_that_go_to_and_fro_are_reserved_for_at_both_ends(
    first: int, steps: list[tuple[Callable[[World, int], None], int]]
) -> None:
    world = World()
    for action in (World.place, World.arrive, World.hear, World.move):
        action(world, first)
        world.check()
    for action, number in steps:
        action(world, number)
        world.check()
    world.settle()


def test_the_venue_notices_what_the_invariants_are_about() -> None:
    """A hub that sends again on its own would be found out."""
    world = World()
    world.place(1)
    [send] = world.venue.line
    world.venue.line.append(send)
    world.arrive(1)
    world.arrive(1)
    try:
        world.check()
    except AssertionError as error:
        assert "arrived twice" in str(error)
    else:
        raise AssertionError("nothing was noticed")
