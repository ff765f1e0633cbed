"""`[orders]`: the order management system."""

from __future__ import annotations

from typing import Annotated

from zenithd.config.about import Section, about

STATE = (
    "With another value the same journal makes another state, and another digest of it, but never other"
    " balances, holdings or open orders: compare digests of daemons with the same values only."
)


class FeeSettings(Section, frozen=True):
    """What an order costs beside its price: decimals are written as text, so that no cent is lost."""

    name: Annotated[
        str,
        about(
            "Name by which orders ask for this schedule (BrokerageSchedule); the schedule without a name is"
            " for all others."
        ),
    ] = ""
    brokerage_rate: Annotated[
        str,
        about('Brokerage as a part of the traded value: "0.001" is a tenth of a per cent.', form="decimal"),
    ] = "0"
    brokerage_minimum: Annotated[
        str,
        about("Least brokerage of an order that traded, in its currency.", form="decimal"),
    ] = "0"
    tax_rate: Annotated[
        str, about('Tax as a part of the brokerage: "0.1" is ten per cent.', form="decimal")
    ] = "0"


class OrderSettings(Section, frozen=True):
    """Orders, accounts, and what they own."""

    enabled: Annotated[
        bool, about("Whether orders are taken at all; switch it off for a daemon of market data alone.")
    ] = True
    demonstration_accounts: Annotated[
        int,
        about(
            "Accounts XS:0001, XS:0002, … that are made at the first start, each with 10,000 AUD and 1,000 of"
            " each symbol of XSX; 0 makes none.",
            ge=0,
            le=9_999,
        ),
    ] = 0
    currency: Annotated[str, about("Currency of symbols whose market names none.")] = "AUD"
    buffer_seconds: Annotated[
        float,
        about(
            "Time a request waits for a feed that is away before it is rejected with Timeout.",
            ge=0,
            le=86_400,
        ),
    ] = 30.0
    answer_seconds: Annotated[
        float,
        about(
            "Time an exchange may take to answer a request before the request is Unknown: it is never sent"
            " again on its own.",
            ge=0.1,
            le=86_400,
        ),
    ] = 30.0
    retry_seconds: Annotated[
        float,
        about(
            "Time after which a request that its feed gave back unsent is sent again.",
            ge=0.1,
            le=3_600,
        ),
    ] = 1.0
    authorisation_queue: Annotated[
        str,
        about("Name of the queue in which orders wait that vetting wants authorised; requests show it."),
    ] = "Authorisation"
    queue_seconds: Annotated[
        float,
        about("Time an order waits for somebody to authorise it before it is rejected.", ge=1, le=31_536_000),
    ] = 28_800.0
    market_order_margin: Annotated[
        str,
        about(
            'What a market order reserves above the last price: "0.10" is ten per cent. Raise it where prices'
            " jump.",
            form="decimal",
        ),
    ] = "0.10"
    order_value_max: Annotated[
        str, about("Largest value of one order (TotalValue.Maximum).", form="decimal")
    ] = "1000000000"
    order_quantity_max: Annotated[
        str, about("Largest quantity of one order (TotalQuantity.Maximum).", form="decimal")
    ] = "1000000000"
    expiry_days_max: Annotated[
        int,
        about("Furthest expiry date of an order, in days from now (ExpiryDate.Maximum).", ge=1, le=36_500),
    ] = 400
    digits_max: Annotated[
        int,
        about(
            "Most digits before, and after, the decimal point of a price or quantity; more are invalid.",
            ge=1,
            le=18,
        ),
    ] = 12
    text_length_max: Annotated[
        int,
        about("Longest code, identifier or name in a request; longer ones are invalid.", ge=22, le=10_000),
    ] = 200
    properties_max: Annotated[
        int,
        about("Most values, properties or identifiers of one request; more are invalid.", ge=8, le=1_000),
    ] = 32
    fees: Annotated[
        tuple[FeeSettings, ...],
        about("Schedules of fees, one [[orders.fees]] section each; without any, orders cost nothing."),
    ] = ()
    commands_waiting_max: Annotated[
        int,
        about(
            "Requests that wait to be carried out; who sends more is told Retry.",
            ge=1,
            le=1_000_000,
        ),
    ] = 10_000
    requests_together_max: Annotated[
        int,
        about(
            "Requests that are sent, or given up, at once when a feed comes or goes; the others follow."
            " Lower it if other clients wait too long then.",
            ge=1,
            le=100_000,
        ),
    ] = 256
    finished_requests_max: Annotated[
        int,
        about(
            "Finished requests that each account remembers after their orders are removed, so that a repeated"
            f" one gets its answer and makes no second order. {STATE}",
            ge=100,
            le=10_000_000,
        ),
    ] = 10_000
    removed_orders_max: Annotated[
        int,
        about(
            "Removed orders whose identifiers each account remembers, so that an exchange that only says"
            f" again what it said of them is not taken for news. {STATE}",
            ge=100,
            le=10_000_000,
        ),
    ] = 10_000
    transactions_max: Annotated[
        int,
        about(
            f"Newest transactions of each account in snapshots and to clients. {STATE}", ge=0, le=1_000_000
        ),
    ] = 200
    transfers_max: Annotated[
        int,
        about(
            "Newest transfers and adjustments that each account remembers, so that a repeated one does"
            f" nothing. {STATE}",
            ge=100,
            le=10_000_000,
        ),
    ] = 10_000
    history_entries_max: Annotated[
        int,
        about(
            "Newest changes of orders, and as many trades, of each account that QueryOrderAudit and"
            " QueryTransactions can tell; they are held in memory. Raise it for accounts that trade much.",
            ge=0,
            le=1_000_000,
        ),
    ] = 2_000
    checkpoint_records: Annotated[
        int,
        about(
            "Requests after which the state of all orders is kept, so that a restart need not read more.",
            ge=100,
            le=10_000_000,
        ),
    ] = 20_000
