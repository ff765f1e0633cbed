"""What the verbs of `zenithd symbol` share: how symbols and numbers are written, and the statuses."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import typer

from zenithd.cli.common import OperatorFault
from zenithd.cli.control import Call, Desk, path_of
from zenithd.cli.tick_steps import is_number
from zenithd.domain.identifiers import InvalidIdentifier, parse_instrument, split_instrument

SymbolArgument = Annotated[
    str, typer.Argument(metavar="SYMBOL", help="A symbol, such as BEAR.TOY.", show_default=False)
]
MarketArgument = Annotated[
    str, typer.Argument(metavar="MARKET", help="Code of the market.", show_default=False)
]


class SymbolStatus(enum.StrEnum):
    """The statuses that a symbol can have; without one it has its market's."""

    PRE_OPEN = "PreOpen"
    OPEN = "Open"
    PRE_AUCTION = "PreAuction"
    AUCTION = "Auction"
    PRE_CLOSE = "PreClose"
    CLOSED = "Closed"
    INQUIRY = "Inquiry"
    TRADING_HALT = "TradingHalt"
    SUSPEND = "Suspend"


def read_symbol(desk: Desk, market: str, code: str) -> Any:
    """What the exchange says of a symbol."""
    return desk.read(Call("GET", path_of("market", market, "symbol", code), query={"withState": "true"}))


def symbol_path(symbol: str, *rest: str) -> str:
    """The path of a symbol; raises OperatorFault for what is none."""
    market, code = symbol_parts(symbol)
    return path_of("market", market, "symbol", code, *rest)


def symbol_parts(symbol: str) -> tuple[str, str]:
    """Market and code of a symbol; raises OperatorFault for what is none."""
    try:
        code, market = split_instrument(parse_instrument(symbol))
    except InvalidIdentifier as error:
        raise OperatorFault(f"{error}; write a symbol as CODE.MARKET, such as XS01.XSX") from None
    return market, code


def limits_text(limits: Any) -> str:
    """Between which prices orders are taken."""
    ends = () if limits is None else ((limits["Low"], "from"), (limits["High"], "to"))
    return " ".join(f"{word} {price}" for price, word in ends if price is not None)


def number_text(option: str, text: str | None) -> str | None:
    """A number as it was written, which is exact; a binary fraction would not be.

    Raises:
        OperatorFault: it is none.
    """
    if text is None:
        return None
    if not is_number(text):
        raise OperatorFault(f"{option} {text}: expected a number, such as 12.50")
    return text
