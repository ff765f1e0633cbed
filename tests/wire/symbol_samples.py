"""Instruments with every kind of value set and unset, made and drawn, for tests of searches and criteria."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import CallOrPut, ExerciseType, Instrument, Leg, SecurityClass
from zenithd.domain.market_data import DataKind, Side

TEXTS = ("a", "A", "ab", "Ab", "aBa", "b", "ba", "", "Straße", "STRASSE")
DATES = tuple(date(2026, month, 15) for month in (1, 5, 6, 12))
NUMBERS = tuple(Decimal(text) for text in ("0", "0.5", "1", "1.5", "100"))
MARKETS = ("XSX", "XSX:PM", "XSX[Demo]", "XSY")
EXCHANGES = (None, "XSX", "XIS", "xsy")
TRADING_MARKETS = ("XSX::A", "xsx::b")
CFI = ("ESXXXX", "OCASPS", "EXXXXX")
KEYS = ("RIC", "ISIN")

texts = st.sampled_from(TEXTS)
maps = st.dictionaries(st.sampled_from(KEYS), texts)

legs = st.none() | st.lists(
    st.builds(Leg, st.sampled_from(("a", "Ab")), st.sampled_from(Side), st.sampled_from(NUMBERS)), max_size=2
).map(tuple)

instruments = st.builds(
    Instrument,
    code=st.sampled_from(TEXTS).filter(bool),
    market=st.sampled_from(MARKETS).map(MarketId),
    name=texts,
    exchange=st.sampled_from(EXCHANGES),
    security_class=st.sampled_from(SecurityClass),
    cfi=st.sampled_from(CFI),
    trading_markets=st.lists(st.sampled_from(TRADING_MARKETS), unique=True).map(tuple),
    lot_size=st.none() | st.sampled_from(NUMBERS),
    contract_size=st.none() | st.sampled_from(NUMBERS),
    is_index=st.booleans(),
    expiry_date=st.none() | st.sampled_from(DATES),
    strike_price=st.none() | st.sampled_from(NUMBERS),
    exercise_type=st.none() | st.sampled_from(ExerciseType),
    call_or_put=st.none() | st.sampled_from(CallOrPut),
    legs=legs,
    alternates=maps,
    attributes=maps,
    categories=st.lists(st.sampled_from(("Foreign", "foreign", "Sharia")), unique=True).map(tuple),
    subscription_data=st.sampled_from(
        (
            DataKind.ALL,
            DataKind.ASSET,
            DataKind.ASSET | DataKind.TRADES,
            DataKind.ASSET | DataKind.DEPTH,
            DataKind.DEPTH_SHORT,
        )
    ),
)

OPTION = Instrument(
    code="OPT1",
    market=MarketId("XSX"),
    name="Call on Example",
    exchange="XIS",
    cfi="OCASPS",
    trading_markets=("XSX::A",),
    lot_size=Decimal(1),
    contract_size=Decimal(100),
    expiry_date=date(2026, 6, 15),
    strike_price=Decimal("42.05"),
    exercise_type=ExerciseType.AMERICAN,
    call_or_put=CallOrPut.CALL,
    legs=(Leg("XS01", Side.BID, Decimal(1)),),
    alternates={"ISIN": "AU000000OPT1"},
    attributes={"Sector": "1234"},
    categories=("Sharia",),
    subscription_data=DataKind.ASSET | DataKind.DEPTH_FULL,
)
PLAIN = Instrument(code="XS01", market=MarketId("XSX"), name="Example One", cfi="ESXXXX")
INDEX = Instrument(code="XIX", market=MarketId("XSY"), is_index=True)
