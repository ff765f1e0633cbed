"""Markets by their codes, each with the three parts of its design. Pure: commands in, events out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from zenithd_prodigy.design import STANDARD, DataModel, ExecutionEngine, MarketDesign, Translator
from zenithd_prodigy.engine.refusals import Refused


class Market:
    """One market at work: new, restored from a checkpoint, and replayed from there.

    Whoever owns it gives it one command at a time, translates the events at once, keeps those of a command
    together or not at all, and tells nobody of them before they are kept. If they cannot be kept, the state
    is ahead of what is kept: the market has to be made again from there.
    """

    def __init__(self, design: MarketDesign = STANDARD, checkpoint: bytes | None = None) -> None:
        self.design = design
        self.model: Any = design.new_model() if checkpoint is None else design.restored_model(checkpoint)
        self.engine: ExecutionEngine = design.engine(self.model)
        self.translator: Translator = design.translator(self.model)
        self.handle: Callable[[Any, int], list[Any] | Refused] = self.engine.handle
        """Carries out one command at a time (nanoseconds since the Unix epoch)."""

    def replay(self, events: Iterable[Any]) -> None:
        """Apply kept events, the first of which follows the state."""
        apply: Callable[[Any], None] = self.model.apply
        for event in events:
            apply(event)

    def replay_encoded(self, records: Iterable[bytes]) -> None:
        """Apply the events of kept commands."""
        decode = self.design.decode_events
        apply: Callable[[Any], None] = self.model.apply
        for record in records:
            for event in decode(record):
                apply(event)

    def catch_up(self, now: int) -> Iterator[list[Any]]:
        """Carry out what the timetable wants done by now, in its order; the events of each phase.

        Each phase is carried out when the one before it has been taken. It ends early if the timetable was
        changed meanwhile: ask again then.
        """
        for command in self.engine.due(now):
            outcome = self.handle(command, now)
            if isinstance(outcome, Refused):
                return
            yield outcome

    @property
    def state(self) -> DataModel:
        """What the events made."""
        model: DataModel = self.model
        return model
