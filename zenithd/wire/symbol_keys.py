"""What searches and scans compare of a symbol, folded once instead of per key stroke."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping

import msgspec

from zenithd.domain.instrument import Instrument


class SymbolKeys(msgspec.Struct, frozen=True):
    """An instrument beside its texts with case folded, for comparisons that ignore case."""

    instrument: Instrument
    order: tuple[str, str]
    """Code and market: what alphabetical order goes by."""
    code: str
    name: str
    alternates: Mapping[str, str]
    attributes: Mapping[str, str]

    @classmethod
    def of(cls, instrument: Instrument) -> SymbolKeys:
        """Fold the texts of an instrument."""
        return cls(
            instrument=instrument,
            order=(instrument.code, instrument.market),
            code=instrument.code.casefold(),
            name=instrument.name.casefold(),
            alternates={key: value.casefold() for key, value in instrument.alternates.items()},
            attributes={key: value.casefold() for key, value in instrument.attributes.items()},
        )


Predicate = Callable[[SymbolKeys], bool]
"""Tells whether a criterion holds for a symbol."""


class Placement(enum.Enum):
    """Where in a value the text must stand (spec 3.1.8 Match, 4.J2 As); values are the names of J2."""

    ANYWHERE = "None"
    FROM_START = "FromStart"
    FROM_END = "FromEnd"
    EXACT = "Exact"


TextTest = Callable[[str], bool]
"""Tells whether one value, folded where case is ignored, has the text looked for."""


def text_test(text: str, placement: Placement, ignore_case: bool) -> TextTest:
    """Make the test for a text. With `ignore_case` it expects values that are folded already."""
    sought = text.casefold() if ignore_case else text
    if placement is Placement.EXACT:
        return lambda value: value == sought
    if placement is Placement.FROM_START:
        return lambda value: value.startswith(sought)
    if placement is Placement.FROM_END:
        return lambda value: value.endswith(sought)
    return lambda value: sought in value


def cfi_matches(cfi: str, mask: str) -> bool:
    """Compare a classification with a mask, partial or complete; blank and `_` stand for any character."""
    if len(mask) > len(cfi):
        return False
    return all(wanted in (" ", "_", found) for wanted, found in zip(mask, cfi, strict=False))
