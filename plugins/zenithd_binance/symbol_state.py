"""What the parser keeps for one symbol. Pure."""

from __future__ import annotations

from zenithd.domain.identifiers import InstrumentId
from zenithd.plugin import BookSnapshot
from zenithd_binance.coverage import Coverage, Renewal
from zenithd_binance.day_statistics import DayStatistics
from zenithd_binance.fixed_point import FixedPoint
from zenithd_binance.listing import Listed


class SymbolState:
    """State of one instrument; changed by `FrameParser` alone."""

    __slots__ = (
        "ahead_since",
        "book_update",
        "coverage",
        "id",
        "listed",
        "prices",
        "quantities",
        "renewal",
        "renewed",
        "statistics",
        "ticker_update",
        "void_reason",
    )

    def __init__(self, listed: Listed) -> None:
        instrument = listed.instrument
        self.id: InstrumentId = instrument.id
        self.listed = listed
        self.prices = FixedPoint("price", instrument.price_scale, listed.price_decimals)
        self.quantities = FixedPoint("quantity", instrument.quantity_scale, listed.quantity_decimals)
        self.statistics = DayStatistics(self.id, instrument.price_scale, instrument.quantity_scale)
        self.ticker_update = 0
        """Number of the newest best prices: two connections overlap at a planned reconnect."""
        self.book_update = 0
        """Number of the newest update of the book."""
        self.ahead_since: int | None = None
        """When the best prices first had a number that the book has not reached since."""
        self.coverage: Coverage | None = None
        """None: the whole book is known, or its renewal is under way."""
        self.renewal: Renewal | None = None
        self.renewed: BookSnapshot | None = None
        """A renewed book that waits for the next update, to be published before it."""
        self.void_reason = ""
        """Why the book that is shown is void; "" while it is not."""

    def fits(self, listed: Listed) -> bool:
        """True if numbers of `listed` have the same form as those here."""
        ours, theirs = self.listed, listed
        return (
            ours.instrument.price_scale == theirs.instrument.price_scale
            and ours.instrument.quantity_scale == theirs.instrument.quantity_scale
            and ours.price_decimals == theirs.price_decimals
            and ours.quantity_decimals == theirs.quantity_decimals
        )
