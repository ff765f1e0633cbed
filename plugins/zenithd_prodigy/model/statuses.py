"""The nine trading statuses and what each allows, as one table (platform C.8). Pure."""

from __future__ import annotations

import enum

import msgspec

from zenithd.domain.market_data import Allows, StateReason, TradingState


class Status(enum.Enum):
    """A trading status of a market or of one of its symbols."""

    PRE_OPEN = "PreOpen"
    OPEN = "Open"
    PRE_AUCTION = "PreAuction"
    AUCTION = "Auction"
    PRE_CLOSE = "PreClose"
    CLOSED = "Closed"
    INQUIRY = "Inquiry"
    TRADING_HALT = "TradingHalt"
    SUSPEND = "Suspend"


class Matching(enum.Enum):
    """How orders meet."""

    NONE = "none"
    CONTINUOUS = "continuous"
    SINGLE_PRICE = "single price"


class StatusRow(msgspec.Struct, frozen=True):
    """What one status allows."""

    place: bool
    amend: bool
    cancel: bool
    matching: Matching
    on_market: bool = True
    """False for a status that only a symbol can have."""
    reason: StateReason = StateReason.NORMAL

    @property
    def gathers(self) -> bool:
        """True where orders are taken and not matched: they wait for an auction, and the book may cross."""
        return self.place and self.matching is Matching.NONE

    @property
    def allows(self) -> Allows:
        """The same as subscribers are told."""
        allowed = Allows.NONE
        if self.place:
            allowed |= Allows.ORDER_PLACE
        if self.amend:
            allowed |= Allows.ORDER_AMEND
        if self.cancel:
            allowed |= Allows.ORDER_CANCEL
        if self.matching is not Matching.NONE:
            allowed |= Allows.MATCH
        return allowed


STATUS_TABLE: dict[Status, StatusRow] = {
    Status.PRE_OPEN: StatusRow(True, True, True, Matching.NONE),
    Status.OPEN: StatusRow(True, True, True, Matching.CONTINUOUS),
    Status.PRE_AUCTION: StatusRow(True, True, True, Matching.NONE),
    Status.AUCTION: StatusRow(False, False, False, Matching.SINGLE_PRICE),
    Status.PRE_CLOSE: StatusRow(False, False, True, Matching.NONE),
    Status.CLOSED: StatusRow(False, False, False, Matching.NONE),
    Status.INQUIRY: StatusRow(False, False, False, Matching.NONE),
    Status.TRADING_HALT: StatusRow(
        True, True, True, Matching.NONE, on_market=False, reason=StateReason.TRADING_HALT
    ),
    Status.SUSPEND: StatusRow(
        False, False, False, Matching.NONE, on_market=False, reason=StateReason.SUSPEND
    ),
}
"""Every status. What an operator or the timetable does (expiry, bulk cancel) is not subject to it."""

TRADING_STATES = tuple(
    TradingState(status.value, row.reason, row.allows) for status, row in STATUS_TABLE.items()
)
"""The table as subscribers are told it."""
