"""The order management system as one thing: commands in, outcomes out; updates in, view events out. Pure.

    outcome = oms.handle(command, now)       # decides; changes nothing
    for kept in outcome.kept:
        events += oms.apply(kept)            # the only way to change anything, also at replay
    # keep outcome.kept as one record; then publish events, give outcome.answer, deliver outcome.sends

Whoever owns it applies what one command means before it gives the next: so of the same request many times at
once the first is taken and the others get its answer.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import localcontext
from typing import Any

from zenithd.oms.agenda import Agenda
from zenithd.oms.amending import amend, wanted_by
from zenithd.oms.cancelling import cancel, move, transfer_cash
from zenithd.oms.commands import (
    Accepted,
    Answer,
    Apply,
    Command,
    Define,
    DueKind,
    FallDue,
    FeedAnswer,
    FeedStatus,
    FeedUpdate,
    Outcome,
    Prices,
    Refused,
    Restarted,
    Submit,
    Transact,
)
from zenithd.oms.fields import check_request
from zenithd.oms.following import change_feed, follow, hear, lose
from zenithd.oms.model.directory import ConnectionStatus
from zenithd.oms.model.events import ViewEvent
from zenithd.oms.model.requests import (
    ClientCashTransfer,
    ClientQueueReplace,
    ClientQueueUpdate,
    ClientRequest,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
)
from zenithd.oms.model.updates import FeedChanged, Kept
from zenithd.oms.numbers import EXACT
from zenithd.oms.operating import apply, define, fall_due, transact
from zenithd.oms.placing import place
from zenithd.oms.proposing import answer_of, refused
from zenithd.oms.queues import replace_queued, update_queued
from zenithd.oms.refusals import Faults, Result
from zenithd.oms.state import OmsState
from zenithd.oms.state.finished import request_digest
from zenithd.oms.triggering import move_prices
from zenithd.oms.turn import Surroundings, Turn, replace

_BODIES: dict[type, Callable[[Turn, Submit, Any], Outcome]] = {
    OrderNew: place,
    OrderAmend: amend,
    OrderCancel: cancel,
    OrderMove: move,
    ClientCashTransfer: transfer_cash,
    ClientQueueUpdate: update_queued,
    ClientQueueReplace: replace_queued,
}


class Oms:
    """Decisions over one state.

    Attributes:
        state: for others to read.
    """

    def __init__(self, around: Surroundings, state: OmsState | None = None) -> None:
        self.state = state if state is not None else OmsState()
        self._around = around
        self._agenda = Agenda(self.state, around.rules)
        self._handlers: dict[type, Callable[[Turn, Any], Outcome]] = {
            Submit: self._submit,
            FeedUpdate: follow,
            FeedAnswer: hear,
            FeedStatus: self._change_feed,
            Restarted: self._restarted,
            Prices: self._prices,
            FallDue: self._fall_due,
            Define: define,
            Transact: transact,
            Apply: apply,
        }

    def handle(self, command: Command, now: int) -> Outcome:
        """Decide a command at `now` (nanoseconds since the Unix epoch).

        A time before that of the newest update counts as that update's: clocks may jump, the hub's time not.
        """
        turn = Turn(self.state, self._around, now)
        with localcontext(EXACT):
            return self._handlers[type(command)](turn, command)

    def apply(self, kept: Kept) -> list[ViewEvent]:
        """Let an update have happened; what it tells the views. Raises InvalidUpdate as the state does."""
        events = self.state.apply(kept)
        self._agenda.note(kept.update)
        return events

    def replay(self, kept: Kept) -> None:
        """Let an update have happened that was applied, and kept, before: the rules are not asked again.

        What they refuse depends on what is remembered, which may have been less then.
        """
        self.state.replay(kept)
        self._agenda.note(kept.update)

    def due(self, now: int, most: int = 256) -> list[FallDue]:
        """What has fallen due by now, so many at most of each kind: each to be given to `handle`.

        What is left is due again as soon as these are carried out.
        """
        return self._agenda.due(now, most)

    def next_due(self) -> int | None:
        """When `due` may have something; None: never."""
        return self._agenda.next_due()

    def waits_for_prices(self, exchange: str, code: str) -> bool:
        """Whether an order waits for prices of a symbol."""
        return bool(self._agenda.held.get((exchange, code)))

    def symbols_waited_for(self) -> frozenset[tuple[str, str]]:
        """Exchange and code of the symbols for whose prices orders wait."""
        return frozenset(self._agenda.held)

    def checkpoint(self) -> bytes:
        """The state, to be kept."""
        return self.state.checkpoint()

    @classmethod
    def restore(cls, encoded: bytes, around: Surroundings) -> Oms:
        """The same again. Raises as `OmsState.restore`."""
        return cls(around, OmsState.restore(encoded))

    def _submit(self, turn: Turn, command: Submit) -> Outcome:
        request = command.request
        if request.request_id:
            known = self.state.digest_of(request.account, request.request_id)
            if known is not None:
                return self._again(turn, request, known)
        else:
            request = replace(request, request_id=self._around.identifiers.new_request_id())
        faults = Faults()
        check_request(turn.rules, request, faults)
        if faults:
            return refused(request, faults)
        command = replace(command, request=replace(request, timestamp=turn.now))
        return _BODIES[type(request.body)](turn, command, request.body)

    def _again(self, turn: Turn, request: ClientRequest, digest: str) -> Outcome:
        """A request that was taken before, or another one under its id."""
        if request_digest(request) != digest:
            return Refused(Result.INVALID, ("Order RequestID",), request.request_id)
        return Accepted(answer=self._answer_again(turn, request))

    def _answer_again(self, turn: Turn, request: ClientRequest) -> Answer:
        active = self.state.request(request.account, request.request_id)
        if active is not None:
            order_id = active.order_id
            request = active.request
        else:
            order_id = self.state.finished[request.account][request.request_id].order_id
        order = turn.order(request.account, order_id)
        if order is None and isinstance(request.body, OrderMove):
            order = turn.order(request.body.prev_account, order_id)
        wanted = wanted_by(turn, order, request) if active is not None else None
        return answer_of(request, order, order_id, wanted=wanted)

    def _change_feed(self, turn: Turn, command: FeedStatus) -> Outcome:
        return change_feed(turn, command, list(self._agenda.by_feed.get(command.details.feed_id, ())))

    def _restarted(self, turn: Turn, command: Restarted) -> Outcome:
        for feed, details in self.state.feeds.items():
            if details.status is ConnectionStatus.ONLINE:
                gone = replace(
                    details, status=ConnectionStatus.DISCONNECTED, timestamp=turn.now, expire_after=None
                )
                turn.emit(FeedChanged(details=gone))
            turn.away.add(feed)
        for waiting in self._agenda.by_feed.values():
            lose(turn, list(waiting))
        return turn.accepted()

    def _prices(self, turn: Turn, command: Prices) -> Outcome:
        held = self._agenda.held.get((command.exchange, command.code))
        return move_prices(turn, command, list(held)) if held else Accepted()

    def _fall_due(self, turn: Turn, command: FallDue) -> Outcome:
        is_feed = command.kind is DueKind.FEED
        waiting = list(self._agenda.by_feed.get(command.key, ())) if is_feed else []
        return fall_due(turn, command, waiting)
