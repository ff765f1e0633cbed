"""The door for commands from outside: whatever comes, it gives a command or says why not. Pure.

Outside, prices and quantities are decimal numbers (JSON numbers, or text where a number might be rounded
on its way); inside they are integers in the symbol's scales. Nothing is rounded: what is too precise is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, get_args

import msgspec

from zenithd_prodigy.engine import commands as c
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.model.decimals import in_units
from zenithd_prodigy.model.state import MarketState

COMMAND_BYTES_MAX = 65_536
"""Longest encoded command."""
DEPTH_MAX = 8
ENTRIES_MAX = 2_000
"""Most entries of one list or mapping of a command."""

Scales = Callable[[str, str], "tuple[int, int] | Refused"]
"""Price scale and quantity scale of a symbol of a market, or why there are none."""

_COMMANDS: dict[str, type] = {kind.__name__: kind for kind in get_args(c.Command)}
_PRICES = frozenset({"price"})
_QUANTITIES = frozenset({"quantity", "display_quantity", "minimum_quantity"})
_NUMBER = re.compile(r"-?\d{1,60}(\.\d{1,60})?", re.ASCII)


def _decimal(text: str) -> Decimal:
    """A JSON number, whatever its exponent; one beyond all reckoning is infinite."""
    try:
        return Decimal(text)
    except ArithmeticError:
        return Decimal("Infinity")


_JSON = msgspec.json.Decoder(float_hook=_decimal)


def decode_command(
    source: bytes | Mapping[str, Any], scales: Scales, entity: str = ""
) -> c.Command | Refused:
    """Turn what a peer sent into a command.

    Args:
        source: JSON, or the mapping that it stands for. `type` names the command.
        scales: asked where there is a price or a quantity; see `scales_of`.
        entity: who is at the door: an executing firm's code, or empty for the operator. The command cannot
            say it itself.

    Returns:
        The command, well formed; or a refusal whose detail names the field and what was expected there.
    """
    fields = _fields(source)
    if isinstance(fields, Refused):
        return fields
    kind = fields.get("type")
    command_type = _COMMANDS.get(kind) if isinstance(kind, str) else None
    if command_type is None:
        return Refused(Reason.UNKNOWN_COMMAND)
    if "entity" in fields:
        return Refused(Reason.MALFORMED, "entity: whoever is logged in; it cannot be given")
    converted = _in_scale(fields, scales)
    if isinstance(converted, Refused):
        return converted
    converted["entity"] = entity
    try:
        command: c.Command = msgspec.convert(converted, type=command_type)
    except msgspec.ValidationError as error:
        return Refused(Reason.MALFORMED, str(error)[: c.TEXT_LENGTH_MAX])
    if len(command.command_id) > c.COMMAND_ID_LENGTH_MAX:
        return Refused(Reason.MALFORMED, f"command_id: at most {c.COMMAND_ID_LENGTH_MAX} characters")
    return command


def scales_of(market: MarketState) -> Scales:
    """The scales of one market's symbols."""

    def scales(code: str, symbol: str) -> tuple[int, int] | Refused:
        if not market.exists or code != market.definition.code:
            return Refused(Reason.UNKNOWN_MARKET)
        found = market.symbols.get(symbol)
        if found is None:
            return Refused(Reason.UNKNOWN_SYMBOL)
        return found.definition.price_scale, found.definition.quantity_scale

    return scales


def _fields(source: object) -> dict[str, Any] | Refused:
    if isinstance(source, bytes):
        if len(source) > COMMAND_BYTES_MAX:
            return Refused(Reason.MALFORMED, f"more than {COMMAND_BYTES_MAX} bytes")
        try:
            source = _JSON.decode(source)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return Refused(Reason.MALFORMED, str(error)[: c.TEXT_LENGTH_MAX])
    if not isinstance(source, Mapping):
        return Refused(Reason.MALFORMED, "expected an object with the fields of a command")
    fault = _fault(source, 0)
    return dict(source) if fault is None else Refused(Reason.MALFORMED, fault)


def _fault(value: object, depth: int) -> str | None:
    """What is absurd about a value, however deep; None if nothing is."""
    if isinstance(value, str):
        if len(value) > c.TEXT_LENGTH_MAX:
            return f"a text of more than {c.TEXT_LENGTH_MAX} characters"
        return None if value.isascii() or _is_encodable(value) else "a text that is not Unicode"
    if isinstance(value, Mapping | list | tuple):
        if depth >= DEPTH_MAX or len(value) > ENTRIES_MAX:
            return "too many entries, or too deep"
        if isinstance(value, Mapping):
            inner = [*value.keys(), *value.values()]
            if not all(isinstance(key, str) for key in value):
                return "a field whose name is not a text"
        else:
            inner = list(value)
        return next((fault for each in inner if (fault := _fault(each, depth + 1)) is not None), None)
    return None


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _in_scale(fields: dict[str, Any], scales: Scales) -> dict[str, Any] | Refused:
    """The fields with prices and quantities as integers."""
    limits = fields.get("limits")
    numbers = [name for name in fields if name in _PRICES or name in _QUANTITIES]
    if not numbers and not isinstance(limits, Mapping):
        return dict(fields)
    market, symbol = fields.get("market"), fields.get("symbol")
    if not isinstance(market, str) or not isinstance(symbol, str):
        return Refused(Reason.MALFORMED, "market and symbol: expected texts")
    found = scales(market, symbol)
    if isinstance(found, Refused):
        return found
    converted = dict(fields)
    for name in numbers:
        refusal = _convert(converted, name, found)
        if refusal is not None:
            return refusal
    if isinstance(limits, Mapping):
        converted["limits"] = inner = dict(limits)
        for name in ("low", "high"):
            refusal = _convert(inner, name, found) if name in inner else None
            if refusal is not None:
                return refusal
    return converted


def _convert(fields: dict[str, Any], name: str, scales: tuple[int, int]) -> Refused | None:
    """Turn one decimal number into an integer of its scale; None: done."""
    value = fields[name]
    if value is None:
        return None  # whether it may be is the command's business
    of_quantity = name in _QUANTITIES
    number = _number(value)
    if number is None:
        return Refused(Reason.MALFORMED, f"{name}: expected a decimal number")
    scale = scales[1] if of_quantity else scales[0]
    try:
        units = in_units(number, scale)
    except ValueError:
        return Refused(Reason.QUANTITY if of_quantity else Reason.PRICE, name)
    if units is None:
        precision = Reason.QUANTITY_PRECISION if of_quantity else Reason.PRICE_PRECISION
        return Refused(precision, f"{name}: {scale} decimals")
    fields[name] = units
    return None


def _number(value: object) -> Decimal | None:
    """Exactly the number that was meant; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, str):
        if _NUMBER.fullmatch(value):
            return Decimal(value)
        if value.lower() in ("nan", "inf", "-inf", "infinity", "-infinity"):
            return Decimal(value)
    return None
