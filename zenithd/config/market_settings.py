"""`[markets]` and `[history]`: what is made of the plugins' markets, and what is kept."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from zenithd.config.about import Section, about


class DelayedMarketSettings(Section, frozen=True):
    """A market shown later than it happens, under the tag Delayed: XSX becomes XSX[Delayed]."""

    market: Annotated[str, about("The market that is delayed.", form="market")]
    delay_seconds: Annotated[
        float,
        about("How much later it is shown; the venue's licence usually says.", ge=1, le=604_800),
    ] = 1200.0
    fields: Annotated[
        Literal["all", "asset"],
        about(
            "What is shown: all, or asset for the security alone, without depth and trades; choose what the"
            " venue's licence allows."
        ),
    ] = "all"


class MarketSettings(Section, frozen=True):
    """Markets that are derived from those of the plugins."""

    mixed: Annotated[
        tuple[Annotated[str, Meta(extra_json_schema={"format": "mixed-market"})], ...],
        about(
            "Mixed markets that are listed; others are still made when a client asks for them by code. Add"
            " those your users should find."
        ),
    ] = ()
    mixed_on_demand_max: Annotated[
        int,
        about(
            "Mixed markets that may be made because clients ask for them; lower it to save memory, 0 allows"
            " the listed ones only.",
            ge=0,
            le=100_000,
        ),
    ] = 100
    linger_seconds: Annotated[
        float,
        about(
            "Time an instrument stays subscribed at the venue after its last reader left; raise it if clients"
            " come and go.",
            ge=0,
            le=86_400,
            live=True,
        ),
    ] = 30.0
    delayed: Annotated[
        tuple[DelayedMarketSettings, ...],
        about("Markets that are also shown with a delay, one [[markets.delayed]] section each."),
    ] = ()


class HistorySettings(Section, frozen=True):
    """What is kept of trades and bars."""

    retention_days: Annotated[
        int,
        about(
            "Days of trades and bars that are kept; raise it for longer charts, lower it to save disk space.",
            ge=1,
            le=36_500,
        ),
    ] = 365
    flush_seconds: Annotated[
        float,
        about(
            "Time between writes of trades to disk: of what was sent, a crash or a power cut loses at most"
            " this"
            " much and the write under way, and the next start says how many trades; raise it for disks that"
            " are slow.",
            ge=0.01,
            le=60,
        ),
    ] = 0.1
    tape_trades_max: Annotated[
        int,
        about(
            "Newest trades of one instrument and day held in memory; older ones of the day come from the"
            " store.",
            ge=10,
            le=10_000_000,
        ),
    ] = 10_000
