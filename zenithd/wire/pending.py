"""The requests of one connection (zenith-websocket 1.4.1, 6.4): pending ones, time-outs, Cancel, answers."""

from __future__ import annotations

from typing import Any

import msgspec

from zenithd.authority.access import Access
from zenithd.wire import container
from zenithd.wire.answer import ABSENT, Answer
from zenithd.wire.commands import Cancel, Command, Query, Send
from zenithd.wire.container import Message, Transaction
from zenithd.wire.errors import (
    AUTHORITY,
    LIMITED,
    OPERATION_ABORT,
    OPERATION_TIMEOUT,
    OPERATION_UNKNOWN,
    base_code,
)
from zenithd.wire.identity import REJECTED
from zenithd.wire.settings import SessionSettings
from zenithd.wire.tickets import Tickets
from zenithd.wire.timeouts import Timeouts
from zenithd.wire.topics import Empty, Rule

REQUEST_ID_LENGTH_MAX = 100
"""Longest RequestID that is echoed in the result of a refused order request."""

CONNECTION = "Connection"
"""An order error (4.E): the right is there, the connection is not secure enough for it."""

_ORDER_ERRORS = {
    LIMITED: "Retry",
    OPERATION_ABORT: "Submitted",
    OPERATION_TIMEOUT: "Submitted",
    OPERATION_UNKNOWN: "Operation",
    AUTHORITY: "Authority",
    CONNECTION: "Connection",
}
"""Order errors (4.E) for action errors (4.D). An order request that was given up may have worked."""

_SAFE: dict[Empty, Any] = {
    Empty.ABSENT: ABSENT,
    Empty.NULL: None,
    Empty.LIST: [],
    Empty.OBJECT: {},
}


class _Pending(msgspec.Struct, frozen=True, gc=False):
    """A request that is being answered."""

    rule: Rule
    message: Message


class PendingRequests:
    """All requests of one connection that wait for an answer. Methods return what is to be done."""

    __slots__ = (
        "_by_transaction",
        "_pending",
        "_pending_max",
        "_tickets",
        "_timeouts",
    )

    def __init__(self, settings: SessionSettings, tickets: Tickets, timeouts: Timeouts) -> None:
        self._pending_max = settings.requests_pending_max
        self._tickets = tickets
        self._timeouts = timeouts
        self._pending: dict[int, _Pending] = {}
        self._by_transaction: dict[Transaction, dict[int, None]] = {}

    def use(self, settings: SessionSettings) -> None:
        """Take changed limits over."""
        self._pending_max = settings.requests_pending_max

    def __len__(self) -> int:
        return len(self._pending)

    def start(self, rule: Rule, message: Message, access: Access, now: float) -> list[Command]:
        """A request that may be made."""
        if len(self._pending) >= self._pending_max:
            return self.answer(rule, message, Answer(errors=(LIMITED,)))
        seconds = self._timeouts.action(message.controller)
        ticket = self._tickets.issue(now + seconds)
        self._pending[ticket] = _Pending(rule, message)
        if message.transaction is not None:
            self._by_transaction.setdefault(message.transaction, {})[ticket] = None
        return [Query(ticket, rule, message.data, access, seconds)]

    def finished(self, ticket: int, answer: Answer) -> list[Command]:
        """The connection has an answer; an answer to a request that is over is dropped."""
        pending = self._take(ticket)
        return [] if pending is None else self.answer(pending.rule, pending.message, answer)

    def timed_out(self, ticket: int) -> list[Command]:
        """A deadline has passed; not every ticket is one of these."""
        return self._give_up(ticket, OPERATION_TIMEOUT)

    def cancel(self, transaction: Transaction) -> list[Command]:
        """Abort every pending request with that id. An order request goes on: orders are not recalled so."""
        commands: list[Command] = []
        for ticket in list(self._by_transaction.get(transaction, ())):
            if self._pending[ticket].rule.empty is not Empty.ORDER_RESULT:
                commands += self._give_up(ticket, OPERATION_ABORT)
        return commands

    def abort(self) -> list[Command]:
        """The connection is being closed: every pending request is told so."""
        commands: list[Command] = []
        for ticket in list(self._pending):
            commands += self._give_up(ticket, OPERATION_ABORT)
        return commands

    def _give_up(self, ticket: int, code: str) -> list[Command]:
        pending = self._take(ticket)
        if pending is None:
            return []
        return [Cancel(ticket), *self.answer(pending.rule, pending.message, Answer(errors=(code,)))]

    def _take(self, ticket: int) -> _Pending | None:
        pending = self._pending.pop(ticket, None)
        if pending is None:
            return None
        self._tickets.close(ticket)
        transaction = pending.message.transaction
        if transaction is not None:
            same = self._by_transaction[transaction]
            del same[ticket]
            if not same:
                del self._by_transaction[transaction]
        return pending

    def answer(self, rule: Rule | None, message: Message, answer: Answer) -> list[Command]:
        """The messages that answer a request: its errors, then its reply.

        `rule` is None for a topic that does not exist. A request without TransactionID is only made if a
        subscription of the same name is held; its result is data of that subscription.
        """
        empty = Empty.ABSENT if rule is None else rule.empty
        if not answer.errors:
            return self._reply(message, answer.data)
        if empty is Empty.ORDER_RESULT:
            return self._reply(message, self._refused_order(message, answer.errors))
        if empty is Empty.LOGIN_RESULT:
            return self._reply(message, REJECTED)
        commands: list[Command] = [
            Send(container.error(message.controller, message.topic, code, message.transaction))
            for code in answer.errors
        ]
        if message.transaction is None or empty is Empty.NO_REPLY:
            return commands
        data = answer.data
        if data is ABSENT or (data is None and empty is not Empty.ABSENT):
            data = _SAFE[empty]
        return commands + self._reply(message, data)

    def _reply(self, message: Message, data: Any) -> list[Command]:
        controller, topic, transaction = message.controller, message.topic, message.transaction
        if transaction is not None:
            return [Send(container.reply(controller, topic, transaction, data))]
        return [] if data is ABSENT else [Send(container.data_message(controller, topic, data))]

    def _refused_order(self, message: Message, errors: tuple[str, ...]) -> dict[str, Any]:
        """OrderResult of a request that went nowhere; real clients break on an Error to it."""
        asked = message.data.get("RequestID") if isinstance(message.data, dict) else None
        if not isinstance(asked, str) or not 0 < len(asked) <= REQUEST_ID_LENGTH_MAX:
            asked = f"{self._tickets.number():022}"
        codes = [_ORDER_ERRORS.get(base_code(code), code) for code in errors]
        return {"Result": "Rejected", "RequestID": asked, "Errors": codes}
