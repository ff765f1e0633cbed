"""Action error codes (zenith-websocket 4.D) and WebSocket close codes (1.3)."""

from __future__ import annotations

import enum
from typing import Final

SUFFIX_LENGTH_MAX = 200
"""Longest suffix of a code: what a client sent is not echoed at any length."""

ACCOUNT: Final = "Account"
ACCOUNT_AUTHORITY: Final = "Account.Authority"
ACCOUNT_FAULT: Final = "Account.Fault"
ACCOUNT_NOT_FOUND: Final = "Account.NotFound"
ACCOUNT_UNAVAILABLE: Final = "Account.Unavailable"
AUTHORITY: Final = "Authority"
"""No access to the action."""
AUTHORITY_AUTHORITY: Final = "Authority.Authority"
AUTHORITY_FAULT: Final = "Authority.Fault"
AUTHORITY_NOT_FOUND: Final = "Authority.NotFound"
AUTHORITY_UNAVAILABLE: Final = "Authority.Unavailable"
CODE: Final = "Code"
"""Field Code missing."""
CONTROLLER: Final = "Controller"
"""Unknown controller; suffix: its name."""
DATA: Final = "Data"
"""Invoked without data."""
DATA_DESERIALISE: Final = "Data.Deserialise"
"""Invalid data."""
EXCHANGE: Final = "Exchange"
EXCHANGE_NOT_FOUND: Final = "Exchange.NotFound"
FAULT: Final = "Fault"
"""Server fault."""
LIMITED: Final = "Limited"
"""Request limit exceeded, wait. Clients compare the whole string: never with a suffix."""
MARKET: Final = "Market"
"""Invalid market."""
MARKET_NOT_FOUND: Final = "Market.NotFound"
"""Unknown or not visible."""
MARKET_UNAVAILABLE: Final = "Market.Unavailable"
OPERATION_UNKNOWN: Final = "Operation.Unknown"
OPERATION_ABORT: Final = "Operation.Abort"
OPERATION_TIMEOUT: Final = "Operation.Timeout"
OPERATION_NO_RESULT: Final = "Operation.NoResult"
"""Invoked without TransactionID, and no subscription of the same name is held."""
SESSION: Final = "Session"
"""No session for the requested resources."""
SOURCE: Final = "Source"
SOURCE_AUTHORITY: Final = "Source.Authority"
SOURCE_FAULT: Final = "Source.Fault"
SOURCE_NOT_FOUND: Final = "Source.NotFound"
SOURCE_UNAVAILABLE: Final = "Source.Unavailable"
SYMBOL: Final = "Symbol"
"""Invalid symbol."""
SYMBOL_AUTHORITY: Final = "Symbol.Authority"
SYMBOL_FAULT: Final = "Symbol.Fault"
SYMBOL_NOT_FOUND: Final = "Symbol.NotFound"
SYMBOL_UNAVAILABLE: Final = "Symbol.Unavailable"
STRATEGY: Final = "Strategy"
"""QueryMixedMarket: unknown strategy; suffix: its code."""
MARKET_TAG: Final = "Market.Tag"
"""QueryMixedMarket: incompatible markets."""
MARKET_ERROR: Final = "Market.Error"
"""QueryMixedMarket: a market that cannot be used; suffix: the market."""


def with_suffix(code: str, suffix: str) -> str:
    """`<code> <suffix>`: one blank, and the suffix is the rest of the text (1.4.3); without one the code."""
    return f"{code} {suffix[:SUFFIX_LENGTH_MAX]}" if suffix else code


def base_code(code: str) -> str:
    """The code without its suffix; for counting rejects by code."""
    return code.partition(" ")[0]


class CloseCode(enum.IntEnum):
    """Why a WebSocket is closed. Clients reconnect after codes below 4000 and never after others."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL = 1002
    """Malformed frame."""
    DATA_INVALID = 1007
    """Malformed message."""
    VIOLATES_POLICY = 1008
    """No answer to pings, or a flood that no limit could answer."""
    DATA_TOO_LARGE = 1009
    SERVER_ERROR = 1011
    SERVER_RESTART = 1012
    """Shutting down, please reconnect."""
    SESSION = 4000
    """A concurrent login exceeded the account's session limit. Only ever used for that."""
