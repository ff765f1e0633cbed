"""Parameter styles of the scan language (spec zenith-websocket 4.J2): Multiple, Range, Text, Single."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Protocol, TypeVar

import msgspec

from zenithd.wire.numbers import parse_decimal
from zenithd.wire.symbol_keys import Placement, TextTest, text_test

VALUES_MAX = 1_000
"""Most values of one node."""

_DATE_LENGTH = len("YYYY-MM-DD")


class InvalidCriteria(ValueError):
    """Not a tree of the scan language, or too large a one. Answered with `Data.Deserialise`."""


class Ordered(Protocol):
    """What a range can be asked about."""

    def __le__(self, other: Any, /) -> bool: ...
    def __ge__(self, other: Any, /) -> bool: ...


V = TypeVar("V", bound=Ordered)


def read_text(value: Any) -> str:
    """Read a parameter that is a text."""
    if not isinstance(value, str):
        raise InvalidCriteria("a text is expected")
    return value


def read_number(value: Any) -> Decimal:
    """Read a parameter that is a finite number."""
    try:
        return parse_decimal(value)
    except ValueError as error:
        raise InvalidCriteria(str(error)) from None


def read_date(value: Any) -> date:
    """Read a parameter that is a date `YYYY-MM-DD`."""
    text = read_text(value)
    try:
        if len(text) == _DATE_LENGTH and text[4] == text[7] == "-":
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidCriteria("a date YYYY-MM-DD is expected")


def read_one(parameters: Sequence[Any]) -> Any:
    """Read the only parameter of a Single node."""
    if len(parameters) != 1:
        raise InvalidCriteria("exactly one parameter is expected")
    return parameters[0]


def read_nothing(parameters: Sequence[Any]) -> None:
    """Check that a node stands alone."""
    if parameters:
        raise InvalidCriteria("no parameters are expected")


def read_texts(parameters: Sequence[Any]) -> frozenset[str]:
    """Read the values of a Multiple node."""
    if not parameters:
        raise InvalidCriteria("at least one value is expected")
    if len(parameters) > VALUES_MAX:
        raise InvalidCriteria("too many values")
    return frozenset(read_text(value) for value in parameters)


def read_folded_texts(parameters: Sequence[Any]) -> frozenset[str]:
    """Read the values of a Multiple node that ignores case."""
    return frozenset(text.casefold() for text in read_texts(parameters))


def read_range(parameters: Sequence[Any], read: Callable[[Any], V]) -> Callable[[V | None], bool]:
    """Read the five forms of a range: is set, equals, between, `{At}`, `{Min, Max}`."""
    low, high = _bounds(parameters, read)
    if low is None and high is None:
        return lambda value: value is not None
    if high is None:
        return lambda value: value is not None and value >= low
    if low is None:
        return lambda value: value is not None and value <= high
    return lambda value: value is not None and value >= low and value <= high


def _bounds(parameters: Sequence[Any], read: Callable[[Any], V]) -> tuple[V | None, V | None]:
    if not parameters:
        return None, None
    if len(parameters) == 2:
        low, high = parameters
        return _optional(low, read), _optional(high, read)
    value = read_one(parameters)
    if not isinstance(value, dict):
        exact = read(value)
        return exact, exact
    if not value.keys() <= {"At", "Min", "Max"} or ("At" in value and len(value) > 1):
        raise InvalidCriteria("a range is given by At, or by Min and Max")
    if "At" in value:
        exact = read(value["At"])
        return exact, exact
    return _optional(value.get("Min"), read), _optional(value.get("Max"), read)


def _optional(value: Any, read: Callable[[Any], V]) -> V | None:
    return None if value is None else read(value)


class TextMatch(msgspec.Struct, frozen=True):
    """The text parameters of a Text or NamedText node."""

    test: TextTest
    ignore_case: bool


def read_match(parameters: Sequence[Any]) -> TextMatch:
    """Read `text`, `text As`, `text IgnoreCase`, `text As IgnoreCase` or `text {As, IgnoreCase}`."""
    if not 1 <= len(parameters) <= 3:
        raise InvalidCriteria("a text and how to compare it are expected")
    text, *options = parameters
    placement, ignore_case = _match_options(options)
    return TextMatch(text_test(read_text(text), placement, ignore_case), ignore_case)


def read_named(parameters: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """Split the name off a NamedText or NamedRange node."""
    if not parameters:
        raise InvalidCriteria("a name is expected")
    return read_text(parameters[0]), parameters[1:]


def _match_options(options: Sequence[Any]) -> tuple[Placement, bool]:
    given: dict[str, Any] = {}
    if len(options) == 2:
        given = {"As": options[0], "IgnoreCase": options[1]}
    elif options and isinstance(options[0], dict):
        given = options[0]
        if not given.keys() <= {"As", "IgnoreCase"}:
            raise InvalidCriteria("a text is compared by As and IgnoreCase")
    elif options:
        given = {"IgnoreCase" if isinstance(options[0], bool) else "As": options[0]}
    ignore_case = given.get("IgnoreCase")
    if not isinstance(ignore_case, bool | None):
        raise InvalidCriteria("IgnoreCase is true or false")
    return _placement(given.get("As")), bool(ignore_case)


def _placement(value: Any) -> Placement:
    if value is None:
        return Placement.ANYWHERE
    try:
        return Placement(read_text(value))
    except ValueError:
        raise InvalidCriteria("As is None, FromStart, FromEnd or Exact") from None
