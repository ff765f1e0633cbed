"""Fees by schedule: brokerage with a minimum, and a tax on it. Exact, rounded half up to cents. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, Inexact

import msgspec

from zenithd.oms.model.entity import ZERO
from zenithd.oms.numbers import EXACT

BROKERAGE = "Brokerage"
TAX = "Tax"


class FeeRates(msgspec.Struct, frozen=True, kw_only=True):
    """One schedule. Rates are parts: 0.001 is 0.1 %."""

    brokerage_rate: Decimal = ZERO
    """Of the value."""
    brokerage_minimum: Decimal = ZERO
    """Of an order that traded at all."""
    tax_rate: Decimal = ZERO
    """Of the brokerage."""
    decimals: int = 2
    """To which fees are rounded."""


class FeeTable:
    """A `FeeSchedule` of named rates; the empty name is the usual one."""

    def __init__(self, rates: Mapping[str, FeeRates] | None = None) -> None:
        self._rates = {"": FeeRates(), **(rates or {})}

    def knows(self, schedule: str) -> bool:
        """See `FeeSchedule`."""
        return schedule in self._rates

    def fees(self, schedule: str, value: Decimal) -> dict[str, Decimal]:
        """See `FeeSchedule`. Unknown names have the usual rates: the schedule of an old order may be gone."""
        rates = self._rates.get(schedule) or self._rates[""]
        if value <= 0:
            return {}
        step = Decimal(1).scaleb(-rates.decimals)
        brokerage = _rounded(max(value * rates.brokerage_rate, rates.brokerage_minimum), step)
        tax = _rounded(brokerage * rates.tax_rate, step)
        return {name: fee for name, fee in ((BROKERAGE, brokerage), (TAX, tax)) if fee}


def _rounded(value: Decimal, step: Decimal) -> Decimal:
    return value.quantize(step, rounding=ROUND_HALF_UP, context=_ROUNDING)


_ROUNDING = EXACT.copy()
_ROUNDING.traps[Inexact] = False
