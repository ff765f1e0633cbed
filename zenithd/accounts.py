"""Who may log in, and with which rights: the users of the configuration and those kept in `var/users.json`.

`ConfiguredAuthority` answers from them until the authority graph takes over. Everything here is an immutable
picture: after a change of either file `load_accounts` makes a new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from zenithd.authority.access import Access, MarketGrant, View, Visibility
from zenithd.authority.patterns import covers, meet_all
from zenithd.config import AuthenticationSettings, Config, ConfigError, UserSettings
from zenithd.files import write_private
from zenithd.tokens import Claims

USERS_FILE = "users.json"


class StoredUsers(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What `var/users.json` holds: users added by `zenithd user add`, and withdrawn tokens."""

    version: int = 1
    users: dict[str, UserSettings] = {}
    tokens_not_before: dict[str, int] = {}
    """By user: tokens issued before this time (nanoseconds since the Unix epoch) are no longer valid."""


def read_users(state_directory: Path) -> StoredUsers:
    """Read the stored users; none if there is no file.

    Raises:
        ConfigError: the file is not what `write_users` writes, or cannot be read.
    """
    path = state_directory / USERS_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=StoredUsers)
    except FileNotFoundError:
        return StoredUsers()
    except (msgspec.DecodeError, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            str(path), None, "", f"the users that zenithd stored, found: {reason}", "restore it from a backup"
        ) from None


def write_users(state_directory: Path, stored: StoredUsers) -> None:
    """Store the users, whole or not at all, readable for the owner alone."""
    content = msgspec.json.format(msgspec.json.encode(stored), indent=2)
    write_private(state_directory / USERS_FILE, content + b"\n")


@contextlib.contextmanager
def change_users(state_directory: Path) -> Iterator[StoredUsers]:
    """Read the stored users, let the caller change them, and write them; others wait meanwhile.

    Nothing is written if the caller raises.

    Raises:
        ConfigError: the users cannot be read or written.
    """
    try:
        state_directory.mkdir(parents=True, exist_ok=True)
        with (state_directory / f"{USERS_FILE}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            stored = read_users(state_directory)
            yield stored
            write_users(state_directory, stored)
    except OSError as error:
        raise ConfigError(
            str(state_directory),
            None,
            "",
            f"a folder that can be written, found: {error.strerror}",
            "correct that",
        ) from None


def make_hasher(settings: AuthenticationSettings) -> PasswordHasher:
    """The Argon2id hasher with the operator's parameters."""
    return PasswordHasher(
        time_cost=settings.hash_iterations,
        memory_cost=settings.hash_memory_kibibytes,
        parallelism=settings.hash_lanes,
    )


class ConfiguredAuthority:
    """Rights from the configuration; implements `zenithd.authority.access.Authority`."""

    def __init__(self, users: Mapping[str, UserSettings]) -> None:
        self._access = {name: make_access(name, settings) for name, settings in users.items()}

    def access(self, user: str) -> Access | None:
        """The rights of a user, None if unknown."""
        return self._access.get(user)


class Accounts:
    """The users at one moment. Safe to use from several threads.

    Attributes:
        authority: what each user may do.
        users: settings by name, those of the configuration and the stored ones.
    """

    def __init__(
        self,
        users: Mapping[str, UserSettings],
        tokens_not_before: Mapping[str, int],
        hasher: PasswordHasher,
    ) -> None:
        self.users = dict(users)
        self.authority = ConfiguredAuthority(users)
        self._tokens_not_before = dict(tokens_not_before)
        self._hasher = hasher
        self._key = secrets.token_bytes(32)
        self._nobody = hasher.hash(secrets.token_hex(16))
        """Checked for those who have no hash, so that they take as long as the others."""
        self._known_good: dict[str, bytes] = {
            name: self._digest(name, settings.password)
            for name, settings in users.items()
            if settings.password
        }
        """Keyed digests of passwords known to be right: those given in clear, and those checked before. They
        live in this process only and spare honest clients that reconnect the slow hash."""

    def may_log_in(self, user: str, peer_is_loopback: bool) -> bool:
        """True if the user exists and may come from there."""
        settings = self.users.get(user)
        return settings is not None and (peer_is_loopback or not settings.loopback_only)

    def is_known_good(self, user: str, password: str, peer_is_loopback: bool) -> bool:
        """True for a password that was given in clear, or that was right before; never slow."""
        if not self.may_log_in(user, peer_is_loopback):
            return False
        return hmac.compare_digest(self._known_good.get(user, b""), self._digest(user, password))

    def check_password(self, user: str, password: str, peer_is_loopback: bool) -> bool:
        """Check a password; slow by design (tens of milliseconds), so call it in a thread.

        A wrong password, an unknown user and a user who may not come from there take equally long.
        """
        if self.is_known_good(user, password, peer_is_loopback):
            return True
        admitted = self.may_log_in(user, peer_is_loopback)
        stored = self.users[user].password_hash if admitted else ""
        matches = self._matches(stored or self._nobody, password)
        if matches and stored:
            self._known_good[user] = self._digest(user, password)
        return matches and bool(stored)

    def check_token(self, claims: Claims, peer_is_loopback: bool) -> bool:
        """True if a verified token was not withdrawn, and its user still exists and may come from there."""
        if not self.may_log_in(claims.user, peer_is_loopback):
            return False
        return claims.issued >= self._tokens_not_before.get(claims.user, 0)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError, UnicodeEncodeError):  # the last: lone surrogates
            return False

    def _digest(self, user: str, password: str) -> bytes:
        message = f"{user}\0{password}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).digest()


def load_accounts(config: Config, state_directory: Path | None = None) -> Accounts:
    """Read the users as they are now. Where both files name one, the configuration counts.

    Raises:
        ConfigError: the stored users cannot be read.
    """
    stored = read_users(state_directory or config.state_directory)
    users = {**stored.users, **config.users}
    return Accounts(users, stored.tokens_not_before, make_hasher(config.authentication))


def make_access(user: str, settings: UserSettings) -> Access:
    """Work out a user's rights."""
    return Access(
        user=user,
        display_name=settings.display_name or user,
        scopes=frozenset(settings.scopes),
        grants=make_grants(settings),
        accounts=settings.accounts,
    )


def make_grants(settings: UserSettings) -> tuple[MarketGrant, ...]:
    """Turn lists of patterns into grants of which the first that matches a market is right.

    Narrow patterns come first, and where two patterns overlap their meet stands before both; so the first
    match of a market knows of all patterns that match it.
    """
    seen = (*settings.markets, *settings.limited_markets)
    patterns = meet_all(
        [*seen, *settings.broker_markets, *settings.cross_reference_markets],
    )
    return tuple(
        MarketGrant(
            pattern,
            View(
                Visibility.LIMITED if _any_covers(settings.limited_markets, pattern) else Visibility.FULL,
                _any_covers(settings.broker_markets, pattern),
                _any_covers(settings.cross_reference_markets, pattern),
            ),
        )
        for pattern in patterns
        if _any_covers(seen, pattern)
    )


def _any_covers(wide: Iterable[str], pattern: str) -> bool:
    return any(covers(one, pattern) for one in wide)
