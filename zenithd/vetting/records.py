"""Facts as plain values that JSON and MessagePack can hold, and back.

That is what a journal keeps of a vetting, so that it can be explained and vetted again as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from zenithd.vetting.facts import (
    AccountFacts,
    BalanceFacts,
    DetailsFacts,
    Facts,
    HoldingFacts,
    MarketFacts,
    OrderFacts,
    RequestFacts,
    SymbolFacts,
    UserFacts,
    known,
)

Record = Mapping[str, Mapping[str, Any] | None]
"""By object: its fields, numbers as texts; None for an object that was not there."""

_TYPES: Mapping[str, type] = {
    "request": RequestFacts,
    "user": UserFacts,
    "order": OrderFacts,
    "details": DetailsFacts,
    "account": AccountFacts,
    "balance": BalanceFacts,
    "holding": HoldingFacts,
    "symbol": SymbolFacts,
    "market": MarketFacts,
}
_LOOKED_UP = ("account", "balance", "holding", "symbol", "market")


def record_of(facts: Facts) -> dict[str, dict[str, Any] | None]:
    """Everything that the rules could have read; calls every look-up."""
    found = {name: getattr(facts, name) for name in _TYPES}
    return {
        name: _fields(value() if name in _LOOKED_UP else value, kind)
        for (name, value), kind in zip(found.items(), _TYPES.values(), strict=True)
    }


def facts_of(record: Record) -> Facts:
    """The facts that `record_of` made a record of.

    Raises:
        ValueError, TypeError, KeyError: it is no such record.
    """
    objects: dict[str, Any] = {}
    for name, kind in _TYPES.items():
        fields = record[name]
        value = None if fields is None else kind(**{key: _parsed(key, one) for key, one in fields.items()})
        if value is None and name in ("request", "user", "order"):
            raise ValueError(f"a record without {name}")
        objects[name] = known(value) if name in _LOOKED_UP else value
    return Facts(**objects)


_TEXTS = frozenset({
    "id", "type", "side", "code", "exchange", "market", "symbol_class", "currency", "advisor", "branch",
    "broker", "status",
})  # fmt: skip
"""Fields that are texts; other texts in a record are numbers."""


def _fields(value: Any, kind: type) -> dict[str, Any] | None:
    if value is None:
        return None
    return {name: _plain(getattr(value, name)) for name in kind.__dataclass_fields__}  # type: ignore[attr-defined]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal) or type(value) is int:
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else value


def _parsed(name: str, value: Any) -> Any:
    if name == "time":
        return datetime.fromisoformat(value)
    if isinstance(value, str) and name not in _TEXTS:
        return Decimal(value)
    return value
