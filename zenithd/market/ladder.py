"""Price levels of both sides of a book, and what of them changed since they were last published."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final

import msgspec

from zenithd.domain.market_data import Side
from zenithd.market.changes import LevelChange, Op, PriceLevel

# An attribute of an enumeration costs as much as a dict look-up and a call on Python 3.11.
_BID: Final = Side.BID
_ADD: Final = Op.ADD
_UPDATE: Final = Op.UPDATE
_REMOVE: Final = Op.REMOVE
_CLEARED: Final = LevelChange(Op.CLEAR)


class Level(msgspec.Struct, gc=False):
    """A level while it may still change within a batch."""

    price: int
    volume: int = 0
    count: int | None = None
    has_undisclosed: bool | None = None
    is_live: bool = False
    """False: to be removed when the batch ends."""
    touched: bool = False
    positions: set[int] | None = None
    """Positions taken by orders, where the book is by order."""
    undisclosed: int = 0
    """How many of these orders have something undisclosed."""
    published: PriceLevel | None = None
    """What subscribers have of it."""


class LadderSide:
    """The levels of one side by price, and their prices in ascending order."""

    __slots__ = ("letter", "levels", "prices", "side")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.letter = "B" if side is _BID else "A"
        self.levels: dict[int, Level] = {}
        self.prices: list[int] = []

    def best(self) -> PriceLevel | None:
        """The highest bid or lowest ask."""
        prices = self.prices
        if not prices:
            return None
        return self.levels[prices[-1] if self.side is _BID else prices[0]].published


class Ladder:
    """Both sides. Change levels, then `take` the changes: once per batch, before anything is read."""

    __slots__ = ("_cleared", "_touched", "asks", "bids")

    def __init__(self) -> None:
        self.bids = LadderSide(Side.BID)
        self.asks = LadderSide(Side.ASK)
        self._touched: list[tuple[LadderSide, Level]] = []
        self._cleared = False

    def touch(self, side: Side, price: int) -> Level:
        """The level at a price, made if need be, marked as changed in this batch."""
        ladder = self.bids if side is _BID else self.asks
        level = ladder.levels.get(price)
        if level is None:
            level = ladder.levels[price] = Level(price)
            insort(ladder.prices, price)
        if not level.touched:
            level.touched = True
            self._touched.append((ladder, level))
        return level

    def clear(self) -> None:
        """Remove every level; the next `take` begins with C."""
        for ladder in (self.bids, self.asks):
            ladder.levels.clear()
            ladder.prices.clear()
        self._touched.clear()
        self._cleared = True

    def take(self) -> list[LevelChange]:
        """What changed since the last call, one change per level."""
        changes: list[LevelChange] = []
        if self._cleared:
            self._cleared = False
            changes.append(_CLEARED)
        touched = self._touched
        for ladder, level in touched:
            level.touched = False
            before = level.published
            if not level.is_live:
                _drop(ladder, level.price)
                if before is not None:
                    changes.append(LevelChange(_REMOVE, before))
            elif before is None:
                level.published = after = _publish(ladder, level, f"{ladder.letter}{level.price}")
                changes.append(LevelChange(_ADD, after))
            elif (
                level.volume != before.volume
                or level.count != before.count
                or level.has_undisclosed != before.has_undisclosed
            ):
                level.published = after = _publish(ladder, level, before.id)
                changes.append(LevelChange(_UPDATE, after))
        touched.clear()
        return changes

    def levels(self) -> list[PriceLevel]:
        """Every level as it was published."""
        return [
            level.published
            for ladder in (self.bids, self.asks)
            for level in ladder.levels.values()
            if level.published is not None
        ]


def _publish(ladder: LadderSide, level: Level, level_id: str) -> PriceLevel:
    return PriceLevel(level_id, ladder.side, level.price, level.volume, level.count, level.has_undisclosed)


def _drop(ladder: LadderSide, price: int) -> None:
    del ladder.levels[price]
    del ladder.prices[bisect_left(ladder.prices, price)]
