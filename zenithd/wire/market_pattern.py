"""The `Market` field of symbol searches, where omitted parts are wildcards (spec zenith-websocket 1.7)."""

from __future__ import annotations

import msgspec

from zenithd.domain.identifiers import MarketCode, MixedMarketCode, parse_market


class MarketPattern(msgspec.Struct, frozen=True):
    """The `Market` of a search: an omitted part stands for any, an empty part for blank (1.7)."""

    exchange: str
    alternative: str | None
    tag: str | None

    def matches(self, code: MarketCode) -> bool:
        """Tell whether a market is meant."""
        return (
            code.exchange == self.exchange
            and self.alternative in (None, code.alternative)
            and self.tag in (None, code.tag)
        )


def parse_market_pattern(text: str) -> MarketPattern | MixedMarketCode:
    """Read the `Market` of a search; a mix is meant exactly.

    Raises:
        InvalidIdentifier: neither a market code nor a pattern of one.
    """
    code = parse_market(text)
    if isinstance(code, MixedMarketCode):
        return code
    text = text.rpartition("!")[2]
    before_tag, has_tag, _ = text.partition("[")
    return MarketPattern(
        code.exchange,
        code.alternative if ":" in before_tag else None,
        code.tag if has_tag else None,
    )
