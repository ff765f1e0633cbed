"""Field groups and the levels made of them (spec platform B.3, C.9; decision record 010).

A level is a set of data types and a set of field groups. `Full` is `All&Full`; `Limited` is
`Asset&Symbol,SymbolExtended,State,Pricing,Aggregates,Quantities,DepthTotals,Auction`.
"""

from __future__ import annotations

import enum
from typing import Final

from zenithd.authority.access import View, Visibility
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import DataKind


class Group(enum.Enum):
    """A group of fields that a level shows or hides as one."""

    SYMBOL = "Symbol"
    SYMBOL_EXTENDED = "SymbolExtended"
    STATE = "State"
    PRICING = "Pricing"
    AGGREGATES = "Aggregates"
    QUANTITIES = "Quantities"
    DEPTH_TOTALS = "DepthTotals"
    AUCTION = "Auction"
    ISSUE = "Issue"
    EXTENDED = "Extended"


LIMITED_GROUPS: Final = frozenset(Group) - {Group.ISSUE, Group.EXTENDED}
"""The field groups of a Limited view; a Full view has them all."""

LIMITED_DATA: Final = DataKind.ASSET
"""The data types of a Limited view: neither trades nor depth, by order or by level."""


def visible_groups(view: View) -> frozenset[Group]:
    """Give the field groups that a view shows."""
    return LIMITED_GROUPS if view.visibility is Visibility.LIMITED else frozenset(Group)


def visible_data(instrument: Instrument, view: View) -> DataKind:
    """Give the data types of an instrument that a view may be subscribed to."""
    if view.visibility is Visibility.LIMITED:
        return instrument.subscription_data & LIMITED_DATA
    return instrument.subscription_data
