"""Order requests with something wrong in them, through the Trading controller, and what each is answered.

    python -m tests.reliability.hostile_orders [--count 100000] [--seed 1]

Every field of every order request is absent, null, empty, of a wrong type, negative, zero, NaN, infinite,
huge or too precise, or names another account, order, market or a suspended symbol; now and then several at
once, or the whole body is something else.
Each is answered by a result with codes that the protocol documents; where
one thing is wrong, with the code of that field and the result that fits: `Incomplete` for what is absent,
`Invalid` for what can never be so. Nothing raises, and no answer is an error of ours.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from tests.reliability.lib_order_process import run_repeatably
from tests.trading.world import A1, A2, ACCOUNT, START, World, amend, place
from zenithd.domain.events import SecurityChanged
from zenithd.domain.identifiers import InstrumentId
from zenithd.oms.codes import DOCUMENTED, OF_MARKETS, OWN, without_values

CODES = set(DOCUMENTED) | OF_MARKETS | OWN
OF_STATE = ("Order", "Retry")
RENEW = 500
"""Requests after which they begin with new orders."""
SUSPENDED = "XS02"

NOT_TEXT: tuple[Any, ...] = (
    5, 1.5, True, [], {}, ["XSX"], {"a": 1}, b"XSX", "\x00", "a\nb", "\ud800", "x" * 500, -1, math.nan,
)  # fmt: skip
NOT_NUMBER: tuple[Any, ...] = (
    "x", "NaN", "", "1_0", "1,5", math.nan, math.inf, -math.inf, True, [], {}, [1], {"a": 1}, b"1",
    Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), "\uff11",
)  # fmt: skip
BAD_NUMBER: tuple[Any, ...] = (
    -1, -0.01, -(10**40), 1e30, 10**40, 2**63, 1e-9, 1.0000001, 100.123456789, 1e300, 5e-324,
    Decimal("1e-999"), Decimal("1e999"), -(2**63) - 1,
)  # fmt: skip
NOT_OBJECT: tuple[Any, ...] = (5, "x", True, [], [{}], b"x", math.nan)
NOT_LIST: tuple[Any, ...] = (5, "x", True, {}, [1], [None], [[]], ["x" * 500], ["x"] * 50, math.nan)
NOT_FLAG: tuple[Any, ...] = (5, "true", [], {}, 0, 1, math.nan)
NOT_DATE: tuple[Any, ...] = (5, "x", "2026-02-30", True, [], {}, "99999-01-01", math.nan, "0000-00-00")
NOT_TRADING_MARKET: tuple[Any, ...] = (" ", "::", "XSX]", "XSX+", "XSX XSY", "\u00e9", *NOT_TEXT)
NOT_MARKET: tuple[Any, ...] = ("XSX::XSX", *NOT_TRADING_MARKET)
NEVER: tuple[Any, ...] = ("Middle", "bid", *NOT_TEXT)


class Field(msgspec.Struct, frozen=True):
    """What can be wrong with a field, and under which code it is told."""

    path: tuple[str, ...]
    code: str
    wrong: tuple[Any, ...]
    """What it can never be."""
    is_required: bool = False
    bad: tuple[Any, ...] = ()
    """What it cannot be here."""
    bad_codes: tuple[str, ...] = ()
    absent_code: str = ""


def _of_details(name: str, code: str, wrong: tuple[Any, ...], *, is_required: bool = False) -> Field:
    return Field(("Details", name), code, wrong, is_required)


ACCOUNT_FIELD = Field(
    ("Account",), "Account", NOT_TEXT, True, ("XS:9999", "YY:0001", "XS:"), ("Account", "Order")
)
REQUEST_ID = Field(("RequestID",), "Order", NOT_TEXT)
FLAGS = Field(("Flags",), "Details", NOT_LIST)
ORDER_ID = Field(("OrderID",), "Order", NOT_TEXT, True, ("none", "of another"), ("Order",))
OF_DETAILS = (
    Field(("Details",), "Details", NOT_OBJECT, True),
    _of_details("Style", "Style", NEVER, is_required=True),
    _of_details("Validity", "Validity", NEVER, is_required=True),
    _of_details("Side", "Side", NEVER, is_required=True),
    _of_details("Type", "OrderType", NEVER, is_required=True),
    _of_details("ShortType", "Side", NEVER),
    _of_details("ExpiryDate", "ExpiryDate", NOT_DATE),
    _of_details("BrokerageSchedule", "Details", NOT_TEXT),
    _of_details("Instructions", "Details", NOT_LIST),
    Field(
        ("Details", "Exchange"), "Exchange", NOT_MARKET, True, ("ASX", "XSY"),
        ("Exchange", "Symbol", "Order"),
    ),
    Field(("Details", "Code"), "Symbol", NOT_TEXT, True, ("NONE", SUSPENDED), ("Symbol", "Order")),
    Field(
        ("Details", "Quantity"), "VisibleQuantity", NOT_NUMBER, True, (0, *BAD_NUMBER),
        ("TotalQuantity", "VisibleQuantity", "TotalValue"),
    ),
    Field(
        ("Details", "LimitPrice"), "LimitPrice", NOT_NUMBER, False, (0, *BAD_NUMBER),
        ("LimitPrice", "TotalValue"),
    ),
    Field(
        ("Details", "HiddenQuantity"), "HiddenQuantity", NOT_NUMBER, False, BAD_NUMBER,
        ("HiddenQuantity", "TotalQuantity", "VisibleQuantity", "TotalValue"),
    ),
    Field(
        ("Details", "MinimumQuantity"), "MinimumQuantity", NOT_NUMBER, False, BAD_NUMBER,
        ("MinimumQuantity", "TotalQuantity"),
    ),
)  # fmt: skip
ROUTE = (
    Field(("Route",), "Route", NOT_OBJECT, True),
    Field(("Route", "Algorithm"), "Route", NEVER, True),
    Field(
        ("Route", "Market"), "Route.Market", NOT_TRADING_MARKET, True, ("XSX::NONE", "NONE"),
        ("Route.Market", "Symbol.Authority", "Route", "Symbol"),
    ),
)  # fmt: skip
ASKED = (ACCOUNT_FIELD, REQUEST_ID, FLAGS)
TOPICS: dict[str, tuple[Field, ...]] = {
    "PlaceOrder": (*ASKED, *OF_DETAILS, *ROUTE),
    "CalculateOrder": (*ASKED, *OF_DETAILS, *ROUTE),
    "AmendOrder": (*ASKED, ORDER_ID, *OF_DETAILS),
    "CancelOrder": (*ASKED, ORDER_ID),
    "MoveOrder": (
        *ASKED,
        ORDER_ID,
        Field(("Destination",), "Account", NOT_TEXT, True, ("XS:9999", "no account"), ("Account",)),
    ),
    "AuthoriseOrder": (*ASKED, ORDER_ID, Field(("Authorise",), "Operation", NOT_FLAG, True)),
    "RequestQuote": (
        Field(("Market",), "Route.Market", NOT_MARKET, True, ("NONE",), ("Symbol",)),
        Field(("Code",), "Symbol", NOT_TEXT, True, ("NONE",), ("Symbol",)),
        Field(("Side",), "Side", NEVER),
        Field(("Quantity",), "TotalQuantity", NOT_NUMBER, False, (0, -1), ("TotalQuantity",)),
    ),
}
WEIGHTS = (6, 2, 5, 3, 2, 2, 1)
BODIES: tuple[Any, ...] = (
    None,
    (),
    [],
    {},
    "x",
    5,
    math.nan,
    True,
    b"x",
    [[]],
    [{}],
    {"": {}},
    {"Account": {}},
)


class Surprise(AssertionError):
    """A request was answered otherwise than the protocol says."""


class Hostile:
    """Draws requests and looks at their answers.

    Attributes:
        codes: how often each was answered.
        results: likewise.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.codes: Counter[str] = Counter()
        self.results: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self._orders: list[str] = []
        self._other = ""

    async def run(self, count: int) -> None:
        """So many requests. Raises Surprise."""
        done = 0
        while done < count:
            world = World()
            async with world.run():
                halted = SecurityChanged(instrument=InstrumentId(f"{SUSPENDED}.XSX"), trading_state="Closed")
                assert not world.xsx.apply([halted], START).faults
                await self._prepare(world)
                for _ in range(min(RENEW, count - done)):
                    await self._one(world)
                    done += 1
                self._check_books(world)

    async def _prepare(self, world: World) -> None:
        self._orders = [await world.placed(Quantity=50) for _ in range(3)]
        self._orders.append(await world.placed(Quantity=100))
        await world.exchange.fill(self._orders[-1], 100, "1.50")
        self._other = await world.placed(Account=str(A2))

    def _check_books(self, world: World) -> None:
        for account in (A1, A2):
            cash = world.state.balance(account, "AUD")
            if cash.trading < 0 or world.state.holding(account, "XSX", "XS01").available < 0:
                raise Surprise(f"{account} has less than nothing: {cash}")

    async def _one(self, world: World) -> None:
        draw = self.random
        topic = draw.choices(list(TOPICS), WEIGHTS)[0]
        data = self._sound(topic)
        kind = draw.random()
        if kind < 0.02:
            data, expected = deepcopy(draw.choice(BODIES)), (("Incomplete", "Invalid", "Rejected"), ())
            self.kinds["body"] += 1
        elif kind < 0.15:
            for _ in range(draw.randint(2, 5)):
                self._spoil(topic, data)
            expected = (("Incomplete", "Invalid", "Rejected", "Success"), ())
            self.kinds["several"] += 1
        else:
            expected = self._spoil(topic, data)
        asked = repr(data)
        try:
            answer = await world.ask(topic, data)
        except Exception as error:
            raise Surprise(f"{topic} {asked}: {error!r}") from error
        if answer.errors:
            raise Surprise(f"{topic} {asked}: an error instead of a result: {answer.errors}")
        self._look(f"{topic} {asked}", answer.data, *expected)

    def _look(self, asked: str, result: Any, results: tuple[str, ...], codes: tuple[str, ...]) -> None:
        self.results[result["Result"]] += 1
        errors = result.get("Errors") or []
        names = {without_values(error) for error in errors}
        self.codes.update(names)
        if result["Result"] not in results or (result["Result"] == "Success") == bool(errors):
            raise Surprise(f"{asked}: {result}, not {results}")
        if unknown := names - CODES:
            raise Surprise(f"{asked}: {unknown} is no code of the protocol")
        fits = any(name == code or name.startswith(f"{code}.") for name in names for code in codes)
        if codes and errors and not fits:
            raise Surprise(f"{asked}: {errors}, and not {codes}")

    def _sound(self, topic: str) -> Any:
        order_id = self.random.choice(self._orders)
        about = {"Account": ACCOUNT, "OrderID": order_id, "Flags": []}
        return {
            "PlaceOrder": lambda: place(Quantity=1),
            "CalculateOrder": place,
            "AmendOrder": lambda: amend(order_id, Quantity=60),
            "CancelOrder": lambda: about,
            "MoveOrder": lambda: {**about, "Destination": str(A2)},
            "AuthoriseOrder": lambda: {**about, "Authorise": True},
            "RequestQuote": lambda: {"Market": "XSX", "Code": "XS01"},
        }[topic]()

    def _spoil(self, topic: str, data: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Make something wrong; which results and codes may be answered."""
        draw = self.random
        field = draw.choice(TOPICS[topic])
        where = data
        for name in field.path[:-1]:
            where = where.get(name)
            if not isinstance(where, dict):
                return ("Incomplete", "Invalid", "Rejected", "Success"), ()
        name, kind = field.path[-1], draw.random()
        if kind < 0.3:
            self.kinds["absent"] += 1
            if draw.random() < 0.5:
                where.pop(name, None)
            else:
                where[name] = None
            if field.is_required:
                return ("Incomplete",), (field.code,)
            return ("Success", "Rejected", "Invalid", "Incomplete"), ()
        if kind < 0.65 or not field.bad:
            self.kinds["of a wrong type"] += 1
            where[name] = deepcopy(draw.choice(field.wrong))
            return ("Invalid", "Incomplete") if where[name] == "" else ("Invalid",), (field.code,)
        self.kinds["not possible"] += 1
        value = draw.choice(field.bad)
        where[name] = self._other if value == "of another" else value
        # The order that is named may have been moved, completed or amended by a request before.
        of_order = OF_STATE if "OrderID" in data else ()
        return ("Invalid", "Rejected", "Incomplete"), (*field.bad_codes, *of_order)


def run_hostile(count: int, seed: int) -> Hostile:
    """So many requests. Raises Surprise."""
    hostile = Hostile(seed)
    run_repeatably(seed, hostile.run, count)
    return hostile


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 if an answer was a surprise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    surprise: BaseException | None = None
    try:
        found = run_hostile(asked.count, asked.seed)
    except* Surprise as group:
        surprise = group
    if surprise is not None:
        while isinstance(surprise, BaseExceptionGroup):
            surprise = surprise.exceptions[0]
        print(f"SURPRISE: {surprise}")
        return 1
    told = {
        "kinds": dict(found.kinds),
        "results": dict(found.results),
        "codes": dict(found.codes.most_common()),
    }
    print(f"{json.dumps(told)} {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
