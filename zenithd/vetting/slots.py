"""Where compiled rules find values: a list per vetting with a place (slot) for each property that is used.

Place 0 holds the `Loader`; the others hold None until the object of the property is loaded, and stay None
where there is no value. So the quick way (a value is there) costs one comparison, and all else goes through
`resolve`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from zenithd.vetting.facts import Facts
from zenithd.vetting.properties import AT_HAND, OBJECTS, Kind, Property

Values = list[Any]


class Missing(Exception):
    """A rule read a property that has no value. `args[0]` is its path."""


class SlotTable:
    """Gives every property that rules use its place. Grows while rules are compiled."""

    def __init__(self) -> None:
        self._slots: dict[str, int] = {}
        self._properties: list[Property] = []
        self._by_object: dict[str, list[tuple[int, Property]]] = {}
        self.objects = [""]
        """By place: the name of the object that its property belongs to."""

    def slot(self, wanted: Property) -> int:
        """The place of a property; a new one if it has none."""
        slot = self._slots.get(wanted.path)
        if slot is None:
            slot = self._slots[wanted.path] = len(self._properties) + 1
            self._properties.append(wanted)
            self.objects.append(wanted.object_name)
            self._by_object.setdefault(wanted.object_name, []).append((slot, wanted))
        return slot

    def __len__(self) -> int:
        return len(self._properties)

    def path(self, slot: int) -> str:
        """The property at a place."""
        return self._properties[slot - 1].path

    def used(self, object_name: str) -> Sequence[tuple[int, Property]]:
        """All properties of an object that have a place."""
        return self._by_object.get(object_name, ())

    def values(self, facts: Facts, make: Callable[[list[Any]], Values] = list) -> Values:
        """A list for one vetting, nothing loaded yet; `make` may give it another type of list."""
        values = make([None] * (len(self._properties) + 1))
        values[0] = Loader(self, facts)
        for name in AT_HAND:
            values[0].load(values, name)
        return values


class Loader:
    """Fills the places of one vetting, object by object, when the first property of one is read."""

    __slots__ = ("_facts", "_loaded", "table")

    def __init__(self, table: SlotTable, facts: Facts) -> None:
        self.table = table
        self._facts = facts
        self._loaded: set[str] = set()

    def load(self, values: Values, object_name: str) -> None:
        """Load an object, once."""
        if object_name in self._loaded:
            return
        self._loaded.add(object_name)
        found = OBJECTS[object_name](self._facts)
        if found is None:
            return
        for place, one in self.table.used(object_name):
            value = one.get(found)
            if one.kind is Kind.NUMBER and value is not None:
                value = _number(value, one.path)
            values[place] = value


def _number(value: Any, path: str) -> Decimal | None:
    """The value to compute with; what is not finite is no value."""
    if type(value) is int:
        return Decimal(value)
    if not isinstance(value, Decimal):
        raise TypeError(f"{path} is {value!r}, and must be a Decimal")
    return value if value.is_finite() else None


def find(values: Values, slot: int) -> Any:
    """The value at a place, None if there is none; where the quick way found None."""
    value = values[slot]
    if value is None:
        loader = values[0]
        loader.load(values, loader.table.objects[slot])
        value = values[slot]
    return value


def resolve(values: Values, slot: int) -> Any:
    """As `find`.

    Raises:
        Missing: there is no value.
    """
    value = find(values, slot)
    if value is None:
        raise Missing(values[0].table.path(slot))
    return value
