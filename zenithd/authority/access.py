"""What one user may see and do, worked out once at login (spec: platform B.3, C.9).

`Authority` is the interface that the authority graph takes over later; today the configuration answers.
"""

from __future__ import annotations

import enum
from fnmatch import fnmatchcase
from typing import Protocol

import msgspec

from zenithd.domain.identifiers import MarketId, MixedMarketCode, parse_market


class Visibility(enum.Enum):
    """How much of a market a user sees; `docs/decisions` lists the fields of each level."""

    FULL = "Full"
    LIMITED = "Limited"


class View(msgspec.Struct, frozen=True):
    """What a user sees of one market. Equal views share encoded frames: this is the entitlement class."""

    visibility: Visibility = Visibility.FULL
    brokers: bool = False
    cross_references: bool = False

    def narrowed(self, other: View) -> View:
        """What both views show: the view of a blend of two markets."""
        limited = Visibility.LIMITED in (self.visibility, other.visibility)
        return View(
            Visibility.LIMITED if limited else Visibility.FULL,
            self.brokers and other.brokers,
            self.cross_references and other.cross_references,
        )


class MarketGrant(msgspec.Struct, frozen=True):
    """Markets whose code matches `pattern` (shell style: `*`, `XSX*`) are seen as `view`."""

    pattern: str
    view: View


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """The rights of a logged-in user, or of an unauthenticated connection (`NOBODY`)."""

    user: str = ""
    display_name: str = ""
    scopes: frozenset[str] = frozenset()
    """In the form `Zenith/Market` (zenith-websocket 2.2)."""
    grants: tuple[MarketGrant, ...] = ()
    accounts: tuple[str, ...] = ()
    """Trading accounts, as shell-style patterns of `OWNER:ACCOUNT`."""

    def may_use_account(self, account: str) -> bool:
        """Whether the user sees an account and trades on it, by its text `OWNER:ACCOUNT`."""
        return any(fnmatchcase(account, pattern) for pattern in self.accounts)

    def view(self, market: MarketId) -> View | None:
        """How the user sees a market; None: not at all. A mix needs every source (spec 1.7)."""
        parsed = parse_market(market)
        if not isinstance(parsed, MixedMarketCode):
            return self._single(market)
        views = [self._single(source.id) for source in parsed.sources]
        narrowest = View(Visibility.FULL, brokers=True, cross_references=True)
        for view in views:
            if view is None:
                return None
            narrowest = narrowest.narrowed(view)
        return narrowest

    def _single(self, market: MarketId) -> View | None:
        for grant in self.grants:
            if fnmatchcase(market, grant.pattern.replace("[", "[[]")):
                return grant.view
        return None


NOBODY = Access()


class Authority(Protocol):
    """Answers what a user may do, and says when that changes."""

    def access(self, user: str) -> Access | None:
        """The rights of a user, None if unknown."""
        ...
