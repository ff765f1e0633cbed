"""What the demonstration lists: two simulated markets, ten invented companies, eight invented brokers."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import Broker, TickStep, TickTable
from zenithd_prodigy.model.statuses import TRADING_STATES
from zenithd_prodigy.translator import board_of

FIRST_MARKET = MarketId("XSX")
SECOND_MARKET = MarketId("XSY")
PRICE_SCALE = 3
CURRENCY = "AUD"

TICK_TABLE = TickTable(
    "STANDARD",
    (
        TickStep(Decimal("0"), Decimal("0.10"), Decimal("0.001")),
        TickStep(Decimal("0.10"), Decimal("2.00"), Decimal("0.005")),
        TickStep(Decimal("2.00"), Decimal("1000000"), Decimal("0.01")),
    ),
)

MARKET_MAKERS = (
    Broker("101", "Ampersand Market Makers (simulated)", 101),
    Broker("104", "Bandicoot Liquidity (simulated)", 104),
    Broker("112", "Continuous Quote Partners (simulated)", 112),
)
AGENTS = (
    Broker("203", "Dingo Direct (simulated)", 203),
    Broker("207", "Echidna Private Wealth (simulated)", 207),
    Broker("215", "Fictional Funds Execution (simulated)", 215),
    Broker("222", "Goanna Online (simulated)", 222),
    Broker("236", "Harbour & Nobody (simulated)", 236),
)
OMS_BROKER = Broker("XS", "XS Demonstration Brokers (simulated)", 301)
OMS_ENTITY = OMS_BROKER.code
"""The firm whose orders come from the order management system."""


class Company(msgspec.Struct, frozen=True):
    """One invented company and how its shares trade."""

    code: str
    short: str
    name: str
    price: int
    """The price around which it wanders, in thousandths."""
    activity: float
    """How busy it is; 1.0 is usual."""


COMPANIES = (
    Company("XS01", "NNR", "Never Never Rail Group Limited", 8_450, 1.08),
    Company("XS02", "BUN", "Bunyip Minerals NL", 1_450, 1.00),
    Company("XS03", "QIC", "Quokka Ice Cream Holdings Limited", 4_280, 1.04),
    Company("XS04", "DBA", "Drop Bear Assurance Limited", 27_600, 1.06),
    Company("XS05", "HSP", "Hoop Snake Pharmaceuticals Limited", 61_200, 1.00),
    Company("XS06", "MML", "Min Min Lighting Limited", 2_760, 0.96),
    Company("XS07", "NSR", "Nullarbor Surf Resorts Limited", 735, 0.93),
    Company("XS08", "LLR", "Lasting Lost Reef Gold NL", 86, 0.90),
    Company("XS09", "BSB", "Black Stump Broadband Limited", 12_350, 1.02),
    Company("XS10", "SMA", "Southern Mirage Airlines Limited", 5_120, 0.97),
)

COMPANIES_BY_CODE = {company.code: company for company in COMPANIES}

SECOND_MARKET_COMPANIES = COMPANIES[:5]


def market_definition(market: MarketId, name: str, time_zone: str) -> MarketDefinition:
    """One of the simulated markets."""
    return MarketDefinition(
        id=market,
        name=name,
        time_zone=time_zone,
        currency=CURRENCY,
        trading_states=TRADING_STATES,
        boards=(board_of(market),),
        tick_tables=(TICK_TABLE,),
        brokers=(*MARKET_MAKERS, *AGENTS, OMS_BROKER),
        simulated=True,
        readiness=True,
        guarantees=(
            "Simulated: no real participant, company or money is behind any order.",
            "Continuous matching by price, then time; every change of every order is published.",
            "Trade ids ascend and are never used twice, also over restarts.",
        ),
    )


def instrument_of(company: Company, market: MarketId) -> Instrument:
    """A company's shares on a market; the first market is the issuing exchange on both."""
    return Instrument(
        code=company.code,
        market=market,
        name=company.name,
        exchange=None if market == FIRST_MARKET else FIRST_MARKET,
        cfi="ESVUFR",
        currency=CURRENCY,
        price_scale=PRICE_SCALE,
        trading_markets=(board_of(market),),
        board=board_of(market),
        tick_table=TICK_TABLE.code,
        lot_size=Decimal(1),
        alternates={"Short": company.short},
    )
