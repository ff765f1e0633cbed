"""The settings, section by section: frozen structs whose descriptions are the reference.

A description says what the setting is and why one would change it; it is printed above the setting in
`config.toml` and in `docs/configuration.md`. Bounds are checked when the file is read. Units stand last in
a name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

LIVE = "x-live"
"""Mark of a setting that a running daemon takes over when the file changes."""


def about(
    description: str, *, ge: float | None = None, le: float | None = None, form: str = "", live: bool = False
) -> Meta:
    """Describe one setting: sentence, bounds, form (see `zenithd.config.forms`), and whether it is live."""
    extra: dict[str, Any] = {}
    if form:
        extra["format"] = form
    if live:
        extra[LIVE] = True
    return Meta(description=description, ge=ge, le=le, extra_json_schema=extra or None)


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections."""


class ServerSettings(_Section, frozen=True):
    """Where the daemon listens and whom it lets in."""

    listen: Annotated[
        str,
        about(
            "Address and port that serve WebSocket, metrics and health; change it to be reached from other"
            " machines (then use TLS). Port 0 takes any free port.",
            form="host-port",
        ),
    ] = "127.0.0.1:8640"
    name: Annotated[
        str, about("Name that clients see in ServerInfo; change it to tell several daemons apart.")
    ] = "zenithd"
    state_directory: Annotated[
        str,
        about(
            "Folder of everything the daemon keeps (history, users, keys), relative to this file; change it"
            " where the operating system wants state elsewhere."
        ),
    ] = "var"
    tls_certificate: Annotated[
        str,
        about(
            "PEM file with the certificate chain; set it together with tls_key to serve TLS. A renewed file"
            " is taken over without a restart.",
            form="file",
        ),
    ] = ""
    tls_key: Annotated[
        str, about("PEM file with the private key that belongs to tls_certificate.", form="file")
    ] = ""
    origins: Annotated[
        tuple[str, ...],
        about(
            "Web pages (Origin headers, such as https://trade.example.com) whose scripts may connect; name"
            ' yours to keep other sites out. "*" lets all in, clients that are not browsers always come in.',
            live=True,
        ),
    ] = ("*",)
    trusted_proxies: Annotated[
        tuple[Annotated[str, Meta(extra_json_schema={"format": "network"})], ...],
        about(
            "Addresses or networks of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto headers are"
            " believed; name yours, else every client seems to come from the proxy.",
            live=True,
        ),
    ] = ()
    trading_over_plain: Annotated[
        Literal["never", "loopback", "always"],
        about(
            "Whether trading rights are given on sockets without TLS; choose never to insist on TLS also on"
            " this machine, always only inside a network you trust.",
            live=True,
        ),
    ] = "loopback"
    handshake_seconds_max: Annotated[
        float,
        about(
            "Time a new connection has for TLS and its HTTP request; raise it for very slow networks.",
            ge=0.1,
            le=600,
        ),
    ] = 10.0
    head_bytes_max: Annotated[
        int,
        about(
            "Largest HTTP request head; raise it if proxies add very large headers.", ge=1024, le=1_048_576
        ),
    ] = 65_536
    shutdown_grace_seconds: Annotated[
        float,
        about(
            "Time clients and plugins have to finish after SIGTERM; keep it below the service manager's own"
            " limit.",
            ge=0,
            le=600,
        ),
    ] = 5.0
    backlog: Annotated[
        int,
        about(
            "Connections the kernel queues before they are accepted; raise it (and net.core.somaxconn) if"
            " thousands connect at the same moment.",
            ge=1,
            le=65_535,
        ),
    ] = 4096


class LimitSettings(_Section, frozen=True):
    """What one client may take. The defaults leave an honest heavy client alone."""

    connections_max: Annotated[
        int,
        about(
            "Connections of all clients together; keep it below the process's limit of open files.",
            ge=1,
            le=1_000_000,
            live=True,
        ),
    ] = 20_000
    connections_per_address_max: Annotated[
        int,
        about(
            "Connections from one address; lower it for public daemons, raise it if many clients share one"
            " address.",
            ge=1,
            le=1_000_000,
            live=True,
        ),
    ] = 12_000
    subscriptions_per_connection_max: Annotated[
        int,
        about(
            "Subscriptions one connection may hold; lower it to save memory, raise it for clients that follow"
            " a whole exchange.",
            ge=1,
            le=1_000_000,
            live=True,
        ),
    ] = 20_000
    requests_per_second: Annotated[
        float,
        about(
            "Requests and subscriptions a second that one connection may send for ever; more are answered"
            " with Limited.",
            ge=0.1,
            le=1_000_000,
            live=True,
        ),
    ] = 5_000.0
    requests_burst: Annotated[
        int,
        about(
            "Requests and subscriptions that may come at once before requests_per_second holds; keep it above"
            " the subscriptions of your heaviest client.",
            ge=1,
            le=1_000_000,
            live=True,
        ),
    ] = 20_000
    requests_pending_max: Annotated[
        int,
        about(
            "Requests of one connection that wait for their answers; lower it if answers are large.",
            ge=1,
            le=1_000_000,
            live=True,
        ),
    ] = 20_000
    message_bytes_max: Annotated[
        int,
        about(
            "Largest message a client may send; a larger one ends its connection.",
            ge=1024,
            le=134_217_728,
            live=True,
        ),
    ] = 1_048_576
    nesting_max: Annotated[
        int,
        about(
            "Depth of lists and objects inside a client's message; deeper ones are malformed.",
            ge=4,
            le=500,
            live=True,
        ),
    ] = 64
    logins_per_minute: Annotated[
        int,
        about(
            "Logins a minute from one address; raise it if many users share one address.",
            ge=1,
            le=1_000_000,
            live=True,
        ),
    ] = 100
    failed_logins_per_minute: Annotated[
        int,
        about(
            "Failed logins a minute from one address before all its logins are refused for a while; lower it"
            " against guessing.",
            ge=1,
            le=1_000_000,
            live=True,
        ),
    ] = 10
    ping_seconds: Annotated[
        float,
        about(
            "Silence after which a client is pinged; lower it where middle boxes cut idle connections.",
            ge=1,
            le=3600,
            live=True,
        ),
    ] = 30.0
    idle_seconds: Annotated[
        float,
        about(
            "Silence after which a connection is closed; must be above ping_seconds.",
            ge=1,
            le=7200,
            live=True,
        ),
    ] = 60.0
    action_timeout_seconds: Annotated[
        float,
        about(
            "Time an answer may take until a client sets its own with Configure.", ge=1, le=3600, live=True
        ),
    ] = 35.0
    subscription_timeout_seconds: Annotated[
        float,
        about(
            "Time a subscription may take until a client sets its own with Configure.",
            ge=1,
            le=3600,
            live=True,
        ),
    ] = 35.0


class FanoutSettings(_Section, frozen=True):
    """How updates reach slow readers."""

    outbox_bytes_max: Annotated[
        int,
        about(
            "Bytes that wait for one slow reader before its updates are merged; lower it to save memory,"
            " raise it to ride out longer stalls in full detail.",
            ge=16_384,
            le=1_073_741_824,
            live=True,
        ),
    ] = 1_048_576
    slice_seconds: Annotated[
        float,
        about(
            "Time one round of deliveries may take before other work gets its turn; raise it for throughput,"
            " lower it for evenness.",
            ge=0.00001,
            le=1,
            live=True,
        ),
    ] = 0.0003
    stall_seconds_max: Annotated[
        float,
        about(
            "Time a reader may take nothing at all before it is disconnected; raise it for clients that sleep"
            " now and then.",
            ge=1,
            le=86_400,
            live=True,
        ),
    ] = 60.0


class AuthenticationSettings(_Section, frozen=True):
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
            "Threads that check passwords, each with hash_memory_kibibytes; raise it if many users log in at"
            " once.",
            ge=1,
            le=64,
        ),
    ] = 2
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


MarketPattern = Annotated[str, Meta(extra_json_schema={"format": "market-pattern"})]
"""A market code in which one `*` stands for anything: `XSX`, `XSX*`, `*[Delayed]`."""

Scope = Literal["Zenith/Market", "Zenith/News", "Zenith/Trading", "Zenith/OrderPad", "Zenith/Authorise"]


class UserSettings(_Section, frozen=True):
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


class DelayedMarketSettings(_Section, frozen=True):
    """A market shown later than it happens, under the tag Delayed: XSX becomes XSX[Delayed]."""

    market: Annotated[str, about("The market that is delayed.", form="market")]
    delay_seconds: Annotated[
        float,
        about("How much later it is shown; the venue's licence usually says.", ge=1, le=604_800),
    ] = 1200.0
    fields: Annotated[
        Literal["all", "asset"],
        about(
            "What is shown: all, or asset for the security alone, without depth and trades; choose what the"
            " venue's licence allows."
        ),
    ] = "all"


class MarketSettings(_Section, frozen=True):
    """Markets that are derived from those of the plugins."""

    mixed: Annotated[
        tuple[Annotated[str, Meta(extra_json_schema={"format": "mixed-market"})], ...],
        about(
            "Mixed markets that are listed; others are still made when a client asks for them by code. Add"
            " those your users should find."
        ),
    ] = ()
    mixed_on_demand_max: Annotated[
        int,
        about(
            "Mixed markets that may be made because clients ask for them; lower it to save memory, 0 allows"
            " the listed ones only.",
            ge=0,
            le=100_000,
        ),
    ] = 100
    linger_seconds: Annotated[
        float,
        about(
            "Time an instrument stays subscribed at the venue after its last reader left; raise it if clients"
            " come and go.",
            ge=0,
            le=86_400,
            live=True,
        ),
    ] = 30.0
    delayed: Annotated[
        tuple[DelayedMarketSettings, ...],
        about("Markets that are also shown with a delay, one [[markets.delayed]] section each."),
    ] = ()


class HistorySettings(_Section, frozen=True):
    """What is kept of trades and bars."""

    retention_days: Annotated[
        int,
        about(
            "Days of trades and bars that are kept; raise it for longer charts, lower it to save disk space.",
            ge=1,
            le=36_500,
        ),
    ] = 365
    flush_seconds: Annotated[
        float,
        about(
            "Time between writes to disk; a power cut loses at most this much of the history.",
            ge=0.01,
            le=60,
        ),
    ] = 0.25
    tape_trades_max: Annotated[
        int,
        about(
            "Newest trades of one instrument and day held in memory; older ones of the day come from the"
            " store.",
            ge=10,
            le=10_000_000,
        ),
    ] = 10_000


class PluginHostSettings(_Section, frozen=True):
    """How plugins are watched and restarted."""

    start_seconds_max: Annotated[
        float,
        about(
            "Time a plugin has to declare its markets; raise it for venues with very large lists.",
            ge=0.1,
            le=3600,
        ),
    ] = 10.0
    call_seconds_max: Annotated[
        float,
        about("Time a plugin has to answer one call (history, login).", ge=0.1, le=3600),
    ] = 10.0
    backoff_seconds_min: Annotated[
        float,
        about(
            "Wait before the first restart of a failed plugin; it doubles with each further failure.",
            ge=0.01,
            le=3600,
        ),
    ] = 0.5
    backoff_seconds_max: Annotated[
        float, about("Longest wait between restarts of a failing plugin.", ge=0.01, le=86_400)
    ] = 60.0
    restarts_max: Annotated[
        int,
        about(
            "Restarts within restart_window_seconds after which a plugin is given up and its feed stays"
            " Impaired; raise it for venues with long outages.",
            ge=0,
            le=1_000_000,
        ),
    ] = 20
    restart_window_seconds: Annotated[
        float, about("Time over which restarts_max counts.", ge=1, le=2_592_000)
    ] = 3600.0
    inbound_events_max: Annotated[
        int,
        about(
            "Events of one plugin that wait to be applied; then the plugin waits too and slows its venue.",
            ge=100,
            le=10_000_000,
        ),
    ] = 10_000
    backpressure_seconds_max: Annotated[
        float,
        about("Time a plugin may be kept waiting before the log warns of it.", ge=0.1, le=3600),
    ] = 5.0
    watchdog_seconds: Annotated[
        float,
        about(
            "Time the daemon's loop may stand still before the log names the code that blocks it.",
            ge=0.05,
            le=60,
        ),
    ] = 1.0


class LoggingSettings(_Section, frozen=True):
    """What is written to standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        about("Least important message that is written; choose debug to follow single requests.", live=True),
    ] = "info"
    format: Annotated[
        Literal["auto", "console", "json"],
        about("Shape of the messages: auto is readable on a terminal and JSON elsewhere."),
    ] = "auto"


class PluginSettings(msgspec.Struct, frozen=True):
    """The section of one plugin: read here only as far as `enabled`."""

    enabled: bool = True
    table: dict[str, Any] = {}
    """The plugin's own keys as TOML gave them, for `Config.parse_section`."""
