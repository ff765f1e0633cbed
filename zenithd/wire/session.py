"""The protocol of one connection without its socket: events in, commands out (zenith-websocket 1, 2, 6).

The connection calls a method for everything that happens and executes the commands it returns, in order
(`commands` tells how). `now` is always monotonic seconds. Nothing here blocks, and no message of a client
makes a method raise.

How a connection drives a session::

    commands = session.receive(message, now)         # a WebSocket message
    ...                                              # execute them; callbacks return more, put behind
    while session.ready:                             # messages that waited for a login
        commands = session.proceed(now)
    commands = session.tick(now)                     # at session.next_deadline()

Messages take effect in the order sent. While a login is checked, later messages wait (their size and number
are bounded) and are taken one by one with `proceed`, so that ten thousand of them need not hold up other
connections. Answers to requests may come in any order.

Payloads of subscriptions never pass through here: `Subscribe` makes the connection write the snapshot, and
`subscribed` makes the session confirm it.

Decisions (the specification leaves them open):

* A request is looked at in this order: rate limit, topic exists, right, controller served, TransactionID
  (or a subscription of the same name) given, pending limit. A request that nobody would hear is not
  executed.
* Topics that log in and order requests never get an Error, because real clients break on it: the reason
  stands in the result (`Rejected`).
* A login that is rejected leaves an earlier login of the connection as it is.
* When access has expired, every subscription but `Identify` is suspended, those without a permission too:
  what they show depends on the user.
* `Configure` works on every controller, served or not.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import msgspec

from zenithd.authority.access import Access
from zenithd.wire import container
from zenithd.wire.answer import Answer, Refusal
from zenithd.wire.codec import Codec, MalformedMessage
from zenithd.wire.commands import Cancel, CheckLogin, Close, Command, Login, LoginKind, LoginRequest, Send
from zenithd.wire.container import Action, Message
from zenithd.wire.errors import (
    AUTHORITY,
    CONTROLLER,
    LIMITED,
    OPERATION_NO_RESULT,
    OPERATION_TIMEOUT,
    OPERATION_UNKNOWN,
    CloseCode,
    with_suffix,
)
from zenithd.wire.identity import REJECTED, Identity, InvalidLogin, parse_login
from zenithd.wire.pending import CONNECTION, PendingRequests
from zenithd.wire.settings import SessionSettings, Transport
from zenithd.wire.subscriptions import Subscriptions, failed, may_use
from zenithd.wire.tickets import Tickets
from zenithd.wire.timeouts import Timeouts
from zenithd.wire.topics import Empty, Kind, Rule
from zenithd.wire.waiting import Waiting

IDENTIFY = ("Auth", "Identify")
CLOSE_REASON_LENGTH_MAX = 100
"""A close frame holds 123 bytes of reason."""


class _Checking(msgspec.Struct, frozen=True):
    """A login that is being checked."""

    ticket: int
    rule: Rule
    message: Message
    request: LoginRequest


class Session:
    """One connection's protocol state."""

    __slots__ = (
        "_admit",
        "_checking",
        "_codec",
        "_identity",
        "_requests",
        "_settings",
        "_subscriptions",
        "_tickets",
        "_timeouts",
        "_waiting",
        "closed",
    )

    def __init__(
        self,
        codec: Codec,
        settings: SessionSettings,
        transport: Transport,
        admit: Callable[[float], bool],
        login: Login | None = None,
        now: float = 0.0,
    ) -> None:
        """`admit(now)` counts a request and says whether the rate limit allows it.

        `login` is one that the Authorization header of the handshake brought; `now` is needed with it.
        """
        self._codec = codec
        self._settings = settings
        self._admit = admit
        self._identity = Identity(settings, transport)
        self._tickets = Tickets()
        self._timeouts = Timeouts(settings)
        self._requests = PendingRequests(settings, self._tickets, self._timeouts)
        self._subscriptions = Subscriptions(
            settings, self._tickets, self._timeouts, IDENTIFY, self._identity.result
        )
        self._checking: _Checking | None = None
        self._waiting = Waiting(settings.messages_waiting_max, settings.bytes_waiting_max)
        self.closed = False
        """True after a Close command; every event is then answered with nothing."""
        if login is not None:
            self._identity.enter(login, None, now)
            self._subscriptions.change_access(self.access, now)

    @property
    def access(self) -> Access:
        """What the connection may do now: the user's rights within those of token and transport."""
        return self._identity.access

    @property
    def access_token(self) -> str:
        """The token that the connection is logged in with, "" without one: it may be withdrawn."""
        return self._identity.token

    @property
    def ready(self) -> bool:
        """True if a message that waited can be taken now with `proceed`."""
        return bool(self._waiting) and self._checking is None and not self.closed

    @property
    def subscriptions_held(self) -> int:
        """Topics that are held or being opened."""
        return len(self._subscriptions)

    @property
    def requests_pending(self) -> int:
        """Requests that are being answered."""
        return len(self._requests)

    def use(self, settings: SessionSettings) -> None:
        """Take changed limits and default time-outs over; what was admitted before stays.

        What the transport lets the user do counts from the next `access_changed` on.
        """
        self._settings = settings
        self._identity.use(settings)
        self._requests.use(settings)
        self._subscriptions.use(settings)
        self._timeouts.use(settings)

    def next_deadline(self) -> float | None:
        """When `tick` must be called at the latest, None for never."""
        deadline = self._tickets.next_deadline()
        expires = self._identity.expires
        return min(expires, deadline) if deadline is not None else None if expires == inf else expires

    # ------------------------------------------------------------------ events

    def receive(self, message: bytes | str, now: float) -> list[Command]:
        """The client has sent a message."""
        if self.closed:
            return []
        if now >= self._identity.expires:
            return self._expire(now) + self.receive(message, now)
        if self._checking is not None or self._waiting:
            return self._wait(message)
        return self._take(message, now)

    def proceed(self, now: float) -> list[Command]:
        """Take the oldest message that waited for a login; nothing if none can be taken."""
        if not self.ready:
            return []
        expired = self._expire(now) if now >= self._identity.expires else []
        return expired + self._take(self._waiting.take(), now)

    def login_finished(self, ticket: int, login: Login | None, now: float) -> list[Command]:
        """Credentials were checked; None: rejected."""
        checking = self._checking
        if self.closed or checking is None or checking.ticket != ticket:
            return []
        self._checking = None
        self._tickets.close(ticket)
        if login is None:
            return self._requests.answer(checking.rule, checking.message, Answer(REJECTED))
        was_granted = self.access
        self._identity.enter(login, checking.request.scopes, now)
        result = Answer(self._identity.result(now))
        commands = self._requests.answer(checking.rule, checking.message, result)
        return commands + self._access_moved(was_granted, now)

    def query_finished(self, ticket: int, answer: Answer, now: float) -> list[Command]:
        """A controller has answered a Query."""
        return [] if self.closed else self._requests.finished(ticket, answer)

    def subscribed(self, ticket: int, refusal: Refusal | None, now: float) -> list[Command]:
        """A Subscribe or Revalidate was done (the snapshot is written), or refused."""
        return [] if self.closed else self._subscriptions.finished(ticket, refusal, now)

    def access_changed(self, access: Access | None, now: float) -> list[Command]:
        """The rights of the logged-in user changed; None: the user may no longer be here at all."""
        if self.closed or not self._identity.known:
            return []
        was_granted = self.access
        if access is None:
            self._identity.leave()
        else:
            self._identity.change(access)
        if self.access == was_granted:
            return []
        return self._access_moved(was_granted, now)

    def end_subscription(
        self, controller: str, topic: str, reasons: tuple[str, ...], now: float
    ) -> list[Command]:
        """The daemon ends a subscription: its instrument is gone, another connection took the resource."""
        return [] if self.closed else self._subscriptions.end(controller, topic, reasons, now)

    def close(self, code: CloseCode, reason: str) -> list[Command]:
        """The daemon ends the connection; requests that are pending are told so first."""
        return [] if self.closed else [*self._requests.abort(), *self._close(code, reason)]

    def tick(self, now: float) -> list[Command]:
        """Time has passed: expire the login, give up what took too long."""
        if self.closed:
            return []
        commands = self._expire(now) if now >= self._identity.expires else []
        for ticket in self._tickets.due(now):
            if self._checking is not None and self._checking.ticket == ticket:
                commands += self._login_timed_out(self._checking)
            else:
                commands += self._requests.timed_out(ticket)
                commands += self._subscriptions.timed_out(ticket, now)
        return commands

    # ------------------------------------------------------------------ messages

    def _take(self, raw: bytes | str, now: float) -> list[Command]:
        try:
            message = container.parse(self._codec.decode(raw))
        except MalformedMessage as error:
            return self._close(CloseCode.DATA_INVALID, str(error))
        return _ACTIONS[message.action](self, message, now)

    def _close(self, code: CloseCode, reason: str) -> list[Command]:
        self.closed = True
        self._waiting.clear()
        plain = reason.encode("ascii", "replace")[:CLOSE_REASON_LENGTH_MAX].decode("ascii")
        return [Close(int(code), plain)]

    def _wait(self, raw: bytes | str) -> list[Command]:
        """Keep a message until the login is checked; what there is no room for is answered at once."""
        if self._waiting.put(raw):
            return []
        try:
            message = container.parse(self._codec.decode(raw))
        except MalformedMessage as error:
            return self._close(CloseCode.DATA_INVALID, str(error))
        if message.action is Action.PUBLISH:
            return self._decline(message, LIMITED)
        if message.action is Action.SUB:
            return failed(message.controller, message.topic, (LIMITED,), message.confirm)
        return self._close(CloseCode.VIOLATES_POLICY, "too many messages while a login is checked")

    def _request(self, message: Message, now: float) -> list[Command]:
        found = self._settings.topics.find(message.controller, message.topic, Kind.QUERY)
        if not self._admit(now):
            return self._decline(message, LIMITED)
        if found is None:
            return self._decline(message, self._unknown(message))
        rule = found[0]
        if not may_use(rule, self.access):
            is_order = rule.empty is Empty.ORDER_RESULT
            withheld = is_order and self._identity.withholds(rule.scope)
            return self._decline(message, CONNECTION if withheld else AUTHORITY)
        own = _OWN.get(rule.topic)
        if own is None and rule.served_by not in self._settings.served:
            return self._decline(message, OPERATION_UNKNOWN)
        if message.transaction is None and not self._subscriptions.holds(message.controller, message.topic):
            return self._decline(message, OPERATION_NO_RESULT)
        if own is not None:
            return own(self, rule, message, now)
        return self._requests.start(rule, message, self.access, now)

    def _decline(self, message: Message, code: str) -> list[Command]:
        found = self._settings.topics.find(message.controller, message.topic, Kind.QUERY)
        rule = None if found is None else found[0]
        if message.transaction is None or not message.topic:
            # There is no reply to put a reason in, not even for topics that otherwise get no Error.
            return [Send(container.error(message.controller, message.topic, code, message.transaction))]
        return self._requests.answer(rule, message, Answer(errors=(code,)))

    def _unknown(self, message: Message) -> str:
        if message.controller in self._settings.topics.controllers:
            return OPERATION_UNKNOWN
        return with_suffix(CONTROLLER, message.controller)

    def _subscribe(self, message: Message, now: float) -> list[Command]:
        found = self._settings.topics.find(message.controller, message.topic, Kind.SUBSCRIPTION)
        if not self._admit(now):
            code = LIMITED
        elif found is None:
            code = self._unknown(message)
        elif not may_use(found[0], self.access):
            code = AUTHORITY
        elif found[0].served_by not in self._settings.served and found[0].controller != "Auth":
            code = OPERATION_UNKNOWN
        else:
            rule, argument = found
            return self._subscriptions.subscribe(rule, message.topic, argument, message.confirm, now)
        return failed(message.controller, message.topic, (code,), message.confirm)

    def _unsubscribe(self, message: Message, now: float) -> list[Command]:
        if not message.topic:
            return [Send(container.error(message.controller, "", OPERATION_UNKNOWN))]
        if self._subscriptions.waiting >= 2 * self._settings.messages_waiting_max:
            # Subs beyond the limit are Limited; an Unsub never is, so a flood of them ends here.
            return self._close(CloseCode.VIOLATES_POLICY, "too many messages for topics that are busy")
        return self._subscriptions.unsubscribe(message.controller, message.topic, message.confirm, now)

    def _cancel(self, message: Message, now: float) -> list[Command]:
        if message.transaction is None:
            return []
        return self._requests.cancel(message.transaction)

    def _ignore(self, message: Message, now: float) -> list[Command]:
        return []

    def _unknown_action(self, message: Message, now: float) -> list[Command]:
        if not self._admit(now):
            return self._decline(message, LIMITED)
        return self._decline(message, OPERATION_UNKNOWN)

    # ------------------------------------------------------------------ own topics

    def _log_in(self, rule: Rule, message: Message, now: float) -> list[Command]:
        try:
            request = parse_login(LoginKind(rule.topic), message.data)
        except InvalidLogin:
            return self._requests.answer(rule, message, Answer(REJECTED))
        ticket = self._tickets.issue(now + self._timeouts.action("Auth"))
        self._checking = _Checking(ticket, rule, message, request)
        return [CheckLogin(ticket, request)]

    def _login_timed_out(self, checking: _Checking) -> list[Command]:
        self._checking = None
        late = Answer(errors=(OPERATION_TIMEOUT,))
        return [Cancel(checking.ticket), *self._requests.answer(checking.rule, checking.message, late)]

    def _query_identify(self, rule: Rule, message: Message, now: float) -> list[Command]:
        return self._requests.answer(rule, message, Answer(self._identity.result(now)))

    def _configure(self, rule: Rule, message: Message, now: float) -> list[Command]:
        answer = self._timeouts.configure(rule.controller, message.data)
        return self._requests.answer(rule, message, answer)

    def _query_configure(self, rule: Rule, message: Message, now: float) -> list[Command]:
        return self._requests.answer(rule, message, self._timeouts.describe(rule.controller))

    # ------------------------------------------------------------------ access

    def _access_moved(self, was_granted: Access, now: float) -> list[Command]:
        """Publish the credentials, and try every subscription with the new rights."""
        commands = self._subscriptions.publish_own(now)
        if self.access == was_granted:
            return commands
        return commands + self._subscriptions.change_access(self.access, now)

    def _expire(self, now: float) -> list[Command]:
        self._identity.leave()
        return self._subscriptions.suspend(now) + self._subscriptions.publish_own(now)


# Unbound methods, shared by all sessions: bound ones in each would make every session a cycle.
_ACTIONS: dict[Action, Callable[[Session, Message, float], list[Command]]] = {
    Action.PUBLISH: Session._request,
    Action.SUB: Session._subscribe,
    Action.UNSUB: Session._unsubscribe,
    Action.CANCEL: Session._cancel,
    Action.ERROR: Session._ignore,
    Action.UNKNOWN: Session._unknown_action,
}
_OWN: dict[str, Callable[[Session, Rule, Message, float], list[Command]]] = {
    "AuthToken": Session._log_in,
    "AuthCode": Session._log_in,
    "AuthOwner": Session._log_in,
    "QueryIdentify": Session._query_identify,
    "Configure": Session._configure,
    "QueryConfigure": Session._query_configure,
}
