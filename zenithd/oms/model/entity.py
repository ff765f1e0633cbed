"""The base of all entities: names as in platform Annex P when encoded, nothing encoded that says nothing."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Final

import msgspec

ZERO: Final = Decimal(0)
_CAPITALS: Final = {"id": "ID", "ids": "IDs"}


def wire_name(name: str) -> str:
    """`owner_id` as `OwnerID`."""
    return "".join(_CAPITALS.get(word, word.capitalize()) for word in name.split("_"))


class Entity(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,  # made from the bottom up, of values: no cycle can come of it
    omit_defaults=True,
    forbid_unknown_fields=True,
    rename=wire_name,
):
    """A value that is replaced as a whole, never changed."""


class Word(enum.Enum):
    """One of a few words. Hashed as an object, which each is one of: Enum hashes names, in Python, which
    takes longer than the look-up in a table of states that it is for."""

    __hash__ = object.__hash__


class Id(Entity, frozen=True, kw_only=True):
    """A named set of identifiers of a foreign system (Annex P, `ID`)."""

    name: str
    values: dict[str, str] = {}
