"""What the Trading controller needs of the order management system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from zenithd.domain.market_data import FeedStatus
from zenithd.oms.commands import Command, Outcome
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.requests import ClientRequest
from zenithd.oms.state import OmsState

T = TypeVar("T")


class DeskClosed(Exception):
    """Orders are not taken now, or nobody knows what came of this one. `code` is the order error (4.E).

    `Retry`: nothing was done; `Submitted`: it may have been.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TradingDesk(Protocol):
    """The order management system at work."""

    @property
    def state(self) -> OmsState:
        """Only to be read; what is in it may not be kept yet."""
        ...

    def feed_status(self) -> FeedStatus:
        """Of the Trading feed."""
        ...

    def is_kept(self, account: Account) -> bool:
        """Whether all that the state has of an account is kept: only then may it be told."""
        ...

    async def read(self, account: Account | None, take: Callable[[], T]) -> T:
        """What `take` finds in the state when all that the state has of an account is kept; None: of all.

        `take` raises nothing.

        Raises:
            DeskClosed: the state is of no use now.
        """
        ...

    async def execute(self, command: Command) -> Outcome:
        """Carry out a command; returns once what came of it is kept.

        Raises:
            DeskClosed: it was not carried out, or nobody knows.
        """
        ...

    def submit(self, command: Command, then: Callable[[Outcome | DeskClosed], None]) -> None:
        """Carry out a command; `then` is told what came of it once that is kept, or that nobody knows.

        Raises:
            DeskClosed: it is not carried out (`Retry`).
        """
        ...

    def calculate(self, request: ClientRequest, user: str) -> Outcome:
        """What would come of a request; nothing does.

        Raises:
            DeskClosed: orders are not taken now.
        """
        ...
