"""What a market design consists of: three parts that can be replaced one by one. Pure.

The exchange (`exchange`) knows nothing else of a design, so that another one (a dark market, say) is a
package with these parts and no change here. The standard parts are `model`, `engine` and `translator`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from zenithd.domain.events import MarketEvent, MarketStateChanged, TradeAmended, TradeReported
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd_prodigy.engine.engine import StandardEngine
from zenithd_prodigy.engine.refusals import Refused
from zenithd_prodigy.model import events
from zenithd_prodigy.model.model import StandardModel
from zenithd_prodigy.translator import EarlierTrade, StandardTranslator


class DataModel(Protocol):
    """Primitives of a market and the events that make them."""

    sequence: int
    """How many events have been applied."""

    def apply(self, event: Any) -> None:
        """Let an event have happened. Nothing else changes the state."""
        ...

    def checkpoint(self) -> bytes:
        """The whole state."""
        ...

    def checkpoint_pieces(self) -> Iterator[bytes]:
        """The same, piece by piece, each quickly made; the state must not change until the last one."""
        ...

    def digest(self) -> str:
        """The same text for the same state."""
        ...


class ExecutionEngine(Protocol):
    """Which commands there are, and how they change the model."""

    def handle(self, command: Any, now: int) -> list[Any] | Refused:
        """The events of a command, applied already; or why it was refused, and nothing has changed."""
        ...

    def due(self, now: int) -> Sequence[Any]:
        """The commands that the timetable wants carried out by now."""
        ...

    def next_due(self) -> int | None:
        """When `due` will have something; None for never."""
        ...


class Translator(Protocol):
    """What subscribers see."""

    def translate(self, events: Iterable[Any]) -> list[MarketEvent]:
        """The market events of one command's events, after they were applied."""
        ...

    def market_state(self) -> MarketStateChanged:
        """The status that the market and its boards have now."""
        ...

    def definition(self) -> MarketDefinition:
        """The market as it is declared to the daemon."""
        ...

    def instruments(self) -> list[Instrument]:
        """Everything it lists."""
        ...

    def trades(self, code: str, after: int) -> list[TradeReported]:
        """Trades of a symbol with higher ids, as far as they are kept, oldest first."""
        ...

    def changed_trades(self, code: str, up_to: int) -> tuple[list[TradeAmended], list[EarlierTrade]]:
        """Trades of a symbol up to an id that were cancelled or corrected: of today, of earlier days."""
        ...

    def earlier_trades(self, events: Iterable[Any]) -> list[EarlierTrade]:
        """What events changed of trades of earlier days, which no tape has any more."""
        ...

    def snapshot(self, *, with_trades: bool = False) -> list[MarketEvent]:
        """The whole market; its trades of the day only where they are wanted."""
        ...


class MarketDesign(msgspec.Struct, frozen=True):
    """How to make each part. The parts fit each other, or are made to."""

    name: str
    new_model: Callable[[], Any]
    restored_model: Callable[[bytes], Any]
    """From a checkpoint. Raises ValueError if it is none of this design."""
    engine: Callable[[Any], ExecutionEngine]
    translator: Callable[[Any], Translator]
    encode_events: Callable[[list[Any]], bytes]
    decode_events: Callable[[bytes], list[Any]]


STANDARD = MarketDesign(
    "Standard",
    StandardModel,
    StandardModel.from_checkpoint,
    StandardEngine,
    StandardTranslator,
    events.encode_events,
    events.decode_events,
)
