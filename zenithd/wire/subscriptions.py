"""The subscriptions of one connection (zenith-websocket 1.4.2): references, order, expiry, revocation.

A subscription is keyed by controller and by the topic *as the client wrote it*: `Depth!XS01.XSX` and
`Depth!XS01.XSX[]` are one market but two subscriptions, because data must come under the spelling that the
client used, with its own references. Subs and Unsubs of one topic take effect strictly in the order sent;
while the connection works on one, the later ones of that topic wait here.

The stages and what ends them are the table `NEXT`; the stages which a Sub leads to are `WANTED`.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from sys import intern
from typing import Any

import msgspec

from zenithd.authority.access import NOBODY, Access
from zenithd.wire import container
from zenithd.wire.answer import Refusal
from zenithd.wire.commands import Cancel, Command, Revalidate, Send, Subscribe, Unsubscribe
from zenithd.wire.errors import AUTHORITY, FAULT, LIMITED, OPERATION_TIMEOUT
from zenithd.wire.settings import SessionSettings
from zenithd.wire.tickets import Tickets
from zenithd.wire.timeouts import Timeouts
from zenithd.wire.topics import Rule

Key = tuple[str, str]
"""Controller and topic as sent."""


class Stage(enum.Enum):
    """Where a subscription is. Busy stages wait for the connection to call `finished`."""

    GONE = "not held"
    OPENING = "first Sub is being worked on"
    LIVE = "data flows"
    REPEATING = "live, and another Sub gets its snapshot"
    CHECKING = "live, and new rights are being tried"
    SUSPENDED = "access has expired; remembered without data"
    REOPENING = "suspended, and another Sub is being worked on"
    RESUMING = "access is back; being opened again"


class Outcome(enum.Enum):
    """What ends a stage."""

    GRANTED = "the connection has done it"
    REFUSED = "the controller refused"
    LATE = "its time-out has passed"
    EXPIRED = "access has expired"
    ENDED = "the daemon ends it: right revoked, resource lost"


BUSY = frozenset({Stage.OPENING, Stage.REPEATING, Stage.CHECKING, Stage.REOPENING, Stage.RESUMING})
ASKED = frozenset({Stage.OPENING, Stage.REPEATING, Stage.REOPENING})
"""Busy with a Sub of the client, which is owed an outcome."""
IDLE = frozenset({Stage.GONE, Stage.SUSPENDED})
"""The connection is not registered for the topic."""

WANTED = {
    Stage.GONE: Stage.OPENING,
    Stage.LIVE: Stage.REPEATING,
    Stage.SUSPENDED: Stage.REOPENING,
}

NEXT: dict[Stage, dict[Outcome, Stage]] = {
    Stage.OPENING: {
        Outcome.GRANTED: Stage.LIVE,
        Outcome.REFUSED: Stage.GONE,
        Outcome.LATE: Stage.GONE,
        Outcome.EXPIRED: Stage.GONE,
        Outcome.ENDED: Stage.GONE,
    },
    Stage.LIVE: {
        Outcome.EXPIRED: Stage.SUSPENDED,
        Outcome.ENDED: Stage.GONE,
    },
    Stage.REPEATING: {
        Outcome.GRANTED: Stage.LIVE,
        Outcome.REFUSED: Stage.LIVE,
        Outcome.LATE: Stage.LIVE,
        Outcome.EXPIRED: Stage.SUSPENDED,
        Outcome.ENDED: Stage.GONE,
    },
    Stage.CHECKING: {
        Outcome.GRANTED: Stage.LIVE,
        Outcome.REFUSED: Stage.GONE,
        Outcome.LATE: Stage.GONE,
        Outcome.EXPIRED: Stage.SUSPENDED,
        Outcome.ENDED: Stage.GONE,
    },
    Stage.SUSPENDED: {
        Outcome.EXPIRED: Stage.SUSPENDED,
        Outcome.ENDED: Stage.GONE,
    },
    Stage.REOPENING: {
        Outcome.GRANTED: Stage.LIVE,
        Outcome.REFUSED: Stage.SUSPENDED,
        Outcome.LATE: Stage.SUSPENDED,
        Outcome.EXPIRED: Stage.SUSPENDED,
        Outcome.ENDED: Stage.GONE,
    },
    Stage.RESUMING: {
        Outcome.GRANTED: Stage.LIVE,
        Outcome.REFUSED: Stage.GONE,
        Outcome.LATE: Stage.GONE,
        Outcome.EXPIRED: Stage.SUSPENDED,
        Outcome.ENDED: Stage.GONE,
    },
}


class Step(msgspec.Struct, frozen=True, gc=False):
    """A Sub or Unsub that waits for an earlier one of its topic."""

    is_sub: bool
    confirm: bool


class Subscription(msgspec.Struct):
    """One topic that is held, or being worked on."""

    rule: Rule
    topic: str
    argument: str | None
    stage: Stage = Stage.GONE
    references: int = 0
    ticket: int = 0
    """Of the work under way; 0 without."""
    confirm: bool = False
    """Whether the Sub that is being worked on asked for a confirmation."""
    recheck: bool = False
    """Rights changed while it was busy: check again when it is done."""
    waiting: deque[Step] | None = None
    """Made when something waits: an empty one is larger than all the rest of a subscription."""

    @property
    def key(self) -> Key:
        """Controller and topic as sent."""
        return self.rule.controller, self.topic


def may_use(rule: Rule, access: Access) -> bool:
    """True if the topic needs no right or the right is there."""
    return rule.scope is None or rule.scope in access.scopes


def failed(controller: str, topic: str, reasons: tuple[str, ...], confirm: bool) -> list[Command]:
    """What a Sub that failed is told: Errors, and the outcome if it asked for one and named a topic."""
    commands: list[Command] = [Send(container.error(controller, topic, reason)) for reason in reasons]
    if confirm and topic:
        commands.append(Send(container.not_subscribed(controller, topic, reasons)))
    return commands


class Subscriptions:
    """All subscriptions of one connection. Every method returns what the connection has to do."""

    __slots__ = (
        "_access",
        "_held",
        "_own",
        "_own_payload",
        "_settings",
        "_tickets",
        "_timeouts",
        "_working",
        "references",
        "waiting",
    )

    def __init__(
        self,
        settings: SessionSettings,
        tickets: Tickets,
        timeouts: Timeouts,
        own: Key,
        own_payload: Callable[[float], Any],
    ) -> None:
        """`own`: the topic that the session serves itself; `own_payload` makes its payload at a time."""
        self._settings = settings
        self._tickets = tickets
        self._timeouts = timeouts
        self._own = own
        self._own_payload = own_payload
        self._access = NOBODY
        self._held: dict[Key, Subscription] = {}
        self._working: dict[int, Subscription] = {}
        self.references = 0
        """Of all topics, and of Subs being worked on."""
        self.waiting = 0
        """Subs and Unsubs that wait for an earlier one."""

    def use(self, settings: SessionSettings) -> None:
        """Take changed limits over."""
        self._settings = settings

    def holds(self, controller: str, topic: str) -> bool:
        """True if at least one Sub of the topic is in effect."""
        held = self._held.get((controller, topic))
        return held is not None and held.references > 0

    def __len__(self) -> int:
        return len(self._held)

    def subscribe(
        self, rule: Rule, topic: str, argument: str | None, confirm: bool, now: float
    ) -> list[Command]:
        """A Sub of a topic that exists."""
        held = self._held.get((rule.controller, topic))
        if held is None:
            held = Subscription(rule, intern(topic), None if argument is None else intern(argument))
        elif held.stage in BUSY:
            if self.waiting >= self._settings.messages_waiting_max:
                return failed(rule.controller, topic, (LIMITED,), confirm)
            return self._wait(held, Step(True, confirm))
        return self._start(held, confirm, now)

    def unsubscribe(self, controller: str, topic: str, confirm: bool, now: float) -> list[Command]:
        """An Unsub; always succeeds, whatever the topic."""
        held = self._held.get((controller, topic))
        if held is not None and held.stage in BUSY:
            return self._wait(held, Step(False, confirm))
        commands = [] if held is None else self._drop(held)
        if confirm:
            commands.append(Send(container.unsubscribed(controller, topic)))
        return commands

    def finished(self, ticket: int, refusal: Refusal | None, now: float) -> list[Command]:
        """The connection has done a Subscribe or Revalidate, or its controller refused."""
        held = self._working.get(ticket)
        if held is None:
            return []
        if refusal is None:
            return self._advance(held, Outcome.GRANTED, (), now)
        return self._advance(held, Outcome.REFUSED, refusal.errors or (FAULT,), now)

    def timed_out(self, ticket: int, now: float) -> list[Command]:
        """A deadline has passed; not every ticket is one of these."""
        held = self._working.get(ticket)
        return [] if held is None else self._advance(held, Outcome.LATE, (OPERATION_TIMEOUT,), now)

    def end(self, controller: str, topic: str, reasons: tuple[str, ...], now: float) -> list[Command]:
        """The daemon ends a subscription, all references."""
        held = self._held.get((controller, topic))
        return [] if held is None else self._advance(held, Outcome.ENDED, reasons, now)

    def suspend(self, now: float) -> list[Command]:
        """Access has expired: data stops, what is held is remembered."""
        self._access = NOBODY
        commands: list[Command] = []
        for held in [held for key, held in self._held.items() if key != self._own]:
            commands += self._advance(held, Outcome.EXPIRED, (AUTHORITY,), now)
        return commands

    def change_access(self, access: Access, now: float) -> list[Command]:
        """A login or a change of rights: keep what is permitted, end the rest, resume what was suspended."""
        self._access = access
        commands: list[Command] = []
        for held in [held for key, held in self._held.items() if key != self._own]:
            if not may_use(held.rule, access):
                commands += self._advance(held, Outcome.ENDED, (AUTHORITY,), now)
            elif held.stage is Stage.SUSPENDED:
                held.stage = Stage.RESUMING
                commands += self._open(held, now)
            elif held.stage is Stage.LIVE:
                commands += self._check(held, now)
            else:
                held.recheck = True
        return commands

    def publish_own(self, now: float) -> list[Command]:
        """Send the payload of the session's own topic, if it is held."""
        if not self.holds(*self._own):
            return []
        return [Send(container.data_message(*self._own, self._own_payload(now)))]

    def _wait(self, held: Subscription, step: Step) -> list[Command]:
        if held.waiting is None:
            held.waiting = deque()
        held.waiting.append(step)
        self.waiting += 1
        return []

    def _start(self, held: Subscription, confirm: bool, now: float) -> list[Command]:
        """Begin a Sub on a subscription that is not busy."""
        controller, topic = held.key
        if not may_use(held.rule, self._access):
            return failed(controller, topic, (AUTHORITY,), confirm)
        if self.references >= self._settings.subscriptions_max:
            return failed(controller, topic, (LIMITED,), confirm)
        self.references += 1
        self._held[held.key] = held
        held.stage = WANTED[held.stage]
        held.confirm = confirm
        return self._open(held, now)

    def _open(self, held: Subscription, now: float) -> list[Command]:
        if held.key == self._own:
            snapshot = Send(container.data_message(*held.key, self._own_payload(now)))
            return [snapshot, *self._advance(held, Outcome.GRANTED, (), now)]
        seconds = self._issue(held, now)
        return [
            Subscribe(
                held.ticket,
                held.rule,
                held.topic,
                held.argument,
                self._access,
                held.stage is Stage.REPEATING,
                seconds,
            )
        ]

    def _check(self, held: Subscription, now: float) -> list[Command]:
        held.stage = Stage.CHECKING
        seconds = self._issue(held, now)
        return [Revalidate(held.ticket, held.rule, held.topic, held.argument, self._access, seconds)]

    def _issue(self, held: Subscription, now: float) -> float:
        seconds = self._timeouts.subscription(held.rule.controller)
        held.ticket = self._tickets.issue(now + seconds)
        self._working[held.ticket] = held
        return seconds

    def _advance(
        self, held: Subscription, outcome: Outcome, reasons: tuple[str, ...], now: float
    ) -> list[Command]:
        """Leave the stage; then do what has waited for that."""
        stage, following = held.stage, NEXT[held.stage][outcome]
        commands: list[Command] = []
        if held.ticket:
            self._working.pop(held.ticket, None)
            if not self._working:
                self._working = {}  # one that was used keeps its room
            self._tickets.close(held.ticket)
            if outcome is Outcome.LATE and following is Stage.LIVE:
                commands.append(Cancel(held.ticket))
            held.ticket = 0
        opened_by_nobody = outcome is Outcome.REFUSED and stage is not Stage.CHECKING
        if following in IDLE and stage not in IDLE and not opened_by_nobody:
            commands.append(Unsubscribe(*held.key))
        if stage in ASKED:
            commands += self._settle(held, outcome, reasons)
        if following is Stage.GONE:
            commands += self._farewell(held, stage, reasons)
        held.stage = following
        again, held.recheck = held.recheck and outcome is not Outcome.EXPIRED, False
        if again and following is Stage.LIVE:
            return commands + self._check(held, now)
        if again and following is Stage.SUSPENDED:
            held.stage = Stage.RESUMING
            return commands + self._open(held, now)
        return commands + self._drain(held, now)

    def _settle(self, held: Subscription, outcome: Outcome, reasons: tuple[str, ...]) -> list[Command]:
        """Tell the outcome of the Sub that was being worked on."""
        if outcome is not Outcome.GRANTED:
            self.references -= 1
            return failed(*held.key, reasons, held.confirm)
        held.references += 1
        return [Send(container.subscribed(*held.key))] if held.confirm else []

    def _farewell(self, held: Subscription, stage: Stage, reasons: tuple[str, ...]) -> list[Command]:
        """End every reference; after an expiry the client is told the Error first."""
        commands: list[Command] = []
        if stage in (Stage.SUSPENDED, Stage.REOPENING, Stage.RESUMING):
            commands += [Send(container.error(*held.key, reason)) for reason in reasons]
        if held.references:
            commands += [Send(container.ended(*held.key, reasons))] * held.references
        self.references -= held.references
        held.references = 0
        self._held.pop(held.key, None)
        return commands

    def _drain(self, held: Subscription, now: float) -> list[Command]:
        """Do what has waited, until something takes time again."""
        commands: list[Command] = []
        while held.waiting and held.stage not in BUSY:
            step = held.waiting.popleft()
            self.waiting -= 1
            if step.is_sub:
                commands += self._start(held, step.confirm, now)
                continue
            commands += self._drop(held)
            if step.confirm:
                commands.append(Send(container.unsubscribed(*held.key)))
        if not held.waiting:
            held.waiting = None
        return commands

    def _drop(self, held: Subscription) -> list[Command]:
        """Take one reference away from a subscription that is not busy."""
        if not held.references:
            return []
        held.references -= 1
        self.references -= 1
        if held.references:
            return []
        del self._held[held.key]
        live = held.stage is Stage.LIVE and held.key != self._own
        held.stage = Stage.GONE
        return [Unsubscribe(*held.key)] if live else []
