"""Tick tables as operators write them: `0=0.001 0.1=0.005 2=0.01`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from zenithd.cli.common import OperatorFault


def parse_steps(texts: Sequence[str], up_to: str) -> list[dict[str, str]]:
    """The steps of a tick table; each goes on to where the next begins, the last to `up_to`.

    Raises:
        OperatorFault: one is not FROM=STEP with two numbers, or they are not in ascending order.
    """
    pairs = []
    for text in texts:
        low, equals, size = text.partition("=")
        if not equals or not is_number(low) or not is_number(size):
            raise OperatorFault(f"{text}: expected FROM=STEP, such as 0.1=0.005")
        pairs.append((low, size))
    if not is_number(up_to):
        raise OperatorFault(f"--up-to {up_to}: expected a price")
    lows = [low for low, _ in pairs]
    highs = [*lows[1:], up_to]
    for low, high in zip(lows, highs, strict=True):
        if Decimal(low) >= Decimal(high):
            raise OperatorFault(f"the step from {low} must end above it, not at {high}")
    return [{"Low": low, "High": high, "Tick": size} for (low, size), high in zip(pairs, highs, strict=True)]


def step_rows(tables: Mapping[str, Any]) -> list[list[str]]:
    """Tick tables as rows: name, from, to, step."""
    return [
        [name, str(rate["Low"]), str(rate["High"]), str(rate["Tick"])]
        for name, rates in tables.items()
        for rate in rates
    ]


def is_number(text: str) -> bool:
    """True for a finite decimal number."""
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
