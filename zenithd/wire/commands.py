"""What a session asks of the connection that runs it, and the structs of a login.

The connection executes commands in the order given; commands that a callback returns go behind those which
still wait. A ticket names one piece of work: each Query, CheckLogin, Subscribe and Revalidate is answered
exactly once by the session's method of that name, or never if it was cancelled. Answers to tickets that the
session no longer knows are dropped by it, so a race between an answer and a Cancel is harmless. For one
topic there is never more than one Subscribe or Revalidate at a time.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from zenithd.authority.access import Access
from zenithd.wire.topics import Rule


class LoginKind(enum.Enum):
    """The three topics that log in; the value is the topic."""

    TOKEN = "AuthToken"
    CODE = "AuthCode"
    OWNER = "AuthOwner"


class LoginRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials as a client sent them (zenith-websocket 2.1), types checked, nothing else."""

    kind: LoginKind
    provider: str
    access_token: str = ""
    """AuthToken: the token itself, Base-64 removed."""
    client_id: str = ""
    client_secret: str = ""
    user_name: str | None = None
    password: str | None = None
    grant: str = ""
    """AuthCode: the external grant."""
    scopes: frozenset[str] | None = None
    """The rights asked for, in the form `Zenith/Market`; None: all that the user may have."""

    def __repr__(self) -> str:
        """Without secrets: commands may be logged."""
        return f"LoginRequest({self.kind.value} by {self.provider!r} for {self.user_name!r})"


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A login that was accepted."""

    access: Access
    """All rights of the user; the session narrows them to `scopes` and to what the transport permits."""
    access_token: str = ""
    """The token itself for restoring the connection; sent Base-64 encoded, `""` if there is none."""
    scopes: frozenset[str] | None = None
    """The rights that the token is limited to; None: no limit."""
    expires_at: int | None = None
    """When the login ends, ns since the Unix epoch; None: never."""
    expires_in: float | None = None
    """The same in seconds from now; both are set or neither."""

    def __repr__(self) -> str:
        """Without the token: commands and calls may be logged."""
        return f"Login({self.access.user!r}, expires_in={self.expires_in})"


class Send(msgspec.Struct, frozen=True, gc=False):
    """Encode and send one container."""

    container: dict[str, Any]


class Close(msgspec.Struct, frozen=True):
    """Close the WebSocket; the session is over and answers every event with nothing."""

    code: int
    reason: str


class CheckLogin(msgspec.Struct, frozen=True):
    """Check credentials, then call `login_finished`; later messages of the client wait for it."""

    ticket: int
    request: LoginRequest


class Query(msgspec.Struct, frozen=True):
    """Answer a request, then call `query_finished`. The session watches the time-out itself."""

    ticket: int
    rule: Rule
    """`rule.served_by` names the controller to ask, `rule.topic` the topic."""
    data: Any
    """Data of the request, None where it had none."""
    access: Access
    timeout_seconds: float


class Cancel(msgspec.Struct, frozen=True):
    """Nobody waits any longer for this work; stop it if it can be stopped.

    Of a Query, a CheckLogin, or a Subscribe of a topic that was held already (the registration stays).
    """

    ticket: int


class Subscribe(msgspec.Struct, frozen=True):
    """Open a topic, register the connection, write its snapshot, then call `subscribed`.

    Where the topic cannot be opened nothing is written and `subscribed` is given the refusal.
    """

    ticket: int
    rule: Rule
    topic: str
    """The topic as the client wrote it; with `rule.controller` the key of the subscription."""
    argument: str | None
    """What follows the first `!`."""
    access: Access
    held: bool
    """True: the connection is registered already; only write the snapshot once more."""
    timeout_seconds: float


class Revalidate(msgspec.Struct, frozen=True):
    """Rights have changed: open a held topic anew with `access`, then call `subscribed`.

    If the entitlement is the same nothing else is to be done; if it differs the connection is registered
    under the new one and a fresh snapshot written; if it is refused call `subscribed` with the refusal (an
    Unsubscribe follows).
    """

    ticket: int
    rule: Rule
    topic: str
    argument: str | None
    access: Access
    timeout_seconds: float


class Unsubscribe(msgspec.Struct, frozen=True):
    """Data of this topic must stop now. Harmless where the connection is not registered.

    Also withdraws a Subscribe or Revalidate of the topic that is still being worked on. Sent too when
    access expires: the session then remembers the topic and sends Subscribe again after the next login.
    """

    controller: str
    topic: str


Command = Send | Close | CheckLogin | Query | Cancel | Subscribe | Revalidate | Unsubscribe
