"""Flag sets as the wire writes them: names separated by commas, without blanks (spec 1.6)."""

from __future__ import annotations

from typing import Final

from zenithd.domain.market_data import Affects, Allows, DataKind


def subscription_data_text(kinds: DataKind) -> str:
    """Write what can be subscribed to: `All`, or names such as `Asset,Depth`."""
    if kinds == DataKind.ALL:
        return "All"
    names = []
    if DataKind.ASSET in kinds:
        names.append("Asset")
    if DataKind.TRADES in kinds:
        names.append("Trades")
    if DataKind.DEPTH in kinds:
        names.append("Depth")
    elif DataKind.DEPTH_FULL in kinds:
        names.append("DepthFull")
    elif DataKind.DEPTH_SHORT in kinds:
        names.append("DepthShort")
    return ",".join(names)


_ALLOWS: Final[dict[Allows, str]] = {
    Allows.ORDER_PLACE: "OrderPlace",
    Allows.ORDER_AMEND: "OrderAmend",
    Allows.ORDER_MOVE: "OrderMove",
    Allows.ORDER_CANCEL: "OrderCancel",
    Allows.MATCH: "Match",
    Allows.REPORT_CANCEL: "ReportCancel",
}


def allows_text(allows: Allows) -> str:
    """Write what a trading state permits: `None`, `All`, or names."""
    if allows == Allows.ALL:
        return "All"
    if not allows:
        return "None"
    return ",".join(name for flag, name in _ALLOWS.items() if flag & allows)


_AFFECTS: Final[dict[Affects, str]] = {Affects.PRICE: "Price", Affects.VOLUME: "Volume", Affects.VWAP: "VWAP"}
_AFFECTS_TEXTS: Final = [
    ",".join(name for flag, name in _AFFECTS.items() if flag.value & bits) or "None"
    for bits in range(Affects.ALL.value + 1)
]


def affects_text(affects: Affects) -> str:
    """Write which statistics a trade counts in: `None`, or names; all of them are left unsaid instead."""
    return _AFFECTS_TEXTS[affects.value]
