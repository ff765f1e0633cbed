"""How rules compute: IEEE 754's decimal128, whatever the caller's decimal context is."""

from __future__ import annotations

import decimal
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal

from zenithd.vetting.syntax import Operator

CONTEXT = decimal.Context(
    prec=34,
    Emin=-6143,
    Emax=6144,
    rounding=decimal.ROUND_HALF_EVEN,
    traps=[decimal.DivisionByZero, decimal.InvalidOperation, decimal.Overflow],
)
"""34 digits; dividing by zero, an undefined result and one too large are faults, never values."""

_COMPUTE: Mapping[Operator, Callable[[Decimal, Decimal], Decimal]] = {
    Operator.ADD: operator.add,
    Operator.SUBTRACT: operator.sub,
    Operator.MULTIPLY: operator.mul,
    Operator.DIVIDE: operator.truediv,
    Operator.REMAINDER: operator.mod,
    Operator.POWER: operator.pow,
}


def compute(sign: Operator) -> Callable[[Decimal, Decimal], Decimal]:
    """The function of an arithmetic operator; call it inside `decimal.localcontext(CONTEXT)`."""
    return _COMPUTE[sign]


def negate(number: Decimal) -> Decimal:
    """The negative, exactly."""
    return number.copy_negate()
