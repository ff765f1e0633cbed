"""Names of the values and properties by which orders say what the platform's field table has no field for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from zenithd.oms.model.orders import OrderState
from zenithd.oms.reserves import RESERVE_PRICE

HIDDEN_QUANTITY: Final = "HiddenQuantity"
MINIMUM_QUANTITY: Final = "MinimumQuantity"

VALIDITY: Final = "Validity"
ALL_OR_NONE: Final = "AllOrNone"
ORDER_TYPE: Final = "OrderType"
BEST: Final = "Best"
ALGORITHM: Final = "Algorithm"
ALGORITHM_MARKETS: Final = "Algorithm.Markets"
"""Trading markets among which BestMarket may choose, with blanks between: those that the client may see.
Absent: all."""
INSTRUCTIONS: Final = "Instructions"
BROKERAGE_SCHEDULE: Final = "BrokerageSchedule"
FLAGS: Final = "Flags"
DEPTH_ORDER_ID: Final = "DepthOrderID"
"""Set by the exchange: the order's name in its market's depth (zenith-websocket 3.5.4)."""

CONDITION: Final = "Condition"
CONDITION_STOP: Final = "Condition.Stop"
"""A property as the client gave it; a value of the order as it is now."""
CONDITION_REFERENCE: Final = "Condition.Reference"
CONDITION_DIRECTION: Final = "Condition.Direction"
CONDITION_TYPE: Final = "Condition.Type"
CONDITION_VALUE: Final = "Condition.Value"
CONDITION_LIMIT: Final = "Condition.Limit"

OF_THE_HUB: Final = frozenset({RESERVE_PRICE, CONDITION_STOP})
"""Values that the hub sets; what a client or a feed says under these names does not count."""

AMENDED_ALONE: Final = (ALGORITHM, CONDITION)
"""Properties that an amendment without them leaves alone, with those that begin with their name and a dot;
all others are part of the details, which an amendment replaces as a whole (zenith-websocket 3.5)."""

Value = TypeVar("Value")


def of_client(values: Mapping[str, Value]) -> dict[str, Value]:
    """Without the names that are the hub's."""
    return {name: value for name, value in values.items() if name not in OF_THE_HUB}


def amended_properties(order: OrderState, given: Mapping[str, str]) -> dict[str, str]:
    """An order's properties after an amendment."""
    kept = {
        name: value
        for name, value in order.properties.items()
        for group in AMENDED_ALONE
        if group not in given and _belongs(name, group)
    }
    return kept | dict(given)


def without_condition(properties: Mapping[str, str]) -> dict[str, str]:
    """What an exchange needs to know: conditions are the hub's affair."""
    return {name: value for name, value in properties.items() if not _belongs(name, CONDITION)}


def _belongs(name: str, group: str) -> bool:
    return name == group or name.startswith(f"{group}.")


def tag_of(text: str) -> str:
    """The environment tag of an account, exchange or trading market: `Sample` of `XSX[Sample]`."""
    return text[:-1].rpartition("[")[2] if text.endswith("]") and "[" in text else ""
