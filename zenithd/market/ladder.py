"""Price levels of both sides of a book as they were published, and what becomes of them in a batch."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final, Protocol

from zenithd.domain.market_data import Side
from zenithd.market.changes import LevelChange, Op, PriceLevel

# An attribute of an enumeration costs as much as a dict look-up and a call on Python 3.11.
_ADD: Final = Op.ADD
_UPDATE: Final = Op.UPDATE
_REMOVE: Final = Op.REMOVE
_CLEARED: Final = LevelChange(Op.CLEAR)


class LevelState(Protocol):
    """What a level is to be: a `LevelChanged` of the venue, or the sum of a level's orders."""

    @property
    def quantity(self) -> int: ...  # noqa: D102
    @property
    def count(self) -> int | None: ...  # noqa: D102
    @property
    def has_undisclosed(self) -> bool | None: ...  # noqa: D102


class LadderSide:
    """The levels of one side.

    `touched` holds what changed in this batch, by price: what the level is to be, None if it is gone.
    """

    __slots__ = ("_letter", "_ranks", "_side", "_sign", "best", "levels", "touched")

    def __init__(self, side: Side) -> None:
        self._side = side
        self._letter = "B" if side is Side.BID else "A"
        self._sign = 1 if side is Side.BID else -1
        self._ranks: list[int] = []
        """Prices, those of asks negated, ascending: the best is the last, so that what changes near the
        best, as most does, moves little of a long list."""
        self.levels: dict[int, PriceLevel] = {}
        """As published, by price."""
        self.best: PriceLevel | None = None
        """The highest bid or lowest ask, as published."""
        self.touched: dict[int, LevelState | None] = {}

    def is_empty(self) -> bool:
        """True if no level stands or was touched in this batch."""
        return not (self.levels or self.touched)

    def clear(self) -> None:
        """Remove every level."""
        self.levels.clear()
        self.touched.clear()
        self._ranks.clear()
        self.best = None

    def take(self, changes: list[LevelChange]) -> None:
        """Publish what was touched: one change per level, none for a level that is as it was."""
        levels, ranks, side, sign = self.levels, self._ranks, self._side, self._sign
        for price, state in self.touched.items():
            before = levels.get(price)
            if state is None:
                if before is not None:
                    del levels[price]
                    del ranks[bisect_left(ranks, price * sign)]
                    changes.append(LevelChange(_REMOVE, before))
                continue
            quantity, count, has_undisclosed = state.quantity, state.count, state.has_undisclosed
            if before is None:
                insort(ranks, price * sign)
                levels[price] = after = PriceLevel(
                    f"{self._letter}{price}", side, price, quantity, count, has_undisclosed
                )
                changes.append(LevelChange(_ADD, after))
            elif (
                quantity != before.volume
                or count != before.count
                or has_undisclosed != before.has_undisclosed
            ):
                levels[price] = after = PriceLevel(before.id, side, price, quantity, count, has_undisclosed)
                changes.append(LevelChange(_UPDATE, after))
        self.touched.clear()
        self.best = levels[ranks[-1] * sign] if ranks else None


class Ladder:
    """Both sides. Touch levels, then `take` the changes: once per batch, before anything is read."""

    __slots__ = ("_cleared", "asks", "bids")

    def __init__(self) -> None:
        self.bids = LadderSide(Side.BID)
        self.asks = LadderSide(Side.ASK)
        self._cleared = False

    def is_empty(self) -> bool:
        """True if no level stands or was touched in this batch."""
        return self.bids.is_empty() and self.asks.is_empty()

    def clear(self) -> None:
        """Remove every level; the next `take` begins with C."""
        self.bids.clear()
        self.asks.clear()
        self._cleared = True

    def take(self) -> list[LevelChange]:
        """What changed since the last call, one change per level."""
        changes: list[LevelChange] = []
        if self._cleared:
            self._cleared = False
            changes.append(_CLEARED)
        if self.bids.touched:
            self.bids.take(changes)
        if self.asks.touched:
            self.asks.take(changes)
        return changes

    def levels(self) -> list[PriceLevel]:
        """Every level as it was published."""
        return [*self.bids.levels.values(), *self.asks.levels.values()]
