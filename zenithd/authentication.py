"""Checks logins: tokens of our own, passwords, and whatever the authenticator plugins know.

Passwords are hashed in threads of low priority, as many as the operator allows; everything else is
immediate, a password that was right before too.
"""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

import msgspec
import structlog
import trio

from zenithd.accounts import Accounts
from zenithd.authority.access import Access
from zenithd.metrics import Metrics
from zenithd.plugin.interfaces import Authenticator, Clock, Credentials
from zenithd.quiet_threads import QuietThreads
from zenithd.rare_log import RareLog
from zenithd.server.head import Head, Peer
from zenithd.sessions.limits import AddressLimits, address_group
from zenithd.tokens import TokenFault, TokenSigner
from zenithd.wire.commands import Login, LoginKind, LoginRequest
from zenithd.wire.identity import decode_access_token

BEARER = "Bearer"
BASIC = "BasicAuth"


class AuthenticationSettings(msgspec.Struct, frozen=True):
    """What authentication needs of the configuration."""

    hashing_threads: int
    call_seconds_max: float


class Authentication:
    """Answers who somebody is. `accounts` is replaced when users change."""

    def __init__(
        self,
        accounts: Accounts,
        signer: TokenSigner,
        limits: AddressLimits,
        clock: Clock,
        metrics: Metrics,
        settings: AuthenticationSettings,
    ) -> None:
        self.accounts = accounts
        self.authenticators: dict[str, Authenticator[Any]] = {}
        """Of plugins, by Provider name."""
        self._signer = signer
        self._limits = limits
        self._clock = clock
        self._results = {
            result: metrics.logins.labels(result) for result in ("success", "rejected", "limited")
        }
        self._threads = QuietThreads(settings.hashing_threads, "passwords")
        self._call_seconds_max = settings.call_seconds_max
        self._limited = RareLog(structlog.stdlib.get_logger(__name__), "login limited")
        self._log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)

    async def check(self, request: LoginRequest, peer: Peer) -> Login | None:
        """Check credentials; None refuses. Never raises for anything a client or a plugin does."""
        address = address_group(peer.address)
        refused = self._limits.log_in(address, trio.current_time())
        if refused is not None:
            self._limited.warning(peer=peer.address, reason=refused.value)
            self._results["limited"].inc()
            return None
        login = await self._check(request, peer)
        if login is None:
            if request.kind is not LoginKind.OWNER or request.provider != BASIC:
                self._limits.login_failed(address, trio.current_time())
            self._log.info(
                "login rejected", peer=peer.address, user=request.user_name, kind=request.kind.value
            )
        else:
            self._log.info("login", peer=peer.address, user=login.access.user, kind=request.kind.value)
        self._results["rejected" if login is None else "success"].inc()
        return login

    def rights(self, user: str, token: str, peer: Peer) -> Access | None:
        """What a logged-in user may do now; None if the user or the token is no longer valid."""
        if not self.accounts.may_log_in(user, peer.is_loopback):
            return None
        claims = self._signer.verify(token, self._clock.now())
        if not isinstance(claims, TokenFault) and not self.accounts.check_token(claims, peer.is_loopback):
            return None
        return self.accounts.authority.access(user)

    async def check_header(self, head: Head, peer: Peer) -> Login | None:
        """Check the Authorization header, `<Provider> <AccessToken>` (zenith-websocket 1.1)."""
        provider, _, token = (head.header(b"authorization") or "").strip().partition(" ")
        if provider.lower() == BEARER.lower():  # names of HTTP schemes have no case (RFC 9110 11.1)
            provider = BEARER
        token = decode_access_token(token.strip())
        request = LoginRequest(kind=LoginKind.TOKEN, provider=provider, access_token=token)
        return await self.check(request, peer)

    async def check_operator(self, header: str, peer: Peer) -> Access | None:
        """Check the Authorization header of a REST request: HTTP Basic, or a bearer token; None: refused."""
        scheme, _, text = header.strip().partition(" ")
        if scheme.lower() == "basic":
            user, password = _basic_credentials(text)
            request = LoginRequest(kind=LoginKind.OWNER, provider=BASIC, user_name=user, password=password)
        elif scheme.lower() == BEARER.lower():
            request = LoginRequest(kind=LoginKind.TOKEN, provider=BEARER, access_token=text.strip())
        else:
            return None
        login = self._returning(request, peer) or await self.check(request, peer)
        if login is None:
            return None
        scopes = login.access.scopes if login.scopes is None else login.access.scopes & login.scopes
        return msgspec.structs.replace(login.access, scopes=scopes)

    def _returning(self, request: LoginRequest, peer: Peer) -> Login | None:
        """Whose credentials are known: REST brings them with every request, which is not a login each time.

        None leaves it to a login, which is counted against the limits of its address.
        """
        if request.kind is LoginKind.TOKEN:
            claims = self._signer.verify(request.access_token, self._clock.now())
            return None if isinstance(claims, TokenFault) else self._by_token(request.access_token, peer)
        user, password = request.user_name, request.password
        if user is None or password is None:
            return None
        if not self.accounts.is_known_good(user, password, peer.is_loopback):
            return None
        return self._issue(user, None)

    async def _check(self, request: LoginRequest, peer: Peer) -> Login | None:
        if request.kind is LoginKind.TOKEN and request.provider == BEARER:
            return self._by_token(request.access_token, peer)
        if request.kind is LoginKind.OWNER and request.provider == BASIC:
            return await self._by_password(request, peer)
        return await self._by_plugin(request, peer)

    def _by_token(self, token: str, peer: Peer) -> Login | None:
        now = self._clock.now()
        claims = self._signer.verify(token, now)
        if isinstance(claims, TokenFault):
            self._log.info("token refused", peer=peer.address, reason=claims.value)
            return None
        access = self.accounts.authority.access(claims.user)
        if access is None or not self.accounts.check_token(claims, peer.is_loopback):
            return None
        return Login(
            access=access,
            access_token=token,
            scopes=claims.scopes,
            expires_at=claims.expiry,
            expires_in=(claims.expiry - now) / 1e9,
        )

    async def _by_password(self, request: LoginRequest, peer: Peer) -> Login | None:
        user, password = request.user_name, request.password
        if user is None or password is None:
            return None
        accounts, address = self.accounts, address_group(peer.address)
        if accounts.is_known_good(user, password, peer.is_loopback):
            return self._issue(user, request.scopes)  # whoever guesses does not hold up those who know
        async with self._threads.room:
            if not self._limits.may_fail(address, trio.current_time()):
                return None
            right = await self._threads.run(
                partial(accounts.check_password, user, password, peer.is_loopback)
            )
            if not right:  # counted before the next one that waits is looked at
                self._limits.login_failed(address, trio.current_time())
        return self._issue(user, request.scopes) if right else None

    async def _by_plugin(self, request: LoginRequest, peer: Peer) -> Login | None:
        authenticator = self.authenticators.get(request.provider)
        if authenticator is None:
            return None
        credentials = Credentials(
            provider=request.provider,
            client_id=request.client_id,
            client_secret=request.client_secret,
            user_name=request.user_name,
            password=request.password,
            access_token=request.access_token or request.grant or None,
            peer_address=peer.address,
        )
        identity = None
        with trio.move_on_after(self._call_seconds_max) as scope:
            try:
                identity = await authenticator.authenticate(credentials)
            except (Exception, SystemExit):  # a plugin's fault refuses this login and nothing else
                self._log.exception("authenticator failed", provider=request.provider)
        if scope.cancelled_caught:
            self._log.warning("authenticator did not answer", provider=request.provider)
        return self._issue(identity.user, request.scopes) if identity is not None else None

    def _issue(self, user: str, scopes: frozenset[str] | None) -> Login | None:
        access = self.accounts.authority.access(user)
        if access is None:
            return None
        now = self._clock.now()
        granted = access.scopes if scopes is None else access.scopes & scopes
        issued = self._signer.issue(user, granted, now)
        return Login(
            access=access,
            access_token=issued.text,
            scopes=granted,
            expires_at=issued.expiry,
            expires_in=(issued.expiry - now) / 1e9,
        )


def _basic_credentials(text: str) -> tuple[str | None, str | None]:
    """User and password of HTTP Basic (RFC 7617); None where it is none."""
    try:
        user, colon, password = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None, None
    return (user, password) if colon else (None, None)
