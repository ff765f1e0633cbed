"""The price levels of a blend: one per side and price, whoever contributes to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from zenithd.market.changes import LevelChange, Op, PriceLevel
from zenithd.market.contribution import Contribution

_ADD: Final = Op.ADD
_UPDATE: Final = Op.UPDATE
_REMOVE: Final = Op.REMOVE
_CLEAR: Final = Op.CLEAR


class _Blend:
    """One level: what each source has of it, and what subscribers have of it."""

    __slots__ = ("parts", "published")

    def __init__(self, sources: int) -> None:
        self.parts: list[PriceLevel | None] = [None] * sources
        self.published: PriceLevel | None = None


class BlendedLevels:
    """Adds up the sources' levels as they change.

    A level to which one source contributes names that source as its market; one to which several
    contribute names none.
    """

    __slots__ = ("_blends", "_contributions")

    def __init__(self, contributions: Sequence[Contribution]) -> None:
        self._contributions = contributions
        self._blends: dict[str, _Blend] = {}
        for place, contribution in enumerate(contributions):
            self.apply(place, (LevelChange(_ADD, level) for level in contribution.view.levels()))

    def apply(self, place: int, changes: Iterable[LevelChange]) -> list[LevelChange]:
        """Take over the changes of the source at `place`; returns those of the blend."""
        contribution = self._contributions[place]
        touched: dict[str, _Blend] = {}
        for change in changes:
            level = change.level
            if level is None:
                self._clear_part(place, touched)
                continue
            level_id = contribution.level_id(level)
            blend = self._blends.get(level_id)
            if blend is None:
                blend = self._blends[level_id] = _Blend(len(self._contributions))
            blend.parts[place] = None if change.op is _REMOVE else level
            touched[level_id] = blend
        return self._publish(touched)

    def _clear_part(self, place: int, touched: dict[str, _Blend]) -> None:
        for level_id, blend in self._blends.items():
            if blend.parts[place] is not None:
                blend.parts[place] = None
                touched[level_id] = blend

    def _publish(self, touched: dict[str, _Blend]) -> list[LevelChange]:
        changes: list[LevelChange] = []
        for level_id, blend in touched.items():
            before = blend.published
            after = blend.published = self._sum(level_id, blend.parts)
            if after is None:
                del self._blends[level_id]
                if before is not None:
                    changes.append(LevelChange(_REMOVE, before))
            elif before is None:
                changes.append(LevelChange(_ADD, after))
            elif after != before:
                changes.append(LevelChange(_UPDATE, after))
        return changes

    def _sum(self, level_id: str, parts: Sequence[PriceLevel | None]) -> PriceLevel | None:
        total: PriceLevel | None = None
        for contribution, part in zip(self._contributions, parts, strict=True):
            if part is not None:
                scaled = _scaled(level_id, part, contribution)
                total = scaled if total is None else _add(total, scaled)
        return total

    def levels(self) -> list[PriceLevel]:
        """The levels in any order."""
        return [blend.published for blend in self._blends.values() if blend.published is not None]


def _scaled(level_id: str, part: PriceLevel, contribution: Contribution) -> PriceLevel:
    """The level of one source in the blend's terms."""
    price, volume = part.price, part.volume
    return PriceLevel(
        level_id,
        part.side,
        None if price is None else price * contribution.price_factor,
        None if volume is None else volume * contribution.quantity_factor,
        part.count,
        part.has_undisclosed,
        contribution.source,
    )


def _add(one: PriceLevel, other: PriceLevel) -> PriceLevel:
    """Both as one level, which has no market of its own; what one of them does not tell is unavailable."""
    both_undisclosed = (one.has_undisclosed, other.has_undisclosed)
    return PriceLevel(
        one.id,
        one.side,
        one.price,
        None if one.volume is None or other.volume is None else one.volume + other.volume,
        None if one.count is None or other.count is None else one.count + other.count,
        None if both_undisclosed == (None, None) else any(both_undisclosed),
    )
