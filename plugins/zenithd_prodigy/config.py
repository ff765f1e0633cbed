"""Configuration of the demonstration exchange: the section `[plugins.prodigy]`."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta

from zenithd.plugin import PluginConfig


class ProdigyConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of the reference exchange and its simulated participants."""

    seed: Annotated[
        int,
        Meta(
            ge=0,
            description="Start of all randomness. The same seed gives the same companies the same past; "
            "change it for a different one.",
        ),
    ] = 1
    rate: Annotated[
        float,
        Meta(
            gt=0,
            le=100,
            description="Speed of the simulated participants. At 1.0 each symbol of XSX changes its book "
            "about ten times a second and trades about once a second; lower it for a calm screen, raise it "
            "for load.",
        ),
    ] = 1.0
    history_days: Annotated[
        int,
        Meta(
            ge=0,
            le=365,
            description="Simulated past days that are made at the first start, so that charts are not empty. "
            "Lower it for a faster and smaller first start.",
        ),
    ] = 20
    time_zone: Annotated[
        str,
        Meta(
            description="IANA time zone of the markets; a trading day ends at midnight there. Change it to "
            "see times and days as in your own city.",
            extra_json_schema={"format": "time-zone"},
        ),
    ] = "Australia/Sydney"
    second_market: Annotated[
        bool,
        Meta(
            description="Whether the small second market XSY runs, from which the mixed market XSX+XSY is "
            "made. Switch it off to save a little processor time.",
        ),
    ] = True

    auction_at: Annotated[
        str,
        Meta(
            pattern="^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$",
            description="Local time of the one auction a day in the markets that are otherwise open round "
            "the clock; orders are gathered for it in the minute before. It counts when a market is founded; "
            "later its timetable is the operator's.",
        ),
    ] = "16:00"
    participants_orders_survive: Annotated[
        bool,
        Meta(
            description="Whether orders of the simulated participants stay in the books over a restart. "
            "Without, they are withdrawn at the start and placed anew; orders of others always stay.",
        ),
    ] = False
    commands_waiting_max: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Commands that wait for one market; who sends more waits for room.",
        ),
    ] = 10_000
    checkpoint_records: Annotated[
        int,
        Meta(
            ge=100,
            le=10_000_000,
            description="Commands of a market after which its state is kept, so that a restart need not "
            "replay more; the market waits for a microsecond and a half per order meanwhile.",
        ),
    ] = 20_000
    keep_days: Annotated[
        float,
        Meta(
            ge=0,
            le=36_500,
            description="Days for which the journal keeps what happened in the simulated markets, some 2 GB "
            "a day at rate 1; 0 keeps everything. Trades and charts stay in the history. It has no effect "
            "while the journal also holds what must stay, such as a market that an operator founded.",
        ),
    ] = 2.0

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"an IANA name such as Europe/Berlin as time_zone, not {self.time_zone!r}"
            ) from error
