"""ServerInfo, Feeds and the legacy fragments."""

from __future__ import annotations

from typing import Any

import pytest

from tests.controllers.market_support import (
    EVERYTHING,
    LIMITED,
    NOBODY,
    ONLY_XSX,
    Directory,
    sample_markets,
    venue,
)
from zenithd.controllers.fragments import FragmentsController
from zenithd.controllers.interface import Opened, Refusal
from zenithd.controllers.zenith import ZenithController, four_part_version
from zenithd.domain.identifiers import MarketId
from zenithd.domain.market_data import FeedStatus
from zenithd.wire.answer import ABSENT


def opened(controller: ZenithController, topic: str, access: Any = EVERYTHING) -> Opened:
    found = controller.open(topic, None, access)
    assert isinstance(found, Opened)
    return found


class TestZenith:
    def controller(self) -> ZenithController:
        self.directory = Directory(sample_markets())
        self.directory.find(MarketId("XSX+XSY"))
        return ZenithController(self.directory, "zenithd test", "0.1.0")

    def test_server_info(self) -> None:
        info = opened(self.controller(), "ServerInfo", NOBODY)
        assert info.snapshot(info.entitlement) == [
            {"Name": "zenithd test", "Class": "FeedProxy", "Version": "0.1.0.0", "Protocol": "2.0"}
        ]

    def test_one_feed_per_visible_market_mixes_included(self) -> None:
        feeds = opened(self.controller(), "Feeds")
        (entries,) = feeds.snapshot(feeds.entitlement)
        assert [(entry["Name"], entry["Class"], entry["Status"]) for entry in entries] == [
            ("XSX", "Market", "Active"),
            ("XSY", "Market", "Active"),
            ("XSX+XSY", "Market", "Active"),
        ]

    def test_the_list_is_fixed_when_it_is_opened(self) -> None:
        controller = self.controller()
        feeds = opened(controller, "Feeds")
        self.directory.markets[MarketId("NEW")] = venue("NEW", [])
        self.directory.markets[MarketId("XSX")].set_status(FeedStatus.IMPAIRED)  # type: ignore[attr-defined]
        (entries,) = feeds.snapshot(feeds.entitlement)
        assert [entry["Name"] for entry in entries] == ["XSX", "XSY", "XSX+XSY"]
        assert entries[0]["Status"] == "Impaired"

    def test_rights(self) -> None:
        controller = self.controller()
        assert opened(controller, "Feeds", ONLY_XSX).entitlement == ("XSX",)
        nothing = opened(controller, "Feeds", NOBODY)
        assert nothing.snapshot(nothing.entitlement) == [[]]

    def test_what_there_is_not(self) -> None:
        controller = self.controller()
        assert controller.open("Other", None, EVERYTHING) == Refusal(("Operation.Unknown",))
        assert controller.query("Feeds", None, EVERYTHING).errors == ("Operation.Unknown",)

    @pytest.mark.parametrize(
        ("version", "expected"),
        [
            ("0.1.0", "0.1.0.0"),
            ("1.2.3.4", "1.2.3.4"),
            ("2", "2.0.0.0"),
            ("1.2.dev3", "1.2.0.0"),
            ("", "0.0.0.0"),
        ],
    )
    def test_versions(self, version: str, expected: str) -> None:
        assert four_part_version(version) == expected


SHAREHOLDERS = {"Fragments": [{"Name": "Fundamentals.TopShareholders"}]}
XS01 = {"Market": "XSX", "Code": "XS01"}


class TestFragments:
    @pytest.mark.parametrize(
        ("topic", "data", "expected", "errors"),
        [
            ("QueryFragments", {"Market": "XSX", "Code": "XS01", **SHAREHOLDERS}, {}, ()),
            ("QueryFragments", {**XS01, "Code": "NO", **SHAREHOLDERS}, ABSENT, ("Symbol.NotFound NO.XSX",)),
            ("QueryFragments", {**XS01, "Market": "NO", **SHAREHOLDERS}, ABSENT, ("Market.NotFound NO",)),
            ("QueryFragments", {"Market": "XSX", "Code": "XS01"}, ABSENT, ("Data.Deserialise",)),
            ("QueryFragments", {**SHAREHOLDERS}, ABSENT, ("Market", "Code")),
            ("QueryFragments", None, ABSENT, ("Data",)),
            (
                "QueryCustomFragments",
                {"Source": "Fundamentals.ShareholderHoldings", "Target": {"Name": "A"}, **SHAREHOLDERS},
                {},
                ("Source.NotFound Fundamentals.ShareholderHoldings",),
            ),
            ("QueryCustomFragments", {"Target": {}, **SHAREHOLDERS}, ABSENT, ("Source",)),
            ("QueryCustomFragments", {"Source": "S", **SHAREHOLDERS}, ABSENT, ("Data.Deserialise",)),
            ("Other", {}, ABSENT, ("Operation.Unknown",)),
        ],
    )  # fmt: skip
    def test_answers(self, topic: str, data: Any, expected: Any, errors: tuple[str, ...]) -> None:
        answer = FragmentsController(Directory(sample_markets())).query(topic, data, EVERYTHING)
        assert (answer.data, answer.errors) == (expected, errors)

    def test_rights(self) -> None:
        controller = FragmentsController(Directory(sample_markets()))
        data = {"Market": "XSX", "Code": "XS01", **SHAREHOLDERS}
        assert controller.query("QueryFragments", data, NOBODY).errors == ("Market.NotFound XSX",)
        assert controller.query("QueryFragments", data, LIMITED).data == {}
        assert controller.open("QueryFragments", None, EVERYTHING) == Refusal(("Operation.Unknown",))
