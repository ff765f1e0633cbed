"""exchangeInfo to instruments."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from binance_samples import futures_information, spot_information

from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import BestPriceSource
from zenithd.domain.market_data import DataKind, StateReason
from zenithd_binance.listing import Listing, Selection, market_definition, read_listing
from zenithd_binance.payloads import decode_exchange_information

SPOT = MarketId("BINANCE")
USDM = MarketId("BINANCE:USDM")


def spot_listing(
    body: bytes, *symbols: str, quotes: tuple[str, ...] = (), kept: tuple[str, ...] = ()
) -> Listing:
    selection = Selection(symbols, quotes, kept)
    return read_listing(decode_exchange_information(body), SPOT, True, selection, decimals_extra=1)


def futures_listing(body: bytes, *symbols: str) -> Listing:
    return read_listing(decode_exchange_information(body), USDM, False, Selection(symbols, ()), 1)


def test_spot_instrument() -> None:
    listing = spot_listing(spot_information("BTCUSDT", "ETHUSDT"), "BTCUSDT")
    (listed,) = listing.listed
    instrument = listed.instrument
    assert instrument.id == "BTCUSDT.BINANCE"
    assert instrument.name == "BTC/USDT"
    assert instrument.currency == "USDT"
    assert (instrument.price_scale, instrument.quantity_scale) == (3, 6)
    assert (listed.price_decimals, listed.quantity_decimals) == (8, 8)
    assert instrument.board == "BINANCE::SPOT"
    assert instrument.trading_markets == ("BINANCE::SPOT",)
    assert instrument.lot_size == Decimal("0.00001")
    assert instrument.cfi == "IFXXXP"
    assert instrument.subscription_data == DataKind.ASSET | DataKind.TRADES | DataKind.DEPTH_SHORT
    assert listing.states == {"BTCUSDT": "Trading"}


def test_futures_instrument() -> None:
    (listed,) = futures_listing(futures_information("BTCUSDT"), "BTCUSDT").listed
    instrument = listed.instrument
    assert instrument.id == "BTCUSDT.BINANCE:USDM"
    assert instrument.name == "BTC/USDT perpetual"
    assert instrument.cfi == "FFCCNX"
    assert instrument.board == "BINANCE:USDM:PERPETUAL"
    assert instrument.expiry_date is None
    assert (instrument.price_scale, instrument.quantity_scale) == (2, 3)
    assert (listed.price_decimals, listed.quantity_decimals) == (2, 3)
    assert instrument.attributes["ContractType"] == "PERPETUAL"


def test_delivery_contract_has_its_day() -> None:
    body = futures_information(
        "BTCUSDT_260327", contractType="CURRENT_QUARTER", deliveryDate=1_774_598_400_000
    )
    instrument = futures_listing(body, "BTCUSDT_260327").listed[0].instrument
    assert instrument.expiry_date == date(2026, 3, 27)
    assert instrument.board == "BINANCE:USDM:DELIVERY"
    assert instrument.cfi == "FFCCSX"


def test_tick_tables_are_shared_by_size_in_order() -> None:
    body = json.loads(spot_information("BTCUSDT", "ETHUSDT"))
    body["symbols"] += json.loads(spot_information("PEPEUSDT", tick="0.00000001"))["symbols"]
    listing = spot_listing(json.dumps(body).encode(), quotes=("USDT",))
    assert [table.code for table in listing.tick_tables] == ["0.00000001", "0.01"]
    assert listing.tick_tables[1].steps[0].size == Decimal("0.01")
    assert {each.instrument.code: each.instrument.tick_table for each in listing.listed} == {
        "BTCUSDT": "0.01",
        "ETHUSDT": "0.01",
        "PEPEUSDT": "0.00000001",
    }
    assert listing.listed[2].instrument.price_scale == 8  # the venue writes no more


def test_no_tick_rule_leaves_the_venue_all_its_decimals() -> None:
    (listed,) = spot_listing(spot_information("BTCUSDT", tick="0.00000000"), "BTCUSDT").listed
    assert listed.instrument.price_scale == 8
    assert listed.instrument.tick_table is None


@pytest.mark.parametrize(("quotes", "count"), [((), 0), (("USDC",), 0), (("USDT",), 2), (("*",), 2)])
def test_selection_by_quote_asset(quotes: tuple[str, ...], count: int) -> None:
    assert len(spot_listing(spot_information("BTCUSDT", "ETHUSDT"), quotes=quotes).listed) == count


def test_halted_symbol_is_listed_by_name_or_if_it_was_before() -> None:
    body = spot_information("BTCUSDT", status="HALT")
    assert not spot_listing(body, quotes=("USDT",)).listed
    assert spot_listing(body, "BTCUSDT").states == {"BTCUSDT": "Halt"}
    assert spot_listing(body, quotes=("USDT",), kept=("BTCUSDT",)).states == {"BTCUSDT": "Halt"}


def test_unknown_status_is_a_state_of_its_own() -> None:
    listing = spot_listing(spot_information("BTCUSDT", status="SOMETHING_NEW"), "BTCUSDT")
    assert listing.states == {"BTCUSDT": "Unknown"}
    states = {state.name: state for state in market_definition("BINANCE", True, ()).trading_states}
    assert states["Unknown"].reason is StateReason.UNKNOWN
    assert states["Halt"].reason is StateReason.TRADING_HALT


def test_missing_and_faulty_symbols_are_named() -> None:
    body = json.loads(spot_information("BTCUSDT", "ETHUSDT"))
    body["symbols"][0]["filters"] = [{"filterType": "LOT_SIZE", "stepSize": "0.1"}]
    body["symbols"][1]["filters"][0]["tickSize"] = "none"
    listing = spot_listing(json.dumps(body).encode(), "BTCUSDT", "ETHUSDT", "NOSUCH")
    assert not listing.listed
    assert listing.missing == ["NOSUCH"]
    assert listing.faulty["BTCUSDT"].startswith("no PRICE_FILTER")
    assert "step is no number" in listing.faulty["ETHUSDT"]


def test_market_definition() -> None:
    definition = market_definition("BINANCE:USDM", False, ())
    assert definition.id == "BINANCE:USDM"
    assert definition.boards == ("BINANCE:USDM:PERPETUAL", "BINANCE:USDM:DELIVERY")
    assert definition.best_prices is BestPriceSource.EVENTS
    assert definition.time_zone == "UTC"
    assert not definition.simulated
    assert not definition.readiness
