"""The standard execution engine: one command at a time, and the events that follow from it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zenithd_prodigy.engine import administration, orders, phases, trades
from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.model.events import Event
from zenithd_prodigy.model.model import StandardModel
from zenithd_prodigy.timetable.due import due, next_due

_HANDLERS: dict[type, Callable[[StandardModel, Any, int], list[Event] | Refused]] = {
    c.PlaceOrder: orders.place,
    c.AmendOrder: orders.amend,
    c.CancelOrder: orders.cancel,
    c.BulkCancel: orders.bulk_cancel,
    c.CancelTrade: trades.cancel_trade,
    c.CorrectTrade: trades.correct_trade,
    c.SetStatus: phases.set_status,
    c.RunPhase: phases.run_phase,
    c.SetTimetable: phases.set_timetable,
    c.StartTradingDay: phases.start_trading_day,
    c.EndTradingDay: phases.end_trading_day,
    c.CreateMarket: administration.create_market,
    c.ChangeMarket: administration.change_market,
    c.RenameMarket: administration.rename_market,
    c.RemoveMarket: administration.remove_market,
    c.ListSymbol: administration.list_symbol,
    c.ChangeSymbol: administration.change_symbol,
    c.RenameSymbol: administration.rename_symbol,
    c.UnlistSymbol: administration.unlist_symbol,
    c.SetTickTable: administration.set_tick_table,
    c.RemoveTickTable: administration.remove_tick_table,
    c.SetReference: administration.set_reference,
    c.SetPriceLimits: administration.set_price_limits,
    c.AddEntity: administration.add_entity,
    c.RenameEntity: administration.rename_entity,
    c.RemoveEntity: administration.remove_entity,
}

_OF_ENTITIES = frozenset({c.PlaceOrder, c.AmendOrder, c.CancelOrder, c.BulkCancel})


class StandardEngine:
    """Carries out commands on one model. A refused command has changed nothing.

    The events that `handle` returns are applied already; whoever keeps them keeps all of one command, or
    none, and tells nobody of them before they are kept.
    """

    def __init__(self, model: StandardModel) -> None:
        self.model = model

    def handle(self, command: c.Command, now: int) -> list[Event] | Refused:
        """Carry out one command at `now` (nanoseconds since the Unix epoch).

        A time before that of the newest event counts as that event's: clocks may jump, a market's time not.
        """
        model = self.model
        kind = type(command)
        if command.entity and kind not in _OF_ENTITIES:
            return Refused(Reason.NOT_PERMITTED)
        here = model.exists and command.market == model.definition.code
        if not here and (model.exists or kind is not c.CreateMarket):
            return Refused(Reason.UNKNOWN_MARKET)
        command_id, known = command.command_id, model.command_ids
        if command_id and (command_id in known.current or command_id in known.previous):
            return Refused(Reason.DUPLICATE_COMMAND, order=known.get(command_id) or None)
        return _HANDLERS[kind](model, command, now if now > model.time else model.time)

    def due(self, now: int) -> list[c.RunPhase]:
        """What the timetable wants done by now, in its order: each to be given to `handle`."""
        model = self.model
        if not model.exists or model.timetable is None or model.place is None:
            return []
        return [
            c.RunPhase(market=model.definition.code, day=each.place.day, index=each.place.index)
            for each in due(model.timetable, model.place, now)
        ]

    def next_due(self) -> int | None:
        """When `due` will have something (nanoseconds since the Unix epoch); None for never."""
        model = self.model
        if not model.exists or model.timetable is None or model.place is None:
            return None
        following = next_due(model.timetable, model.place)
        return None if following is None else following.at
