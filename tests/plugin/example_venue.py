"""A small venue for tests of `VenueSource`: JSON frames, prices in ticks."""

from __future__ import annotations

import json
from collections.abc import Sequence

from zenithd.domain.events import LevelChanged, TradeReported
from zenithd.domain.identifiers import InstrumentId, MarketId, instrument_id, split_instrument
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import Side
from zenithd.plugin import (
    CONSECUTIVE,
    BookDelta,
    BookSnapshot,
    Item,
    PluginConfig,
    Resynchronise,
    VenueFault,
    VenuePolicy,
    VenueSource,
)

MARKET = MarketId("XEX")
ABC = instrument_id("ABC", MARKET)
DEF = instrument_id("DEF", MARKET)


class ExampleConfig(PluginConfig):
    websocket_url: str = "ws://127.0.0.1:1"
    http_url: str = "http://127.0.0.1:1"
    codes: tuple[str, ...] = ("ABC", "DEF")


class ExampleSource(VenueSource[ExampleConfig]):
    Config = ExampleConfig
    join_rules = CONSECUTIVE
    policy = VenuePolicy(frames_per_second_max=100, snapshots_per_second_max=100)

    def markets(self) -> Sequence[MarketDefinition]:
        return [MarketDefinition(id=MARKET)]

    async def load_instruments(self) -> Sequence[Instrument]:
        body = await self.get(f"{self.config.http_url}/instruments")
        return [Instrument(code=code, market=MARKET) for code in json.loads(body)]

    def endpoint(self) -> str:
        return f"{self.config.websocket_url}/stream"

    def subscribe_frames(self, instruments: Sequence[InstrumentId]) -> Sequence[str]:
        return [f"subscribe {' '.join(instruments)}"]

    def unsubscribe_frames(self, instruments: Sequence[InstrumentId]) -> Sequence[str]:
        return [f"unsubscribe {' '.join(instruments)}"]

    def parse(self, frame: str | bytes, received: int) -> Sequence[Item]:
        message = json.loads(frame)
        instrument = instrument_id(message["code"], MARKET)
        match message["type"]:
            case "delta":
                return [
                    delta(instrument, message["first"], message["last"], message["bids"], message["asks"])
                ]
            case "snapshot":
                return [snapshot(instrument, message["last"], message["bids"], message["asks"])]
            case "trade":
                return [TradeReported(instrument, message["id"], message["price"], 1, received)]
            case "checksum":
                return [Resynchronise(instrument, "wrong checksum")]
            case _:
                raise VenueFault(f"unknown message {message['type']}")

    async def fetch_snapshot(self, instrument: InstrumentId) -> BookSnapshot:
        code = split_instrument(instrument)[0]
        message = json.loads(await self.get(f"{self.config.http_url}/book", {"code": code}))
        return snapshot(instrument, message["last"], message["bids"], message["asks"])


def levels(instrument: InstrumentId, bids: dict[str, int], asks: dict[str, int]) -> list[LevelChanged]:
    return [
        LevelChanged(instrument, side, int(price), quantity)
        for side, prices in ((Side.BID, bids), (Side.ASK, asks))
        for price, quantity in prices.items()
    ]


def delta(
    instrument: InstrumentId, first: int, last: int, bids: dict[str, int], asks: dict[str, int]
) -> BookDelta:
    return BookDelta(instrument=instrument, first=first, last=last, events=levels(instrument, bids, asks))


def snapshot(instrument: InstrumentId, last: int, bids: dict[str, int], asks: dict[str, int]) -> BookSnapshot:
    return BookSnapshot(instrument=instrument, last=last, events=levels(instrument, bids, asks))


def delta_frame(code: str, first: int, last: int, bids: dict[int, int], asks: dict[int, int]) -> str:
    return json.dumps(
        {"type": "delta", "code": code, "first": first, "last": last, "bids": bids, "asks": asks}
    )


def book_body(last: int, bids: dict[int, int], asks: dict[int, int]) -> bytes:
    return json.dumps({"last": last, "bids": bids, "asks": asks}).encode()
