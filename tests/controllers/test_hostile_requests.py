"""Thousands of malformed bodies for every query: always an answer, always codes of the protocol."""

from __future__ import annotations

import math
import random
from typing import Any

import msgspec
import pytest

from tests.controllers.market_support import (
    EVERYTHING,
    LIMITED,
    NOON,
    Delayed,
    World,
    sample_markets,
    trade,
    yesterday,
)
from zenithd.controllers.fragments import FragmentsController
from zenithd.wire import errors
from zenithd.wire.answer import ABSENT
from zenithd.wire.errors import base_code
from zenithd.wire.requests import Condition, Request
from zenithd.wire.topics import MARKET_RULES, Kind

BODIES = 5_000
CODES = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str)}
TOPICS = [rule.topic for rule in MARKET_RULES if rule.kind is Kind.QUERY and rule.served_by == "Market"]

TEXTS = (
    "", "XSX", "XSY", "XSX+XSY", "XSX[Delayed]", "XSX:[]", "NONE", "XS01", "XS.03", "x" * 5000, "\x00",
    "\ud800", "XSX!XSX+XSY", "+", "[", "X" * 199 + "+Y", "Default", "Code", "Name", "Code,Alternate", "Exact",
    "FromStart,FromEnd", "2026-11-19", "2026-11-19T00:00:00.000Z", "0001-01-01T00:00:00+14:00", "9999-12-31",
    "99999-01-01", "2026-02-30", "00:01:00", "1.00:00:00", "9999999.23:59:59", "nan", "1e999",
    "And", "IsIndex",
    "LastPrice", "Market", "ManagedFund", "Fundamentals.TopShareholders", "☃",
)  # fmt: skip
NUMBERS = (
    0,
    1,
    -1,
    5,
    1.5,
    2**31,
    2**63,
    2**64,
    -(2**63),
    10**400,
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    5e-324,
)


def fields() -> list[str]:
    """Give every field name that any request knows."""
    known: set[str] = {"Fragments", "Extra"}
    waiting: list[Any] = [Request]
    while waiting:
        kind = waiting.pop()
        known.update(kind.__struct_encode_fields__)
        waiting += kind.__subclasses__()
    return sorted(known | set(Condition.__struct_encode_fields__))


FIELDS = fields()


def value(draw: random.Random, depth: int = 0) -> Any:
    """Draw any value that a codec may hand over, and some that it would not."""
    pick = draw.random()
    if pick < 0.45:
        return draw.choice(TEXTS)
    if pick < 0.65:
        return draw.choice(NUMBERS)
    if pick < 0.75 or depth > 3:
        return draw.choice((None, True, False))
    if pick < 0.9:
        return [value(draw, depth + 1) for _ in range(draw.randrange(4))]
    return {draw.choice((*FIELDS, "At", "Min", "Max", "As")): value(draw, depth + 1) for _ in range(3)}


def body(draw: random.Random) -> Any:
    """Draw a body: often nearly right."""
    if draw.random() < 0.03:
        return value(draw)
    data = {}
    if draw.random() < 0.8:
        data.update(Market=draw.choice(("XSX", "XSY", "XSX+XSY", "XSX[Delayed]")), Code="XS01")
    if draw.random() < 0.3:
        data["SearchText"] = draw.choice(("x", ""))
    for _ in range(draw.randrange(5)):
        data[draw.choice(FIELDS)] = value(draw)
    return data


def deep(levels: int) -> Any:
    nested: Any = ["All"]
    for _ in range(levels):
        nested = ["Not", nested]
    return nested


@pytest.mark.parametrize("topic", TOPICS)
async def test_bodies_of_every_query(topic: str) -> None:
    draw = random.Random(topic)
    source = sample_markets()[0]
    world = World([*sample_markets(), Delayed(source, None)])
    world.history.put(yesterday(), trade("XS01", "XSX", 1, 900, NOON - 86_400 * 10**9))
    answered = 0
    for _ in range(BODIES):
        data = body(draw)
        answer = await world.ask(topic, data, LIMITED if draw.random() < 0.1 else EVERYTHING)
        assert {base_code(code) for code in answer.errors} <= CODES, (data, answer.errors)
        assert all(len(code) < 300 for code in answer.errors)
        if answer.errors and topic != "QueryMixedMarket":
            assert answer.data is ABSENT or isinstance(answer.data, list), data
        if not answer.errors:
            assert answer.data is not ABSENT, data
            msgspec.json.encode(answer.data)
            answered += 1
    assert answered > 0


@pytest.mark.parametrize("topic", ["QueryFragments", "QueryCustomFragments"])
def test_bodies_of_fragments(topic: str) -> None:
    draw = random.Random(topic)
    controller = FragmentsController(World().directory)
    for _ in range(BODIES):
        answer = controller.query(topic, body(draw), EVERYTHING)
        assert {base_code(code) for code in answer.errors} <= CODES
        assert answer.data in ({}, ABSENT)


@pytest.mark.parametrize("levels", [33, 1_000, 20_000])
async def test_nested_criteria(levels: int) -> None:
    answer = await World().ask("ScanSymbols", {"Criteria": deep(levels)})
    assert answer.errors == ("Data.Deserialise",)


@pytest.mark.parametrize(
    "text", ["!", "!" * 300, "." * 300, "XS01." + "X+" * 90 + "X", "\ud800.XSX", "☃.XSX", "\n.XSX"]
)
def test_arguments_of_subscriptions(text: str) -> None:
    world = World()
    for topic in ("Depth", "Levels", "Security", "Trades", "Symbols"):
        refused = world.try_open(f"{topic}!{text}")
        assert {base_code(code) for code in refused.errors} <= CODES
