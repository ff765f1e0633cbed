"""Facts as bytes, and back: what a journal keeps of a vetting, to explain it and to judge it again."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from zenithd.vetting.arithmetic import CONTEXT
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

_TYPES: Mapping[str, type[msgspec.Struct]] = {
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
"""In the order in which they are encoded: a list for each, of its fields in their order. Fields and objects
are only ever added at the end: what is kept is read for ever."""
_LOOKED_UP = ("account", "balance", "holding", "symbol", "market")
_ALWAYS = ("request", "user", "order")
_TEXTS = frozenset({
    "id", "type", "side", "code", "exchange", "market", "symbol_class", "currency", "advisor", "branch",
    "broker", "status",
})  # fmt: skip
"""Fields that are texts; other texts that are encoded are numbers."""


def _fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return kind.__struct_fields__


def _taker(kind: type[msgspec.Struct]) -> Callable[[Any], Any]:
    fields = _fields(kind)
    take = attrgetter(*fields)
    return take if len(fields) > 1 else lambda value: (take(value),)


_TAKE: Mapping[str, Callable[[Any], Any]] = {name: _taker(kind) for name, kind in _TYPES.items()}
_ENCODER = msgspec.msgpack.Encoder(enc_hook=dict)  # attributes may be any mapping
_DECODER = msgspec.msgpack.Decoder(list[list[Any] | None])


def encode_facts(facts: Facts) -> bytes:
    """Everything that the rules could have read, as MessagePack; calls every look-up."""
    encoded = []
    with decimal.localcontext(CONTEXT):
        for name, take in _TAKE.items():
            value = getattr(facts, name)
            if name in _LOOKED_UP:
                value = value()
            encoded.append(None if value is None else take(value))
    return _ENCODER.encode(encoded)


def decode_facts(encoded: bytes) -> Facts:
    """The facts that `encode_facts` encoded, in this version or an older one.

    Raises:
        ValueError: it is nothing of the kind, or of a newer version.
    """
    try:
        records = _DECODER.decode(encoded)
    except msgspec.DecodeError as error:
        raise ValueError(f"no facts: {error}") from None
    if len(records) > len(_TYPES):
        raise ValueError("facts of a newer version")
    objects: dict[str, Any] = {}
    for number, (name, kind) in enumerate(_TYPES.items()):
        record = records[number] if number < len(records) else None
        value = None if record is None else _object(name, kind, record)
        if value is None and name in _ALWAYS:
            raise ValueError(f"facts without {name}")
        objects[name] = known(value) if name in _LOOKED_UP else value
    return Facts(**objects)


def _object(name: str, kind: type[msgspec.Struct], values: list[Any]) -> Any:
    fields = _fields(kind)
    if len(values) > len(fields):
        raise ValueError(f"{name} of a newer version")
    try:
        return kind(**{field: _parsed(field, value) for field, value in zip(fields, values, strict=False)})
    except (TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{name} cannot be read: {error}") from None


def _parsed(field: str, value: Any) -> Any:
    if type(value) is int or (isinstance(value, str) and field not in _TEXTS):
        return Decimal(value)
    return value
