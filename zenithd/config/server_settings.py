"""`[server]`, `[limits]`, `[fanout]`: connections of clients."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from zenithd.config.about import Section, about


class ServerSettings(Section, frozen=True):
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
            " where the operating system wants state elsewhere.",
            form="folder",
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
    operators: Annotated[
        tuple[Annotated[str, Meta(extra_json_schema={"format": "network"})], ...],
        about(
            "Addresses or networks that /status and /health/ready tell everything: clients' addresses, users"
            " and reasons. Others are told numbers and states alone; add where you run `zenithd top` from.",
            live=True,
        ),
    ] = ("127.0.0.0/8", "::1")
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


class LimitSettings(Section, frozen=True):
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
    spellings_per_topic_max: Annotated[
        int,
        about(
            "Spellings of one topic that one connection may hold at a time (XS01.XSX, XS01.XSX[], …): each is"
            " framed by itself.",
            ge=1,
            le=10_000,
            live=True,
        ),
    ] = 8
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
    turns_seconds: Annotated[
        float,
        about(
            "Time for which all clients together are worked for before markets get their turn again; raise it"
            " for quicker answers, lower it for evener delivery.",
            ge=0.00001,
            le=1,
            live=True,
        ),
    ] = 0.0003
    message_bytes_max: Annotated[
        int,
        about(
            "Largest message a client may send; a larger one ends its connection. Taking a message apart"
            " holds everybody up: a millisecond for 64 KiB.",
            ge=1024,
            le=134_217_728,
            live=True,
        ),
    ] = 65_536
    message_values_max: Annotated[
        int,
        about(
            "Values in a client's message, at all depths; more of them are malformed, whatever their size.",
            ge=100,
            le=10_000_000,
            live=True,
        ),
    ] = 4_000
    nesting_max: Annotated[
        int,
        about(
            "Depth of lists and objects inside a client's message; deeper ones are malformed.",
            ge=4,
            le=500,
            live=True,
        ),
    ] = 64
    connections_per_minute: Annotated[
        int,
        about(
            "New connections a minute from one address, so many also at once; raise it if more clients than"
            " that share one address.",
            ge=1,
            le=10_000_000,
            live=True,
        ),
    ] = 12_000
    pages_per_second: Annotated[
        float,
        about(
            "Times a second that each page (/metrics, /status, …) is made anew; who asks more often gets"
            " the last one again. Raise it if many programs look at them.",
            ge=0.1,
            le=1_000,
            live=True,
        ),
    ] = 2.0
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


class FanoutSettings(Section, frozen=True):
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
