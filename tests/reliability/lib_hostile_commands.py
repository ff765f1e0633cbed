"""Commands with something wrong in them, and the reasons for which each may be refused."""

from __future__ import annotations

import math
import random
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec

from tests.reliability.lib_matching import CODE, OWNERS, SYMBOL, new_market
from zenithd_prodigy.engine.decoding import decode_command, scales_of
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.model.events import decode_events, encode_events

ORDER: dict[str, Any] = {"market": CODE, "symbol": SYMBOL}

SOUND: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "PlaceOrder",
        {
            **ORDER,
            "side": "Bid",
            "quantity": 10,
            "price": "1.25",
            "display_quantity": 5,
            "time_in_force": "GTD",
            "expiry": "2026-01-09",
            "account": "a",
            "context": "c",
            "command_id": "x",
        },
    ),
    (
        "PlaceOrder",
        {**ORDER, "side": "Ask", "quantity": 10, "price": 1.25, "minimum_quantity": 3, "all_or_none": False},
    ),
    ("PlaceOrder", {**ORDER, "side": "Ask", "quantity": 10, "order_type": "Market"}),
    ("AmendOrder", {**ORDER, "order": 1, "price": 2, "quantity": 5}),
    ("CancelOrder", {**ORDER, "order": 1}),
    ("BulkCancel", {**ORDER, "reason": "cancelled by the operator", "of": "A"}),
    ("CancelTrade", {**ORDER, "trade_id": 1}),
    ("CorrectTrade", {**ORDER, "trade_id": 1, "price": "1.5", "quantity": 3}),
    ("SetStatus", {"market": CODE, "status": "Open", "symbol": SYMBOL}),
    ("RunPhase", {"market": CODE, "day": "2026-01-05", "index": 1}),
    (
        "SetTimetable",
        {
            "market": CODE,
            "timetable": {
                "time_zone": "Australia/Sydney",
                "plans": {"day": [["10:00", "Open"], ["16:00", "Closed"]]},
                "weekdays": ["day", "day", "day", "day", "day", None, None],
                "holidays": {"2026-01-26": "Australia Day"},
                "special_days": {"2026-12-24": "day"},
            },
        },
    ),
    ("StartTradingDay", {"market": CODE, "trading_date": "2026-01-06"}),
    ("EndTradingDay", {"market": CODE}),
    ("CreateMarket", {"market": CODE, "name": "n", "time_zone": "UTC", "status": "Open", "first_order": 1}),
    (
        "ChangeMarket",
        {"market": CODE, "time_zone": "UTC", "settings": {"self_trade": "off", "orders_max": 9}},
    ),
    ("RenameMarket", {"market": CODE, "new_code": CODE}),
    (
        "ListSymbol",
        {
            "market": CODE,
            "definition": {"code": "N", "price_scale": 2, "lot_size": 1, "attributes": {"a": "b"}},
            "first_trade_id": 1,
        },
    ),
    ("ChangeSymbol", {**ORDER, "name": "n", "lot_size": 1, "tick_table": ""}),
    ("RenameSymbol", {**ORDER, "new_code": SYMBOL}),
    (
        "SetTickTable",
        {
            "market": CODE,
            "table": {"code": "T1", "steps": [{"low": "0", "high": "10", "size": "0.01"}]},
            "replaces": False,
        },
    ),
    ("RemoveTickTable", {"market": CODE, "code": "T9"}),
    ("SetReference", {**ORDER, "name": "Close", "price": "1.0"}),
    ("SetPriceLimits", {**ORDER, "limits": {"low": "1", "high": "2.5"}}),
    ("AddEntity", {"market": CODE, "definition": {"code": "NEW", "entity_type": "OR"}}),
    ("RenameEntity", {"market": CODE, "code": "A", "new_code": "B"}),
    ("RemoveEntity", {"market": CODE, "code": "Z"}),
)
"""One of every command, and more of orders."""

OF_ENTITIES = {"PlaceOrder", "AmendOrder", "CancelOrder", "BulkCancel"}

WRONG: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2**63, -(2**63) - 1, 10**40, 0.1, 1.005, math.nan, math.inf, -math.inf, "",
    " ", "NaN", "1e9", "-1", "0", "1.0000001", "\uff19", "x" * 17, "x" * 5_000,
    "a b", "a.b", "\ud800", "\x00", "'",
    "2026-02-30", "0000-00-00", "9999-12-31", "../../etc/passwd", [], {}, [1], {"a": 1}, {1: 2}, b"x",
    Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e999999"), Decimal("1e-999999"),
    Decimal("0.001"), 10**29, Decimal("1" * 31 + ".1"), Decimal("0." + "1" * 5_000), object(),
)  # fmt: skip

NUMBERS: dict[str, set[Reason]] = {
    "price": {Reason.PRICE, Reason.PRICE_PRECISION, Reason.MALFORMED},
    "quantity": {Reason.QUANTITY, Reason.QUANTITY_PRECISION, Reason.MALFORMED},
}
"""For what numbers that cannot be are refused, whatever else the market thinks of the command."""

NEVER: dict[str, tuple[Any, ...]] = {
    "price": (
        -1, 0, 10**40, math.nan, math.inf, -math.inf, "NaN", "-1", "1.0000001", Decimal("1e999999"), True, [],
    ),
    "quantity": (
        -1, 0, 10**40, math.nan, math.inf, "NaN", "-1", "0", "1.0000001", Decimal("1e-999999"), True, [], {},
    ),
}  # fmt: skip


def nested(path: dict[str, Any]) -> list[dict[str, Any]]:
    """The mapping and those within it."""
    found = [path]
    for value in path.values():
        if isinstance(value, dict):
            found += nested(value)
    return found


class HostileRun:
    """A market that is given commands with something wrong in them, and must come through unharmed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.reasons: Counter[Reason] = Counter()
        self.accepted = 0
        self._renew()

    def _renew(self) -> None:
        self.market = new_market()
        for entity, side, price in (("A", "Bid", 1), ("B", "Ask", 1), ("A", "Bid", "0.99")):
            command = {"type": "PlaceOrder", **ORDER, "side": side, "quantity": 4, "price": price}
            assert not isinstance(self._give(command, entity), Refused)

    def step(self) -> None:
        """One hostile command; what it does to the state is looked at, and then undone."""
        name, sound = self.random.choice(SOUND)
        command = msgspec.msgpack.decode(msgspec.msgpack.encode({"type": name, **sound}))
        expected = self._spoil(command)
        entity = self.random.choice(OWNERS) if name in OF_ENTITIES else ""
        before = self.market.model.digest() if self.random.random() < 0.05 else None
        outcome = self._give(command, entity)
        if isinstance(outcome, Refused):
            self.reasons[outcome.reason] += 1
            assert expected is None or outcome.reason in expected, (command, outcome)
            assert str(outcome)
            assert before in (None, self.market.model.digest()), (command, outcome)
            return
        assert expected is None, (command, outcome)
        self.accepted += 1
        assert decode_events(encode_events(outcome)) == outcome
        restored = Market(checkpoint=self.market.model.checkpoint())
        assert restored.model.digest() == self.market.model.digest()
        self._renew()

    def _give(self, command: dict[str, Any], entity: str) -> Any:
        decoded = decode_command(command, scales_of(self.market.model), entity)
        return decoded if isinstance(decoded, Refused) else self.market.handle(decoded, 1_767_600_000 * 10**9)

    def _spoil(self, command: dict[str, Any]) -> set[Reason] | None:
        """Make something wrong; returns the reasons for which it must be refused, None: it depends."""
        source = self.random
        where = source.choice(nested(command))
        kind = source.random()
        name = source.choice(list(where)) if where else ""
        if kind < 0.12 or not where:
            where[source.choice(("surprise", "entity", "Price", ""))] = source.choice((1, "A", None))
            return {Reason.MALFORMED, Reason.UNKNOWN_COMMAND} if where is command else None
        if kind < 0.25:
            required = name in ("market", "symbol", "side", "order", "trade_id") and where is command
            optional = command["type"] == "SetStatus" and name == "symbol"
            del where[name]
            return {Reason.MALFORMED} if required and not optional else None
        numbers = [each for each in ("price", "quantity") if command.get(each) is not None]
        if kind < 0.5 and numbers:
            name = source.choice(numbers)
            command[name] = source.choice(NEVER[name])
            return NUMBERS[name] | {Reason.UNKNOWN_ORDER, Reason.UNKNOWN_TRADE}
        where[name] = source.choice(WRONG)
        return None


def hostile_bytes(source: random.Random) -> bytes:
    """Something that is seldom JSON."""
    name, sound = source.choice(SOUND)
    data = bytearray(msgspec.json.encode({"type": name, **sound}))
    for _ in range(source.randint(1, 4)):
        place = source.randrange(len(data))
        kind = source.random()
        if kind < 0.5:
            data[place] = source.randrange(256)
        elif kind < 0.75:
            del data[place : place + source.randint(1, 9)]
            data += b" "
        else:
            data[place:place] = source.choice(
                (b"[" * 2_000, b"1e99999", b"1e9999999999999999999", b"NaN", b"\xff", b'"', b"}", b"9" * 400)
            )
    return bytes(data)


def run_hostile(count: int, seed: int) -> HostileRun:
    """So many hostile commands as values, and a tenth as many as bytes. Raises AssertionError."""
    run = HostileRun(seed)
    for _ in range(count):
        run.step()
    for _ in range(count // 10):
        decoded = decode_command(hostile_bytes(run.random), scales_of(run.market.model))
        if isinstance(decoded, Refused):
            run.reasons[decoded.reason] += 1
        else:
            run.market.handle(decoded, 1)
            run._renew()
    return run
