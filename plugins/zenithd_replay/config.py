"""The `[plugins.replay]` section."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from zenithd.domain.identifiers import MixedMarketCode, parse_market
from zenithd.plugin import PluginConfig
from zenithd_replay.timeline import parse_start


class ReplayConfig(PluginConfig, frozen=True):
    """What is played, where it appears and how fast."""

    files: Annotated[
        tuple[Annotated[Path, Meta(extra_json_schema={"format": "file"})], ...],
        Meta(
            description="The recordings, all of one format; several are played together in the order of"
            " their times (several symbols, consecutive days). Paths are relative to this file; what is"
            " compressed with gzip is unpacked. Needed to enable the plugin.",
            extra_json_schema={"required_when_enabled": True},
        ),
    ] = ()
    format: Annotated[
        Literal["auto", "zenithd", "binance", "iex"],
        Meta(
            description='"auto" looks at the first bytes; name the format if that goes wrong: "zenithd" (its'
            ' own recordings), "binance" (raw WebSocket captures) or "iex" (DEEP 1.0 packet captures).'
        ),
    ] = "auto"
    market: Annotated[
        str,
        Meta(
            description='Market code to publish under, with its tag, for example "IEX[Demo]". "" takes the'
            " code from the recording and `tag`; set it to keep two replays apart. Only for a recording of"
            " one market."
        ),
    ] = ""
    tag: Annotated[
        str,
        Meta(
            description="Tag of the recorded markets while `market` is not set: a recording of XSX appears"
            ' as XSX[Sample], beside the real XSX. "" plays it in the place of the real one.',
            pattern=r"^[A-Za-z0-9_ -]*$",
        ),
    ] = "Sample"
    speed: Annotated[
        float,
        Meta(
            ge=0,
            le=1_000_000,
            description="1 plays in real time, 10 ten times as fast, 0 as fast as the daemon takes it.",
        ),
    ] = 1.0
    loop: Annotated[
        bool,
        Meta(description="Begin again at the end, with empty books; for a demonstration that never stops."),
    ] = False
    start: Annotated[
        str,
        Meta(
            description="Where to begin: a time of day of the market (10:30 or 10:30:15) or a date and time"
            " (2024-08-09T00:02:00, UTC unless it says otherwise). What comes before is applied at once, so"
            ' that books and tapes are complete. "" begins at the beginning.'
        ),
    ] = ""
    dates: Annotated[
        Literal["original", "shifted"],
        Meta(
            description='"original" keeps times and trading dates as recorded; "shifted" moves them so that'
            " the recording begins now, for clients that look at today."
        ),
    ] = "original"

    def __post_init__(self) -> None:
        """Check what a type cannot say.

        Raises:
            ValueError: `market` or `start` has a wrong form.
        """
        if self.market and isinstance(parse_market(self.market), MixedMarketCode):
            raise ValueError(f"market: one market, not the mix {self.market}")
        if self.start:
            parse_start(self.start)
