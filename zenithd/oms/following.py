"""What feeds say: orders follow their exchange, and requests follow the evidence. Pure.

An exchange is believed. What it says of an order is laid over what only the hub knows of it, and is evidence
for the request that it names: carried out, or refused. Any action on a new order but its rejection proves
that the exchange has it; once an order is over, nothing that is still to change it can.
"""

from __future__ import annotations

from zenithd.oms.amending import amended_by
from zenithd.oms.commands import (
    Accepted,
    FeedAnswer,
    FeedStatus,
    FeedUpdate,
    Gap,
    Inquire,
    Outcome,
    Refused,
    Send,
)
from zenithd.oms.lifecycle import (
    ORDER_HELD,
    ORDER_PENDING,
    ORDER_UNKNOWN,
    OWN_STATUSES,
    TRANSITIONS,
    Signal,
    signal_of,
)
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import ConnectionStatus
from zenithd.oms.model.orders import OrderState, OrderTrade, OrderTradeType, OrderUpdateReason
from zenithd.oms.model.requests import (
    ClientRequestState,
    ClientRequestUpdate,
    OrderAmend,
    OrderMove,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.model.updates import (
    AnyUpdate,
    FeedChanged,
    FeedRefused,
    Kept,
    OrderReplaced,
    OrderTraded,
    OrderUpdated,
    Requested,
    RequestUpdated,
    encode_updates,
)
from zenithd.oms.placing import reject_order
from zenithd.oms.refusals import Result
from zenithd.oms.reserves import is_buy
from zenithd.oms.routing import for_feed
from zenithd.oms.state import check
from zenithd.oms.turn import Turn, replace
from zenithd.oms.words import BROKERAGE_SCHEDULE, OF_THE_HUB


def follow(turn: Turn, command: FeedUpdate) -> Outcome:
    """Take the next update of a feed. What came before is not taken again; what the rules refuse is kept as
    refused, so that its sequence is used."""
    last = turn.state.positions.get(command.feed, 0)
    if command.sequence <= last:
        return Accepted()
    if command.sequence != last + 1:
        return Gap(command.feed, last)
    update = command.update
    place = (command.feed, command.sequence)
    if isinstance(update, RequestUpdated):
        return _follow_request(turn, update, place)
    if isinstance(update, Requested):
        return _refuse(turn, update, "Request: feeds do not ask for orders here", place)
    if isinstance(update, OrderUpdated | OrderTraded | OrderReplaced):
        return _follow_order(turn, update, place)
    reason = check(update, turn.state)
    if reason is not None:
        return _refuse(turn, update, reason, place)
    turn.emit(update, *place)
    return turn.accepted()


def hear(turn: Turn, command: FeedAnswer) -> Outcome:
    """Take what a feed says of a request outside its sequence; nothing if it changes nothing.

    What is said of an earlier sending than the last is too late, unless it is that it was carried out: that a
    request never arrived, or was refused, may have been true of that sending and be wrong of this one.
    """
    update = command.update
    state = turn.request(update.account, update.request_id)
    signal = signal_of(update)
    if state is None or signal is None or (state.status, signal) not in TRANSITIONS:
        return Accepted()
    if state.route != command.feed:
        return Refused(Result.INVALID, ("Route",), update.request_id)
    if signal is Signal.NEVER_RECEIVED and state.status is RequestStatus.PENDING:
        return Accepted()
    if command.sending not in (None, state.sendings) and signal is not Signal.CONFIRM:
        return Accepted()
    _move(turn, state, signal, update, ("", 0))
    return turn.accepted()


def change_feed(turn: Turn, command: FeedStatus, waiting: list[tuple[Account, str]]) -> Outcome:
    """A feed comes or goes.

    Args:
        waiting: the requests that it has or is to get, the oldest first. When it comes, those that are
            pending are sent, and it is asked about those that are unknown; when it goes, those that may
            have been sent are unknown.
    """
    details = command.details
    if turn.state.feeds.get(details.feed_id) != details:
        turn.emit(FeedChanged(details=details))
    if details.status is not ConnectionStatus.ONLINE:
        turn.away.add(details.feed_id)
        lose(turn, waiting)
        return turn.accepted()
    most = turn.rules.together_max
    for account, request_id in waiting:
        state = turn.request(account, request_id)
        if state is None:
            continue
        order = order_of(turn, state)
        is_held = order is not None and order.status == ORDER_HELD
        if state.status is RequestStatus.PENDING and not is_held and len(turn.sends) < most:
            submit(turn, state, order)
        elif state.status is RequestStatus.UNKNOWN:
            asked = for_feed(state.request, order)
            turn.sends.append(Inquire(details.feed_id, asked, order, state.sendings))
    return turn.accepted()


def lose(turn: Turn, waiting: list[tuple[Account, str]]) -> None:
    """The answers to these requests are lost; to those at least that may have been sent.

    Of very many the oldest: the others fall due at once, as their feed is away.
    """
    lost = 0
    for account, request_id in waiting:
        state = turn.request(account, request_id)
        if state is not None and state.status is RequestStatus.SUBMITTED and lost < turn.rules.together_max:
            lose_one(turn, state)
            lost += 1


def lose_one(turn: Turn, state: ClientRequestState) -> None:
    """Nobody knows what became of a request. It is asked for, never sent again."""
    order = order_of(turn, state)
    request = state.request
    if order is not None and _is_too_late(turn, state, order):
        turn.move(state, Signal.DENY, _said(state, ("Order.Status",)))
        return
    turn.move(state, Signal.LOSE, _said(state, ("Submitted",)))
    if order is not None and isinstance(request.body, OrderNew) and order.status == ORDER_PENDING:
        order = turn.put_order(replace(order, status=ORDER_UNKNOWN), OrderUpdateReason.STATUS)
    if turn.is_online(state.route):
        turn.sends.append(Inquire(state.route, for_feed(request, order), order, state.sendings))


def submit(turn: Turn, state: ClientRequestState, order: OrderState | None) -> None:
    """Send a pending request that has its route."""
    submitted = turn.move(state, Signal.SUBMIT)
    turn.sends.append(Send(state.route, for_feed(state.request, order), order, submitted.sendings))


def order_of(turn: Turn, state: ClientRequestState) -> OrderState | None:
    """The order that a request concerns; of a move it may still be in the other account, and it may have gone
    to another one meanwhile."""
    if not state.order_id:
        return None
    account = state.request.account
    order = turn.order(account, state.order_id)
    previous = getattr(state.request.body, "prev_account", None)
    if order is None and previous is not None:
        order = turn.order(previous, state.order_id)
    if order is None and state.order_id in turn.state.removed.get(account, ()):
        return _elsewhere(turn, state)
    return order


def _elsewhere(turn: Turn, state: ClientRequestState) -> OrderState | None:
    """The order where it went with the requests that concern it."""
    key = (state.request.account, state.request.request_id)
    for account, orders in turn.state.orders.items():
        order_id = state.order_id
        if order_id in orders and key in turn.state.requests_of_order.get((account, order_id), ()):
            return turn.order(account, order_id)
    return None


def _follow_request(turn: Turn, update: RequestUpdated, place: tuple[str, int]) -> Outcome:
    told = update.update
    state = turn.request(told.account, told.request_id)
    if state is None:
        return _refuse(turn, update, "Update.RequestID: no such request is active", place)
    signal = signal_of(told)
    if signal is None or (signal is Signal.NEVER_RECEIVED and state.status is RequestStatus.PENDING):
        if told.status not in (None, RequestStatus.PENDING) or told.is_completed:
            return _refuse(turn, update, f"Update.Status: {told.status} is not for a feed to say", place)
        kept = replace(told, status=None, target=None, send_before=None)
        turn.emit(RequestUpdated(update=kept), *place)
        return turn.accepted()
    if (state.status, signal) not in TRANSITIONS:
        return _refuse(turn, update, f"Update.Status: the request is {state.status.value}", place)
    _move(turn, state, signal, told, place)
    return turn.accepted()


def _move(
    turn: Turn,
    state: ClientRequestState,
    signal: Signal,
    told: ClientRequestUpdate,
    place: tuple[str, int],
) -> None:
    """A feed's word moves a request, and its order with it where no action of the exchange will."""
    was = state.status
    told = replace(told, route=None, order_id=None)
    moved = turn.move_by_feed(state, signal, (told, *place))
    order = order_of(turn, moved)
    if signal is Signal.NEVER_RECEIVED:
        _not_received(turn, moved, order, was)
    elif signal is Signal.DENY:
        never_there = order is not None and order.status in OWN_STATUSES and not order.is_completed
        if order is not None and never_there and isinstance(moved.request.body, OrderNew):
            reject_order(turn, order, told.errors)
    elif signal is Signal.CONFIRM:
        _confirmed(turn, moved, order)
    elif signal is Signal.ACKNOWLEDGE or signal is Signal.LOSE:
        _show(turn, moved, order)


def _not_received(
    turn: Turn, state: ClientRequestState, order: OrderState | None, was: RequestStatus
) -> None:
    """The exchange never got it: it is sent again while its time is not over.

    At once after the question what became of it; later if the feed gave it back, which it may do again.
    """
    if order is not None and _is_too_late(turn, state, order):
        turn.move(state, Signal.DENY, _said(state, ("Order.Status",)))
        return
    if state.send_before is not None and turn.now >= state.send_before:
        expire(turn, state, order)
        return
    if order is not None and order.status == ORDER_UNKNOWN:
        order = turn.put_order(replace(order, status=ORDER_PENDING), OrderUpdateReason.STATUS)
    if was is RequestStatus.UNKNOWN and turn.is_online(state.route):
        submit(turn, state, order)


def expire(turn: Turn, state: ClientRequestState, order: OrderState | None, code: str = "Timeout") -> None:
    """The time of a request is over that no exchange has."""
    turn.move(state, Signal.EXPIRE, _said(state, (code,)))
    if order is not None and isinstance(state.request.body, OrderNew) and order.status in OWN_STATUSES:
        reject_order(turn, order, (code,), "Expired" if order.status == ORDER_HELD else "Rejected")


def _confirmed(turn: Turn, state: ClientRequestState, order: OrderState | None) -> None:
    """Carried out, so the exchange says; the action that shows it may still be on its way.

    Until it comes an amended order counts as amended, and a moved one as moved: what is reserved must not
    fall back in between.
    """
    request = state.request
    if order is None or order.is_completed:
        return
    if isinstance(request.body, OrderMove):
        if order.account == request.body.prev_account:
            turn.move_order(replace(order, request_id=request.request_id), request.account)
    elif isinstance(request.body, OrderAmend) and order.request_id != request.request_id:
        wanted = amended_by(turn, order, request)
        if wanted is not None:
            turn.put_order(wanted, OrderUpdateReason.REPLACE)
    elif isinstance(request.body, OrderNew) and order.status == ORDER_UNKNOWN:
        turn.put_order(replace(order, status=ORDER_PENDING), OrderUpdateReason.STATUS)


def _show(turn: Turn, state: ClientRequestState, order: OrderState | None) -> None:
    """The order of a new request shows whether that is known."""
    if order is None or not isinstance(state.request.body, OrderNew):
        return
    status = ORDER_UNKNOWN if state.status is RequestStatus.UNKNOWN else ORDER_PENDING
    if order.status in (ORDER_PENDING, ORDER_UNKNOWN) and order.status != status:
        turn.put_order(replace(order, status=status), OrderUpdateReason.STATUS)


def _follow_order(
    turn: Turn, update: OrderUpdated | OrderTraded | OrderReplaced, place: tuple[str, int]
) -> Outcome:
    said = update.order
    source = said.account
    reason = OrderUpdateReason.RESTATED
    if not isinstance(update, OrderReplaced):
        reason = update.update.reason
        source = update.update.previous_account or said.account
    known = turn.order(source, said.order_id) or turn.order(said.account, said.order_id)
    order = _overlaid(turn, known, said) if known is not None else _in_its_currency(turn, said)
    if isinstance(update, OrderTraded):
        trade = _charged(turn, known, order, update.trade)
        order = _with_charges(turn, known, order, update.trade, trade)
        told: AnyUpdate = replace(update, order=order, trade=trade)
    else:
        told = replace(update, order=order)
    order = _retained(turn, order)
    told = replace(told, order=order)
    wrong = check(told, turn.state)
    if wrong is not None:
        return _refuse(turn, update, wrong, place)
    turn.emit(told, *place)
    turn.draft_order(order)
    _prove(turn, source, order, reason)
    return turn.accepted()


def _overlaid(turn: Turn, known: OrderState, said: OrderState) -> OrderState:
    """What the exchange says of an order, over what only the hub knows of it.

    An exchange may know only buyers and sellers: a short sale stays one. Another side is for the rules to
    refuse. The code of a symbol changes for all its orders and holdings together, by its rename; until then,
    or where one market is behind another, an order keeps the one that it has.
    """
    request = turn.request(said.account, said.request_id) if said.request_id else None
    if (
        request is not None
        and isinstance(request.request.body, OrderAmend)
        and known.request_id != said.request_id
    ):
        known = amended_by(turn, known, request.request) or known
    values = {name: value for name, value in said.values.items() if name not in OF_THE_HUB}
    return replace(
        said,
        code=known.code if known.exchange == said.exchange else said.code,
        side=known.side if is_buy(known.side) is is_buy(said.side) else said.side,
        currency=said.currency or known.currency,
        external_id=said.external_id or known.external_id,
        request_id=said.request_id or known.request_id,
        ex_destination=said.ex_destination or known.ex_destination,
        group=said.group or known.group,
        cfi_code=said.cfi_code or known.cfi_code,
        additional_funds=said.additional_funds or known.additional_funds,
        values=known.values | values,
        properties=known.properties | said.properties,
        ids=said.ids or known.ids,
        fee_codes=said.fee_codes or known.fee_codes,
        created=known.created,
        timestamp=turn.now,
        executed_additional_funds=said.executed_additional_funds or known.executed_additional_funds,
        remove_after=said.remove_after if said.remove_after is not None else known.remove_after,
    )


def _in_its_currency(turn: Turn, said: OrderState) -> OrderState:
    """An order that only the exchange knew: where it does not say its currency, that of its symbol."""
    symbol = None if said.currency else turn.reference.symbol(said.exchange, said.code)
    return said if symbol is None else replace(said, currency=symbol.currency)


def _charged(turn: Turn, known: OrderState | None, order: OrderState, trade: OrderTrade) -> OrderTrade:
    """The trade with the fees that the schedule says; those that its feed says come first.

    The fees of an order are those of what it traded in all, so each trade bears what is new of them.
    """
    if trade.additional_funds or known is None or trade.type is OrderTradeType.CANCEL:
        return trade
    schedule = order.properties.get(BROKERAGE_SCHEDULE, "")
    charged = dict(known.executed_additional_funds)
    before = turn.state.trades.get(known.account, {}).get(known.order_id, {}).get(trade.trade_id)
    if before is not None:
        for name, fee in before.trade.additional_funds.items():
            charged[name] = charged.get(name, 0) - fee
    due = turn.around.fees.fees(schedule, order.executed_value)
    new = {name: due.get(name, 0) - charged.get(name, 0) for name in due | charged}
    return replace(trade, additional_funds={name: fee for name, fee in new.items() if fee})


def _with_charges(
    turn: Turn, known: OrderState | None, order: OrderState, said: OrderTrade, trade: OrderTrade
) -> OrderState:
    if known is None or said.additional_funds:
        return order
    charged = dict(known.executed_additional_funds)
    before = turn.state.trades.get(known.account, {}).get(known.order_id, {}).get(trade.trade_id)
    for name, fee in (before.trade.additional_funds if before is not None else {}).items():
        charged[name] = charged.get(name, 0) - fee
    if trade.type is not OrderTradeType.CANCEL:
        for name, fee in trade.additional_funds.items():
            charged[name] = charged.get(name, 0) + fee
    return replace(order, executed_additional_funds={name: fee for name, fee in charged.items() if fee})


def _retained(turn: Turn, order: OrderState) -> OrderState:
    if order.is_completed and order.remove_after is None:
        return replace(order, remove_after=turn.reference.next_day_end(order.exchange, turn.now))
    return order


def _prove(turn: Turn, source: Account, order: OrderState, reason: OrderUpdateReason) -> None:
    """Requests of which this action is evidence."""
    linked = turn.requests_of(source, order.order_id)
    if order.account != source:
        there = turn.requests_of(order.account, order.order_id)
        linked += [each for each in there if each not in linked]
    for state in linked:
        named = state.request.request_id == order.request_id
        is_new = isinstance(state.request.body, OrderNew)
        if reason is OrderUpdateReason.REJECTED and (named or is_new):
            _decide(turn, state, Signal.DENY, order.errors)
        elif named or is_new:
            _decide(turn, state, Signal.CONFIRM, ())
        elif state.status is not RequestStatus.SUBMITTED and _is_too_late(turn, state, order):
            _decide(turn, state, Signal.DENY, ("Order.Status",))


def _is_too_late(turn: Turn, state: ClientRequestState, order: OrderState) -> bool:
    """Whether the order is over for what the request would do: some can be moved all the same."""
    if not order.is_completed or isinstance(state.request.body, OrderNew):
        return False
    allowed = turn.status_of(order)
    return not (isinstance(state.request.body, OrderMove) and allowed is not None and allowed.can_move)


def _decide(turn: Turn, state: ClientRequestState, signal: Signal, errors: tuple[str, ...]) -> None:
    turn.move(state, signal, _said(state, errors))


def _said(state: ClientRequestState, errors: tuple[str, ...]) -> ClientRequestUpdate:
    request = state.request
    return ClientRequestUpdate(request_id=request.request_id, account=request.account, errors=errors)


def _refuse(turn: Turn, update: AnyUpdate, reason: str, place: tuple[str, int]) -> Outcome:
    refused = encode_updates([Kept(time=turn.now, update=update, feed=place[0], sequence=place[1])])
    turn.emit(FeedRefused(reason=reason, refused=refused), *place)
    return turn.accepted()
