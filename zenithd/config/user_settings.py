"""`[users.<name>]` and `[authentication]`: who may do what, and how it is checked."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from zenithd.config.about import Section, about

MarketPattern = Annotated[str, Meta(extra_json_schema={"format": "market-pattern"})]
"""A market code in which one `*` stands for anything: `XSX`, `XSX*`, `*[Delayed]`."""


Scope = Literal[
    "Zenith/Market",
    "Zenith/News",
    "Zenith/Trading",
    "Zenith/OrderPad",
    "Zenith/Authorise",
    "Prodigy/Exchange",
    "Prodigy/Symbol",
    "Prodigy/Control",
    "OMS/Operator",
    "OMS/Alter",
]


class UserSettings(Section, frozen=True):
    """A user and their rights; `zenithd user add` keeps others in the state folder."""

    password: Annotated[
        str,
        about(
            "Password in clear, for demonstrations; prefer password_hash for real users.",
            live=True,
        ),
    ] = ""
    password_hash: Annotated[
        str,
        about(
            "Argon2id hash of the password, as `zenithd user password --print-hash` prints it; use it instead"
            " of password.",
            form="password-hash",
            live=True,
        ),
    ] = ""
    display_name: Annotated[
        str, about("Name that the user is shown; empty shows the user's name.", live=True)
    ] = ""
    loopback_only: Annotated[
        bool,
        about(
            "Whether the user may log in from this machine only; keep true for well-known passwords.",
            live=True,
        ),
    ] = False
    scopes: Annotated[
        tuple[Scope, ...],
        about(
            "Rights: which parts of the protocol the user may use; take away what they need not.", live=True
        ),
    ] = ("Zenith/Market", "Zenith/News")
    markets: Annotated[
        tuple[MarketPattern, ...],
        about(
            'Markets the user sees, "*" for any text: "XSX", "XSX*", "*[Delayed]"; name some to hide the'
            " others. A mixed market needs all of its parts.",
            live=True,
        ),
    ] = ("*",)
    limited_markets: Annotated[
        tuple[MarketPattern, ...],
        about(
            "Markets of which the user sees only the limited fields, also where markets names them; use it"
            " for those who pay for less.",
            live=True,
        ),
    ] = ()
    broker_markets: Annotated[
        tuple[MarketPattern, ...],
        about(
            "Markets in which the user sees the brokers of orders and trades; most venues allow it to few.",
            live=True,
        ),
    ] = ()
    cross_reference_markets: Annotated[
        tuple[MarketPattern, ...],
        about(
            "Markets in which the user sees cross references of orders and trades; only for those whose"
            " orders they are.",
            live=True,
        ),
    ] = ()

    accounts: Annotated[
        tuple[str, ...],
        about(
            'Trading accounts the user sees and trades on, as OWNER:ACCOUNT, "*" for any text: "XS:0001",'
            ' "XS:*"; the scopes Zenith/Trading and Zenith/OrderPad are needed as well.',
            live=True,
        ),
    ] = ()


class AuthenticationSettings(Section, frozen=True):
    """Passwords and tokens."""

    token_lifetime_seconds: Annotated[
        int,
        about(
            "Time an access token is valid; lower it if lost tokens worry you, raise it for clients that"
            " reconnect without a password.",
            ge=60,
            le=31_536_000,
            live=True,
        ),
    ] = 86_400
    hashing_threads: Annotated[
        int,
        about(
            "Threads that check passwords, each with hash_memory_kibibytes and, for tens of milliseconds a"
            " login, a processor; raise it if many users log in at once and processors are idle.",
            ge=1,
            le=64,
        ),
    ] = 1
    hash_memory_kibibytes: Annotated[
        int,
        about(
            "Memory of one Argon2id password check; raise it to make stolen hashes harder to guess.",
            ge=1024,
            le=4_194_304,
            live=True,
        ),
    ] = 19_456
    hash_iterations: Annotated[
        int,
        about(
            "Passes of one Argon2id password check; raise it with the same aim as the memory.",
            ge=1,
            le=100,
            live=True,
        ),
    ] = 2
    hash_lanes: Annotated[
        int,
        about("Parallel lanes of one Argon2id password check; 1 suits a server.", ge=1, le=16, live=True),
    ] = 1
