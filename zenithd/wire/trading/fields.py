"""Reads the fields of one object of a request: what is wrong is noted, under the code of the field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from zenithd.domain.identifiers import InvalidIdentifier, market_of, parse_market
from zenithd.oms.refusals import Faults
from zenithd.wire.dates import InvalidDate, parse_date
from zenithd.wire.numbers import parse_decimal

TEXT_LENGTH_MAX = 100
"""Longest text of a field, in characters."""
LIST_LENGTH_MAX = 20
"""Most texts of a list."""

T = TypeVar("T")


class Fields:
    """The fields of one object; null is the same as absent, unknown ones are ignored."""

    def __init__(self, data: Mapping[str, Any], faults: Faults) -> None:
        self._data = data
        self.faults = faults

    def has(self, name: str) -> bool:
        """True if the field is there."""
        return self._data.get(name) is not None

    def raw(self, name: str) -> Any:
        """The field as it came; None if it is absent."""
        return self._data.get(name)

    def text(self, name: str, code: str, *, required: bool = False) -> str:
        """A text; empty if it is absent. An empty one counts as absent."""
        value = self._data.get(name)
        if value is None or value == "":
            if required:
                self.faults.absent(code)
            return ""
        if not isinstance(value, str) or len(value) > TEXT_LENGTH_MAX or not value.isprintable():
            self.faults.invalid(code)
            return ""
        return value

    def market(self, name: str, code: str, *, required: bool = False, is_trading_market: bool = False) -> str:
        """The code of a market, or of a trading market, which lies in one; empty if it is absent."""
        text = self.text(name, code, required=required)
        try:
            if text:
                parse_market(market_of(text) if is_trading_market else text)
        except InvalidIdentifier:
            self.faults.invalid(code)
            return ""
        return text

    def choice(
        self, name: str, choices: Mapping[str, T], code: str, default: T, *, required: bool = False
    ) -> T:
        """One of some words."""
        value = self._data.get(name)
        if value is None or value == "":
            if required:
                self.faults.absent(code)
            return default
        if not isinstance(value, str) or value not in choices:
            self.faults.invalid(code)
            return default
        return choices[value]

    def number(self, name: str, code: str, *, required: bool = False) -> Decimal | None:
        """A finite number; whether it may be so large or so small is the OMS's to say."""
        value = self._data.get(name)
        if value is None:
            if required:
                self.faults.absent(code)
            return None
        try:
            return parse_decimal(value)
        except ValueError:
            self.faults.invalid(code)
            return None

    def day(self, name: str, code: str) -> date | None:
        """A date; of a date-time, which real clients send (6.7), its date."""
        value = self._data.get(name)
        if value is None:
            return None
        try:
            if isinstance(value, str):
                return parse_date(value)
        except InvalidDate:
            pass
        self.faults.invalid(code)
        return None

    def flag(self, name: str, code: str, *, required: bool = False) -> bool:
        """True or false; false if it is absent."""
        value = self._data.get(name)
        if value is None and required:
            self.faults.absent(code)
        elif value is not None and not isinstance(value, bool):
            self.faults.invalid(code)
        return value is True

    def texts(self, name: str, code: str) -> tuple[str, ...]:
        """A list of texts; empty if it is absent."""
        value = self._data.get(name)
        if value is None:
            return ()
        if (
            not isinstance(value, list)
            or len(value) > LIST_LENGTH_MAX
            or not all(isinstance(item, str) and item and len(item) <= TEXT_LENGTH_MAX for item in value)
        ):
            self.faults.invalid(code)
            return ()
        return tuple(value)

    def inner(self, name: str, code: str, *, required: bool = False) -> Fields | None:
        """An object within; None if it is absent or none."""
        value = self._data.get(name)
        if value is None:
            if required:
                self.faults.absent(code)
            return None
        if not isinstance(value, dict):
            self.faults.invalid(code)
            return None
        return Fields(value, self.faults)
