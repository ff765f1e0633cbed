"""Statuses, trading days and the timetable. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from zenithd_prodigy.engine.auction import refresh_indicative, uncross
from zenithd_prodigy.engine.commands import (
    EndTradingDay,
    RunPhase,
    SetStatus,
    SetTimetable,
    StartTradingDay,
)
from zenithd_prodigy.engine.matching import close
from zenithd_prodigy.engine.orders import settle
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.engine.turn import Turn
from zenithd_prodigy.model.definitions import CLOSE_REFERENCE
from zenithd_prodigy.model.events import (
    Event,
    PhaseReached,
    ReferenceSet,
    StatusChanged,
    TimetableSet,
    TradingDayEnded,
    TradingDayStarted,
)
from zenithd_prodigy.model.model import StandardModel
from zenithd_prodigy.model.orders import CloseReason, Order, TimeInForce
from zenithd_prodigy.model.statuses import STATUS_TABLE, Matching, Status
from zenithd_prodigy.timetable.due import Place, Transition, due, next_due, place_at
from zenithd_prodigy.timetable.plan import PhaseKind, Timetable, excess


def set_status(model: StandardModel, command: SetStatus, now: int) -> list[Event] | Refused:
    """Change a status; where it brings orders together that were gathered, they are matched at one price."""
    if command.symbol is not None and command.symbol not in model.symbols:
        return Refused(Reason.UNKNOWN_SYMBOL)
    if command.symbol is None and (command.status is None or not STATUS_TABLE[command.status].on_market):
        return Refused(Reason.STATUS_PLACE)
    events: list[Event] = []
    _change_status(model, command.status, command.symbol, now, events, command.command_id)
    return events


def run_phase(model: StandardModel, command: RunPhase, now: int) -> list[Event] | Refused:
    """Do the next phase of the timetable, if it is the one that is meant and its time has come."""
    following = (
        None if model.timetable is None or model.place is None else next_due(model.timetable, model.place)
    )
    if following is None or following.at > now:
        return Refused(Reason.PHASE)
    if (following.place.day, following.place.index) != (command.day, command.index):
        return Refused(Reason.PHASE)
    events: list[Event] = []
    _do_phase(model, following, now, events, command.command_id)
    return events


def _do_phase(
    model: StandardModel, transition: Transition, now: int, events: list[Event], command_id: str
) -> None:
    reached = PhaseReached(now, transition.place, command_id)
    model.apply(reached)
    events.append(reached)
    kind, today = transition.phase.kind, transition.place.day
    status = kind.status
    if status is not None:
        _change_status(model, status, None, now, events)
    elif kind is PhaseKind.START_OF_DAY:
        if model.trading_date is None or today > model.trading_date:
            _start_day(model, today, now, events)
    elif model.trading_date is not None:
        _end_day(model, model.trading_date, now, events)


def _has_begun(timetable: Timetable, place: Place) -> bool:
    """True if the day of the place was begun and not ended by the phases up to it."""
    kinds = [phase.kind for phase in timetable.plan_of(place.day)[: place.index + 1]]
    begun = [kind for kind in kinds if kind in (PhaseKind.START_OF_DAY, PhaseKind.END_OF_DAY)]
    return bool(begun) and begun[-1] is PhaseKind.START_OF_DAY


def set_timetable(model: StandardModel, command: SetTimetable, now: int) -> list[Event] | Refused:
    """Follow another timetable from now on; what it would have done before is not made up.

    But what the old one has due and has not done yet is done, and the market is in the trading day in which
    the new one has it: else orders for the day would outlive it.
    """
    refused = None if command.timetable is None else excess(command.timetable)
    if refused is not None:
        return Refused(Reason.TIMETABLE, refused)
    events: list[Event] = []
    command_id = command.command_id
    if model.timetable is not None and model.place is not None:
        for each in due(model.timetable, model.place, now):
            _do_phase(model, each, now, events, command_id)
            command_id = ""
    timetable = command.timetable
    place = None if timetable is None else place_at(timetable, now)
    event = TimetableSet(now, timetable, place, command_id)
    model.apply(event)
    events.append(event)
    if timetable is None or place is None or not _has_begun(timetable, place):
        return events
    if model.trading_date is None or model.trading_date < place.day:
        _start_day(model, place.day, now, events)
    return events


def start_trading_day(model: StandardModel, command: StartTradingDay, now: int) -> list[Event] | Refused:
    """Begin a day."""
    if model.trading_date is not None and command.trading_date <= model.trading_date:
        return Refused(Reason.TRADING_DATE)
    events: list[Event] = []
    _start_day(model, command.trading_date, now, events, command.command_id)
    return events


def end_trading_day(model: StandardModel, command: EndTradingDay, now: int) -> list[Event] | Refused:
    """End the day that has begun."""
    if model.trading_date is None or model.day_ended:
        return Refused(Reason.TRADING_DATE)
    events: list[Event] = []
    _end_day(model, model.trading_date, now, events, command.command_id)
    return events


def _change_status(
    model: StandardModel,
    status: Status | None,
    only: str | None,
    now: int,
    events: list[Event],
    command_id: str = "",
) -> None:
    before = {code: symbol.rules.matching for code, symbol in model.symbols.items()}
    event = StatusChanged(now, status, only, command_id)
    model.apply(event)
    events.append(event)
    for code in sorted(model.symbols) if only is None else (only,):
        symbol = model.symbols[code]
        if only is None and symbol.status is not None:
            continue  # its own status goes on
        turn, matching = Turn(model, symbol, now, events), symbol.rules.matching
        if matching is Matching.SINGLE_PRICE or (
            matching is Matching.CONTINUOUS and before[code] is not Matching.CONTINUOUS
        ):
            uncross(turn)
        settle(turn)


def _start_day(
    model: StandardModel, trading_date: date, now: int, events: list[Event], command_id: str = ""
) -> None:
    """Begin a day; the last price before it is its close."""
    if model.trading_date is not None and not model.day_ended:
        _end_day(model, model.trading_date, now, events, command_id)
        command_id = ""
    event = TradingDayStarted(now, trading_date, command_id)
    model.apply(event)
    events.append(event)
    for code, symbol in sorted(model.symbols.items()):
        if symbol.last_price is not None and symbol.references.get(CLOSE_REFERENCE) != symbol.last_price:
            close_of_before = ReferenceSet(now, code, CLOSE_REFERENCE, symbol.last_price)
            model.apply(close_of_before)
            events.append(close_of_before)
            refresh_indicative(Turn(model, symbol, now, events))
    # Dates that fell on days without trading.
    _expire(model, now, events, lambda order: order.expiry is not None and order.expiry < trading_date)


def _end_day(
    model: StandardModel, trading_date: date, now: int, events: list[Event], command_id: str = ""
) -> None:
    event = TradingDayEnded(now, trading_date, command_id)
    model.apply(event)
    events.append(event)

    def is_over(order: Order) -> bool:
        if order.expiry is not None:
            return order.expiry <= trading_date
        return order.time_in_force is TimeInForce.DAY

    _expire(model, now, events, is_over)


def _expire(model: StandardModel, now: int, events: list[Event], is_over: Callable[[Order], bool]) -> None:
    """Close orders, by symbol and number."""
    for _, symbol in sorted(model.symbols.items()):
        expired = [order for _, order in sorted(symbol.orders.items()) if is_over(order)]
        turn = Turn(model, symbol, now, events)
        for order in expired:
            close(turn, order, CloseReason.EXPIRED)
        if expired:
            settle(turn)
