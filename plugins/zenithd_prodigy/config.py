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

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"an IANA name such as Europe/Berlin as time_zone, not {self.time_zone!r}"
            ) from error
