"""Entities as the JSON of the outside and back (platform A.3, Serialisation; names as in Annex P).

Out: a number is a JSON number where that is exact, else Scale, IsNegative and Value; an enumeration is its
full name, or the short one if that is wanted; a time is ISO 8601 with its offset. What is empty is left out,
numbers and booleans never are. In: all of these forms, and enumerations as their numbers too.
"""

from __future__ import annotations

import enum
import types
import typing
from base64 import b64encode
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from zenithd.oms.model.directory import ConnectionStatus
from zenithd.oms.model.entity import Entity, wire_name
from zenithd.oms.model.orders import Lifetime, OrderType, Side
from zenithd.oms.model.transactions import SettlementStatus
from zenithd.wire.dates import NANOSECONDS, UTC_FORMATTER, InvalidDate, parse_date_time
from zenithd.wire.numbers import number

TEXT_LENGTH_MAX: Final = 1_000
"""Of a text in a body: subscribers are sent names and attributes."""
ENTRIES_MAX: Final = 10_000
"""Of a list or map in a body."""
DOUBLE_DIGITS: Final = 15
"""So many digits survive a JSON number (platform D.2)."""

Text = Annotated[str, Meta(max_length=TEXT_LENGTH_MAX)]
T = TypeVar("T", bound=Entity)


class BadField(Exception):
    """A field that is of the right shape and cannot be meant. `code` names it, for the answer."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BigNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=wire_name):
    """A number as its digits: `value` is the unsigned magnitude, the lowest byte first."""

    scale: Annotated[int, Meta(ge=0, le=100)] = 0
    """Decimal places."""
    is_negative: bool = False
    value: Annotated[bytes, Meta(max_length=64)] = b""


class Moment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=wire_name):
    """A time since the Unix epoch; `tz_offset` in minutes says how it was written."""

    seconds: Annotated[int, Meta(ge=0, le=10**11)] = 0
    nanoseconds: Annotated[int, Meta(ge=0, lt=NANOSECONDS)] = 0
    tz_offset: Annotated[int, Meta(ge=-1440, le=1440)] = 0


class _Names(msgspec.Struct, frozen=True):
    """How the members of an enumeration are spelt: full name is prefix and short name."""

    prefix: str
    short: Mapping[enum.Enum, str]
    numbers: Mapping[int, enum.Enum]


def _names(prefix: str, first: int, members: type[enum.Enum], *, upper: bool) -> _Names:
    short = {each: str(each.value).upper() if upper else str(each.value) for each in members}
    return _Names(prefix, short, dict(enumerate(members, first)))


_ENUMERATIONS: Final[Mapping[type[enum.Enum], _Names]] = {
    Side: _names("SIDE_", 1, Side, upper=True),
    OrderType: _names("ORDERTYPE_", 1, OrderType, upper=True),
    Lifetime: _names("LIFETIME_", 1, Lifetime, upper=True),
    ConnectionStatus: _names("CONNECTIONSTATUS_", 0, ConnectionStatus, upper=True),
    SettlementStatus: _names("SettlementStatus_", 0, SettlementStatus, upper=False),
}
"""Annex P; their members stand in the order of its numbers."""


# Out


def tell(value: Any, *, compact: bool = False) -> Any:
    """An entity, or several, as JSON has it. `compact`: enumerations by their short names."""
    if isinstance(value, Entity):
        return _tell_entity(value, compact)
    if isinstance(value, Decimal):
        return tell_number(value)
    if isinstance(value, enum.Enum):
        names = _ENUMERATIONS[type(value)]
        return names.short[value] if compact else names.prefix + names.short[value]
    if isinstance(value, dict):
        return {key: tell(each, compact=compact) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [tell(each, compact=compact) for each in value]
    return value


def tell_number(value: Decimal) -> int | float | dict[str, Any]:
    """A number where a double holds it exactly, else an object."""
    if len(value.as_tuple().digits) <= DOUBLE_DIGITS or value == value.to_integral_value():
        told = number(value)
        if Decimal(repr(told)) == value:
            return told
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), "books hold finite numbers"
    scale = max(-exponent, 0)
    magnitude = int("".join(map(str, digits))) * 10 ** max(exponent, 0)
    encoded = magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "little")
    return {"Scale": scale, "IsNegative": bool(sign), "Value": b64encode(encoded).decode()}


def _tell_entity(entity: Entity, compact: bool) -> dict[str, Any]:
    told = {}
    for field in msgspec.structs.fields(entity):
        value = getattr(entity, field.name)
        if type(value) is int:
            if value or field.default != 0:
                told[field.encode_name] = UTC_FORMATTER.format(value)
        elif value is not None and (isinstance(value, bool | Decimal) or value):
            told[field.encode_name] = tell(value, compact=compact)
    return told


# In


@cache
def form_of(entity: type[Entity]) -> type[msgspec.Struct]:
    """The type of a body that holds an entity: every documented form of each field is taken."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(entity):
        loose = _loose(field.type)
        if field.name == "owner_id":
            fields.append((field.name, loose, ""))  # may be empty on the wire (platform A.3)
        elif field.required:
            fields.append((field.name, loose))
        elif field.default_factory is not msgspec.NODEFAULT:
            fields.append((field.name, loose, msgspec.field(default_factory=field.default_factory)))
        else:
            fields.append((field.name, loose, field.default))
    return msgspec.defstruct(
        entity.__name__,
        fields,
        namespace={"__doc__": entity.__doc__},
        module=__name__,
        rename=wire_name,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


def read(form: Any, entity: type[T]) -> T:
    """The entity that a body holds.

    Raises:
        BadField: an enumeration, number or time that is none.
    """
    return typing.cast(T, _read_entity(form, entity, ""))


def _loose(type_: Any) -> Any:
    arguments = typing.get_args(type_)
    origin = typing.get_origin(type_)
    if origin in (typing.Union, types.UnionType):
        return typing.Union[tuple(_loose(each) for each in arguments)]  # noqa: UP007 - made at run time
    if origin is tuple:
        return Annotated[list[_loose(arguments[0])], Meta(max_length=ENTRIES_MAX)]  # type: ignore[misc]
    if origin is dict:
        return Annotated[dict[Text, _loose(arguments[1])], Meta(max_length=ENTRIES_MAX)]  # type: ignore[misc]
    if type_ is Decimal:
        return Decimal | BigNumber
    if type_ is int:
        return Text | Moment
    if type_ is str:
        return Text
    if isinstance(type_, type) and issubclass(type_, Entity):
        return form_of(type_)
    return int | Text if isinstance(type_, type) and issubclass(type_, enum.Enum) else type_


def _read_entity(form: Any, entity: type[Entity], path: str) -> Entity:
    return entity(
        **{
            field.name: _read(getattr(form, field.name), field.type, f"{path}{field.encode_name}", field)
            for field in msgspec.structs.fields(entity)
        }
    )


def _read(value: Any, type_: Any, path: str, field: msgspec.structs.FieldInfo | None = None) -> Any:
    if value is None or (field is not None and value is field.default):
        return value
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin in (typing.Union, types.UnionType):
        return _read(value, next(each for each in arguments if each is not types.NoneType), path)
    if origin is tuple:
        return tuple(_read(each, arguments[0], f"{path}[{place}]") for place, each in enumerate(value))
    if origin is dict:
        return {key: _read(each, arguments[1], f"{path}.{key}") for key, each in value.items()}
    if type_ is Decimal:
        return _read_number(value, path)
    if type_ is int:
        return _read_time(value, path)
    if isinstance(type_, type) and issubclass(type_, Entity):
        return _read_entity(value, type_, f"{path}.")
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        return _read_word(value, type_, path)
    return value


def _read_number(value: Decimal | BigNumber, path: str) -> Decimal:
    if isinstance(value, BigNumber):
        digits = tuple(map(int, str(int.from_bytes(value.value, "little"))))
        return Decimal((int(value.is_negative), digits, -value.scale))
    if not value.is_finite():
        raise BadField(path)
    return value


def _read_time(value: str | Moment, path: str) -> int:
    if isinstance(value, Moment):
        return value.seconds * NANOSECONDS + value.nanoseconds
    try:
        return parse_date_time(value)
    except InvalidDate:
        raise BadField(path) from None


def _read_word(value: int | str, members: type[enum.Enum], path: str) -> enum.Enum:
    names = _ENUMERATIONS[members]
    if isinstance(value, int):
        if value in names.numbers:
            return names.numbers[value]
        raise BadField(path)
    for member, short in names.short.items():
        if value in (short, names.prefix + short):
            return member
    raise BadField(path)
