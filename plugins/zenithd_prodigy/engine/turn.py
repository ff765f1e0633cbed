"""One command at work on one symbol. Pure."""

from __future__ import annotations

from zenithd_prodigy.model.events import Event
from zenithd_prodigy.model.model import StandardModel
from zenithd_prodigy.model.orders import SelfTrade
from zenithd_prodigy.model.symbol import SymbolState


class Turn:
    """What the rules look at, and the events that follow: each is applied as soon as it is made."""

    __slots__ = ("code", "events", "model", "now", "symbol")

    def __init__(self, model: StandardModel, symbol: SymbolState, now: int, events: list[Event]) -> None:
        self.model = model
        self.symbol = symbol
        self.code = symbol.definition.code
        self.now = now
        self.events = events

    def emit(self, event: Event) -> None:
        """Let it have happened."""
        self.model.apply(event)
        self.events.append(event)

    @property
    def self_trade(self) -> SelfTrade:
        """What happens when an entity would trade with itself."""
        return self.model.definition.settings.self_trade
