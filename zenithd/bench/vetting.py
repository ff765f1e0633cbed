"""`zenithd bench vetting`: how long the rules keep an order, over the number of rules."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import NamedTuple

import msgspec

from zenithd.bench.rows import Machine
from zenithd.vetting import (
    AccountFacts,
    BalanceFacts,
    DetailsFacts,
    Facts,
    HoldingFacts,
    Level,
    MarketFacts,
    OrderFacts,
    RequestFacts,
    RuleSets,
    Source,
    SymbolFacts,
    UserFacts,
    VettingLimits,
    load,
)

RULES_PER_GROUP = 5


class VettingEffort(NamedTuple):
    """How much is measured."""

    rules: tuple[int, ...]
    rounds: int
    vettings: int
    """Of one round."""


FULL = VettingEffort((5, 50, 200, 1_000), 15, 10_000)
QUICK = VettingEffort((200,), 9, 10_000)

LIMITS = VettingLimits(cost_max=1_000_000)


class VettingRow(msgspec.Struct, kw_only=True):
    """One number of rules; times are medians of the rounds."""

    rules: int
    """Named rules; each has one to six statements, as the stock ones have."""
    statements: int
    p50_us: float
    p99_us: float
    p999_us: float
    p99_cpu_us: float
    """As `p99_us`, in CPU time: the same where nothing else runs; what to look at where something does."""
    cpu_us: float
    """CPU time of one vetting, its look-ups of account, balance, holding, symbol and market included."""
    load_ms: float
    """To read, check and compile the rules, once."""
    failed: float
    """Share of the orders that a rule failed."""


class VettingReport(msgspec.Struct):
    """What `--json` writes."""

    machine: Machine
    runs: list[VettingRow]


def vetting_rows(effort: VettingEffort, say: Callable[[str], None]) -> Iterator[VettingRow]:
    """Measure each number of rules."""
    orders = list(make_orders(500))
    for count in effort.rules:
        say(f"vetting: {count:,} rules")
        began = time.perf_counter()
        text = rules_text(count)
        rules = load([Source("bench", text)], LIMITS)
        load_ms = (time.perf_counter() - began) * 1e3
        gc.collect()
        gc.freeze()  # as in the daemon, which sets aside what is there to stay
        rounds = [_round(rules, orders, effort.vettings) for _ in range(effort.rounds)]
        failed = sum(rules.vet(facts).level is Level.FAIL for facts in orders) / len(orders)
        p50, p99, p999, cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
        p99_cpu = statistics.median(
            _quantiles(rules, orders, effort.vettings, time.thread_time_ns)[1] for _ in range(effort.rounds)
        )
        gc.unfreeze()
        yield VettingRow(
            rules=count,
            statements=text.count("IF "),
            p50_us=p50,
            p99_us=p99,
            p999_us=p999,
            p99_cpu_us=p99_cpu,
            cpu_us=cpu,
            load_ms=load_ms,
            failed=failed,
        )


def _round(rules: RuleSets, orders: Sequence[Facts], vettings: int) -> tuple[float, float, float, float]:
    """p50, p99 and p99.9 of single vettings, and the CPU time of one, in microseconds."""
    cpu = time.process_time()
    p50, p99, p999 = _quantiles(rules, orders, vettings, time.perf_counter_ns)
    return p50, p99, p999, (time.process_time() - cpu) / vettings * 1e6


def _quantiles(
    rules: RuleSets, orders: Sequence[Facts], vettings: int, clock: Callable[[], int]
) -> tuple[float, float, float]:
    """p50, p99 and p99.9 of single vettings by a clock, in microseconds."""
    times = []
    vet = rules.vet
    for number in range(vettings):
        facts = orders[number % len(orders)]
        began = clock()
        vet(facts)
        times.append(clock() - began)
    times.sort()
    p50, p99, p999 = (times[int(len(times) * share)] / 1e3 for share in (0.5, 0.99, 0.999))
    return p50, p99, p999


def rules_text(count: int) -> str:
    """Rules in groups of five like the stock ones, each group with its own bounds, and a set of all."""
    names = [
        f"Group{number // RULES_PER_GROUP}.{RULE_NAMES[number % RULES_PER_GROUP]}" for number in range(count)
    ]
    bodies = [RULE_BODIES[number % RULES_PER_GROUP](number // RULES_PER_GROUP) for number in range(count)]
    rules = "\n".join(f"RULE {name} {{ {body} }}" for name, body in zip(names, bodies, strict=True))
    uses = "\n".join(f"USE {name}" for name in names)
    return f"LIBRARY Bench {{\n{rules}\n}}\nSET Bench.All {{\n{uses}\n}}\n"


RULE_NAMES = ("Account", "Funds", "Holdings", "Price", "Limits")


def _account(group: int) -> str:
    return f"FAIL WITH Account.Inactive IF NOT account.active OR account.id IN ['XS:9{group}', 'XS:8{group}']"


def _funds(group: int) -> str:
    return (
        "RUN IF request.type IN ['Place', 'Amend'] AND order.side IS Bid { FAIL WITH [Balance.Exceed,"
        " balance.trading] IF details HAS value AND details.value - order.value >"
        f" balance.trading + {group} }}"
    )


def _holdings(group: int) -> str:
    return (
        "RUN IF request.type IN ['Place', 'Amend'] AND order.side IS Ask { FAIL WITH"
        " [Quantity.Insufficient, 0] IF holding MISSING available FAIL WITH [Quantity.Insufficient,"
        f" holding.available] IF details.quantity - order.quantity > holding.available + {group} }}"
    )


def _price(group: int) -> str:
    change = "100 * (details.price - market.lastorclose) / market.lastorclose"
    return (
        "RUN IF request.type IN ['Place', 'Amend'] AND details HAS price { FAIL WITH OrderPrice.Invalid IF"
        " details.price <= 0 RUN IF market HAS lastorclose { FAIL WITH OrderPrice.TooFarAbove IF"
        f" order.side IS Bid AND {change} > {10 + group} AUTH WITH OrderPrice.TooFarBelow IF order.side IS"
        f" Ask AND {change} < -{10 + group} }} }}"
    )


def _limits(group: int) -> str:
    return (
        "RUN IF request.type IN ['Place', 'Amend'] { FAIL WITH OrderValue.Exceed IF details HAS value AND"
        f" details.value > {1_000_000 + group} FAIL WITH OrderPrice.Exceed IF details HAS price AND"
        f" details.price > {200 + group} FAIL WITH OrderQuantity.Exceed IF details.quantity >"
        f" {5_000_000 + group} AUTH WITH Symbol.Watched IF symbol.code IN ['W{group}', 'V{group}'] }}"
    )


RULE_BODIES: tuple[Callable[[int], str], ...] = (_account, _funds, _holdings, _price, _limits)


def _balance(is_poor: bool) -> BalanceFacts:
    return BalanceFacts("AUD", Decimal(10_000), Decimal(990 if is_poor else 9_000))


def make_orders(count: int) -> Iterator[Facts]:
    """Orders of both sides, new and amended, with and without a limit price; one of 25 fails a few rules."""
    at = datetime(2026, 11, 21, tzinfo=UTC)
    for number in range(count):
        side = "Bid" if number % 2 else "Ask"
        has_price = number % 10 != 0
        kind = "Limit" if has_price else "Market"
        price = Decimal(990 + number % 20) / 100
        quantity = Decimal(100 + number % 50)
        details = DetailsFacts(kind, quantity, price=price if has_price else None, value=price * quantity)
        before = Decimal(number % 3)
        yield Facts(
            RequestFacts(f"R{number}", "Amend" if number % 3 else "Place", at),
            UserFacts("demo"),
            OrderFacts(side, kind, quantity=before, value=before * price),
            details,
            lambda: AccountFacts("XS:0001"),
            partial(_balance, number % 25 == 1),
            lambda: HoldingFacts(Decimal(1_000), Decimal(900), Decimal(9), Decimal(9_000)),
            lambda: SymbolFacts("XS01", "XSX", "XSX::XSX"),
            lambda: MarketFacts(Decimal("9.9"), Decimal("10.1"), Decimal(10)),
        )


COLUMNS = (
    "rules", "statements", "p50 µs", "p99 µs", "p99.9 µs", "p99 CPU µs", "CPU µs", "load ms", "failed",
)  # fmt: skip


def cells(row: VettingRow) -> list[str]:
    """A row for people, in the order of COLUMNS."""
    return [
        f"{row.rules:,}",
        f"{row.statements:,}",
        f"{row.p50_us:.1f}",
        f"{row.p99_us:.1f}",
        f"{row.p999_us:.1f}",
        f"{row.p99_cpu_us:.1f}",
        f"{row.cpu_us:.1f}",
        f"{row.load_ms:.0f}",
        f"{row.failed:.0%}",
    ]
