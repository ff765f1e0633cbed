"""The limits of the order management system: every one a setting. Pure."""

from __future__ import annotations

from decimal import Decimal

import msgspec

NANOSECONDS = 1_000_000_000


class OmsRules(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds, money in the currency of the order."""

    buffer_seconds: float = 30.0
    """How long a request waits for a feed that is away before it is rejected with `Timeout`."""
    answer_seconds: float = 30.0
    """How long the answer to a request that was sent may take before the request is `Unknown`."""
    retry_seconds: float = 1.0
    """When a request that its feed gave back unsent is sent again."""
    queue_id: str = "Authorisation"
    """Where requests wait that vetting wants authorised."""
    queue_seconds: float = 8 * 3600.0
    """How long they wait there before they are rejected with `Timeout`."""
    market_order_margin: Decimal = Decimal("0.10")
    """What an order without a price reserves above the last price (or yesterday's close)."""
    order_value_max: Decimal = Decimal(1_000_000_000)
    """`TotalValue.Maximum`."""
    order_quantity_max: Decimal = Decimal(1_000_000_000)
    """`TotalQuantity.Maximum`."""
    expiry_days_max: int = 400
    """`ExpiryDate.Maximum`."""
    together_max: int = 256
    """Requests that one command sends or gives up when a feed comes or goes; the others fall due at once."""
    digits_max: int = 12
    """Most digits before, and after, the decimal point of a price or quantity."""
    text_length_max: int = 200
    """Longest code or id of a request; longer ones are invalid."""
    properties_max: int = 32
    """Most values, properties or ids of a request."""

    def after(self, now: int, seconds: float) -> int:
        """The time that long after `now`, in nanoseconds."""
        return now + int(seconds * NANOSECONDS)
