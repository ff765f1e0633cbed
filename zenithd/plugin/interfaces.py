"""What a plugin implements and what it is given. Authors import these names from `zenithd.plugin`."""

from __future__ import annotations

import abc
import enum
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

import httpx2
import msgspec
import structlog

from zenithd.domain.events import MarketEvent, TradeReported
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import Bar, FeedStatus
from zenithd.plugin.feeds import AdapterFeed
from zenithd.plugin.http import HttpRoute
from zenithd.plugin.journal import Followed, JournalFeed

API_VERSION = 1
"""Version of this interface. A plugin module says `API_VERSION = 1`; another number is refused."""


class Kind(enum.Enum):
    """What a plugin can bring. The kinds after ADAPTER are listed, and served by later versions."""

    MARKET_SOURCE = "market source"
    HISTORY_SOURCE = "history source"
    AUTHENTICATOR = "authenticator"
    ADAPTER = "adapter"
    ORDER_ROUTER = "order router"
    ACCOUNT_SOURCE = "account source"
    REGISTRY_FEED = "registry feed"
    VETTING_RULES = "vetting rules"
    HTTP_ROUTES = "http routes"


class PluginConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of a plugin's own configuration: the keys of its `[plugins.<name>]` section.

    `enabled` is read by the daemon and never reaches the struct. Describe each field with
    `Annotated[type, msgspec.Meta(description="…", ge=…)]`: the description is printed in the
    configuration reference, the bounds are checked with file and line in the error.
    """


class Clock(Protocol):
    """Every source of time. Under test and simulation it is a fake one that moves at will."""

    def now(self) -> int:
        """Wall clock, nanoseconds since the Unix epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; differences only."""
        ...


class LastKnown(msgspec.Struct, frozen=True):
    """What the store still knows of an instrument from before the start."""

    trading_date: date
    trade_id: int
    """Newest stored trade id. Trades sent just before a crash may have had higher ones: a venue sends those
    again, a source that numbers its trades itself uses `ReservedTradeIds`."""
    price: int
    """Price of that trade, in the instrument's scale."""


class MarketSourceContext(Protocol):
    """The daemon as a market source sees it. All methods but the awaited ones return at once."""

    name: str
    """Name of the plugin, as in the configuration."""
    clock: Clock
    random: random.Random
    """Seeded by the daemon; the only randomness a source may use."""
    log: structlog.stdlib.BoundLogger
    http: httpx2.AsyncClient
    """HTTP client with the daemon's deadlines; shared, so never closed by a plugin."""

    @property
    def directory(self) -> Path:
        """`var/plugins/<name>/`, made on first use; for what the source must keep."""
        ...

    def declare_market(self, definition: MarketDefinition, instruments: Sequence[Instrument]) -> None:
        """Declare a market and what it lists, before publishing to it.

        Declaring a market again (after a reconnect) replaces its definition; what changed reaches
        subscribers. The feed starts as Initialising.

        Raises:
            ValueError: the market belongs to another plugin, or an instrument to another market.
        """
        ...

    async def publish(self, events: Sequence[MarketEvent]) -> None:
        """Hand over one batch; waits while the daemon is behind, so that the venue's socket is slowed.

        A batch that breaks the book's rules (an unknown order id, a duplicate) is a fault of the source:
        it is counted and logged with its cause, the instrument's book is emptied as after a gap, and the
        rest of the batch is applied.
        """
        ...

    async def wait_drained(self) -> None:
        """Return when everything published so far has been applied: for sources that are not real time."""
        ...

    async def stored(self) -> bool:
        """Write all trades handed over so far to the store, and return when they are on the disk.

        False: the disk refuses; it is tried again by itself, so ask again later.
        """
        ...

    def set_status(self, market: MarketId, status: FeedStatus, reason: str = "") -> None:
        """Say how the feed is; subscribers see it in Feeds and Markets."""
        ...

    @property
    def wanted(self) -> frozenset[InstrumentId]:
        """The instruments of this source that somebody wants, lingering ones included."""
        ...

    async def wait_wanted(self, known: frozenset[InstrumentId]) -> frozenset[InstrumentId]:
        """Return the wanted instruments as soon as they differ from `known`."""
        ...

    async def last_known(self, instrument: InstrumentId) -> LastKnown | None:
        """What the store knows of the instrument, None at the first start."""
        ...

    def journal(self, feed: str) -> JournalFeed:
        """A feed of the daemon's journal that belongs to this plugin, by a name of its own choice."""
        ...

    def offer(self, thing: object) -> None:
        """Let the plugin's other parts (its adapter) have something, until this run of the source is over."""
        ...

    def serve_http(self, routes: Sequence[HttpRoute]) -> None:
        """Serve REST for operators on the daemon's port, until this run of the source is over.

        Replaces what was served before.

        Raises:
            ValueError: another plugin serves the same, or a route is named twice.
        """
        ...

    async def backfill(
        self, instrument: InstrumentId, trading_date: date, trades: Sequence[TradeReported]
    ) -> None:
        """Store trades of a day (oldest first) that were not seen live; charts are made from them.

        For today's trading date they also count in the statistics and stand on today's tape; they must
        then come before the first published trade of the day.
        """
        ...


C = TypeVar("C", bound=PluginConfig)


class MarketSource(abc.ABC, Generic[C]):
    """A venue. Declares its markets and publishes events until cancelled.

    `run` may raise anything: the supervisor shows the feed as Impaired and starts a new object after a
    back-off. Returning from `run` means that the source is finished (a recording at its end).
    """

    Config: ClassVar[type[PluginConfig]] = PluginConfig
    holds_readiness: ClassVar[bool] = False
    """True for a simulation: the daemon is not ready before it has declared its markets. A real venue
    keeps False, since a venue that is down must not hold the daemon back."""
    needs_journal: ClassVar[bool] = False
    """True: where it failed it is not started again before the journal takes what is appended. A full disk
    may last longer than the restarts that it is granted."""
    http_paths: ClassVar[tuple[str, ...]] = ()
    """First segments of the paths that it serves over REST (`("market",)` for `/market/…`). Requests for them
    are answered with 503 while it does not, and a source that `holds_readiness` holds it for them too."""

    def __init__(self, config: C, context: MarketSourceContext) -> None:
        self.config = config
        self.context = context

    @abc.abstractmethod
    async def run(self) -> None:
        """Run until cancelled. Must declare a market within the daemon's start deadline."""


class AdapterContext(Protocol):
    """The daemon as an adapter sees it."""

    name: str
    """Name of the plugin, as in the configuration."""
    clock: Clock
    log: structlog.stdlib.BoundLogger
    http: httpx2.AsyncClient
    """HTTP client with the daemon's deadlines; shared, so never closed by a plugin."""

    @property
    def directory(self) -> Path:
        """`var/plugins/<name>/`, made on first use."""
        ...

    def supply(self, feed_id: str, last: int = 0) -> AbstractAsyncContextManager[AdapterFeed]:
        """A connection to the order management system, for one feed; see `AdapterFeed`.

        Args:
            feed_id: the feed's name.
            last: the sequence of the last update that the adapter has made.
        """
        ...

    def journal(self, feed: str) -> JournalFeed:
        """A feed of the daemon's journal that belongs to this plugin, by a name of its own choice."""
        ...

    @property
    def journal_position(self) -> int:
        """The end of what is kept now, in the whole journal."""
        ...

    def follow_journal(self, after: int = 0) -> AsyncIterator[Followed]:
        """What is kept in all feeds of this plugin after a position of the journal, and what will be.

        Raises:
            JournalUnavailable: it cannot be read, or is closed.
        """
        ...

    async def wait_offered(self) -> object:
        """What the plugin's market source offers, as soon as it does."""
        ...

    async def wait_withdrawn(self, thing: object) -> None:
        """Return as soon as what was offered is no longer: the source's run is over."""
        ...


class Adapter(abc.ABC, Generic[C]):
    """Carries requests of the order management system to where orders are executed, and says what happens.

    It supplies one or more feeds. `run` may raise anything: the feed is lost, and a new object is started
    after a back-off. Requests on the way are then `Unknown` until the adapter says what became of them.
    """

    Config: ClassVar[type[PluginConfig]] = PluginConfig

    def __init__(self, config: C, context: AdapterContext) -> None:
        self.config = config
        self.context = context

    @abc.abstractmethod
    async def run(self) -> None:
        """Run until cancelled. Must ask for a feed within the daemon's start deadline."""


class HistorySourceContext(Protocol):
    """The daemon as a history source sees it."""

    name: str
    clock: Clock
    log: structlog.stdlib.BoundLogger
    http: httpx2.AsyncClient


class HistorySource(abc.ABC, Generic[C]):
    """Answers for days that the store does not hold. Each call has a deadline set by the operator."""

    Config: ClassVar[type[PluginConfig]] = PluginConfig

    def __init__(self, config: C, context: HistorySourceContext) -> None:
        self.config = config
        self.context = context

    @abc.abstractmethod
    def serves(self, market: MarketId) -> bool:
        """True if this source has history of the market."""

    @abc.abstractmethod
    async def bars(
        self, instrument: Instrument, period_seconds: int, start: int | None, end: int | None, count: int
    ) -> Sequence[Bar]:
        """At most `count` newest bars with start <= time < end, oldest first; [] if it has none."""


class Identity(msgspec.Struct, frozen=True):
    """Who logged in. `user` is looked up in the authority; unknown there means no rights."""

    user: str
    display_name: str = ""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a client presented with AuthOwner or AuthToken (zenith-websocket 2.1)."""

    provider: str
    client_id: str = ""
    client_secret: str = ""
    user_name: str | None = None
    password: str | None = None
    access_token: str | None = None
    peer_address: str = ""


class AuthenticatorContext(Protocol):
    """The daemon as an authenticator sees it."""

    name: str
    clock: Clock
    log: structlog.stdlib.BoundLogger
    http: httpx2.AsyncClient


class Authenticator(abc.ABC, Generic[C]):
    """Checks credentials of one Provider name that the daemon does not know itself."""

    Config: ClassVar[type[PluginConfig]] = PluginConfig
    provider: ClassVar[str]

    def __init__(self, config: C, context: AuthenticatorContext) -> None:
        self.config = config
        self.context = context

    @abc.abstractmethod
    async def authenticate(self, credentials: Credentials) -> Identity | None:
        """Return who it is, or None to refuse. Has a deadline; an exception counts as a refusal."""
