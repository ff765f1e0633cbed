"""Users: passwords, rights from patterns, and the file that the command line keeps."""

from __future__ import annotations

import itertools
import stat
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from zenithd.accounts import (
    Accounts,
    StoredUsers,
    change_users,
    load_accounts,
    make_access,
    make_grants,
    make_hasher,
    read_users,
    write_users,
)
from zenithd.authority.access import Access, MarketGrant, Visibility
from zenithd.authority.patterns import covers, meet, meet_all
from zenithd.config import AuthenticationSettings, Config, ConfigError, ServerSettings, UserSettings
from zenithd.domain.identifiers import MarketId
from zenithd.tokens import Claims

CHEAP = AuthenticationSettings(hash_memory_kibibytes=1024, hash_iterations=1)
HASHER = make_hasher(CHEAP)


class CountingHasher(PasswordHasher):
    """Counts the slow checks."""

    checks = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # the name is the library's
        self.checks += 1
        return super().verify(hash, password)


def accounts(hasher: PasswordHasher = HASHER, **users: UserSettings) -> Accounts:
    return Accounts(users, {}, hasher)


def hashed(password: str, **others: Any) -> UserSettings:
    return UserSettings(password_hash=HASHER.hash(password), **others)


def test_passwords_by_hash_and_in_clear() -> None:
    known = accounts(anna=hashed("secret"), demo=UserSettings(password="demo"))
    assert known.check_password("anna", "secret", False)
    assert known.check_password("demo", "demo", False)
    for user, password in (("anna", "demo"), ("anna", ""), ("demo", "secret"), ("demo", ""), ("x", "secret")):
        assert not known.check_password(user, password, True)


def test_user_without_password_cannot_use_one() -> None:
    assert not accounts(oidc=UserSettings()).check_password("oidc", "", True)


def test_damaged_hash_refuses() -> None:
    assert not accounts(anna=UserSettings(password_hash="$argon2id$nonsense")).check_password(
        "anna", "x", True
    )


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "é" * 5000, ""])
def test_odd_passwords_are_only_wrong(text: str) -> None:
    known = accounts(anna=hashed("secret"))
    assert not known.check_password("anna", text, True)
    assert not known.check_password(text, "secret", True)


def test_loopback_only() -> None:
    known = accounts(demo=UserSettings(password="demo", loopback_only=True))
    assert known.check_password("demo", "demo", True)
    assert not known.check_password("demo", "demo", False)
    assert not known.may_log_in("demo", False)
    assert not known.may_log_in("nobody", True)


@pytest.mark.parametrize(
    ("user", "password", "loopback"),
    [("nobody", "x", True), ("anna", "wrong", True), ("demo", "wrong", True), ("demo", "demo", False)],
)
def test_every_refusal_costs_one_slow_check(user: str, password: str, loopback: bool) -> None:
    hasher = CountingHasher(time_cost=1, memory_cost=1024, parallelism=1)
    known = accounts(hasher, anna=hashed("right"), demo=UserSettings(password="demo", loopback_only=True))
    assert not known.check_password(user, password, loopback)
    assert hasher.checks == 1


def test_a_password_once_found_right_is_not_hashed_again() -> None:
    hasher = CountingHasher(time_cost=1, memory_cost=1024, parallelism=1)
    known = accounts(hasher, anna=hashed("right"))
    assert [known.check_password("anna", "right", True) for _ in range(3)] == [True] * 3
    assert hasher.checks == 1
    assert not known.check_password("anna", "wrong", True)
    assert hasher.checks == 2


def token_of(user: str, issued: int) -> Claims:
    return Claims(user=user, scopes=frozenset(), issued=issued, expiry=issued + 1, id="1")


def test_tokens_of_gone_and_revoked_users() -> None:
    known = Accounts(
        {"anna": UserSettings(), "demo": UserSettings(loopback_only=True)}, {"anna": 100}, HASHER
    )
    assert known.check_token(token_of("anna", 100), False)
    assert not known.check_token(token_of("anna", 99), False)
    assert not known.check_token(token_of("gone", 100), False)
    assert not known.check_token(token_of("demo", 100), False)
    assert known.check_token(token_of("demo", 100), True)


def test_access_of_a_user() -> None:
    access = make_access("anna", UserSettings(scopes=("Zenith/Market",)))
    assert access.user == access.display_name == "anna"
    assert access.scopes == {"Zenith/Market"}
    assert make_access("anna", UserSettings(display_name="Anna A.")).display_name == "Anna A."
    assert accounts(anna=UserSettings()).authority.access("anna") is not None
    assert accounts().authority.access("anna") is None


def view(settings: UserSettings, market: str) -> tuple[bool, bool, bool] | None:
    """(limited, brokers, cross references)"""
    found = make_access("x", settings).view(MarketId(market))
    if found is None:
        return None
    return found.visibility is Visibility.LIMITED, found.brokers, found.cross_references


def test_rights_by_pattern() -> None:
    settings = UserSettings(
        markets=("XSX", "N*"),
        limited_markets=("XSY", "*[Delayed]"),
        broker_markets=("*",),
        cross_reference_markets=("NX*",),
    )
    assert view(settings, "XSX") == (False, True, False)
    assert view(settings, "XSY") == (True, True, False)
    assert view(settings, "XSX[Delayed]") == (True, True, False)
    assert view(settings, "NXT") == (False, True, True)
    assert view(settings, "NXT[Delayed]") == (True, True, True)
    assert view(settings, "ASX") is None
    assert view(settings, "NXT+XSX") == (False, True, False)
    assert view(settings, "ASX+XSX") is None


PATTERN = st.builds(
    lambda start, star, end: start + star + end,
    st.text("AB", max_size=3),
    st.sampled_from(["", "*"]),
    st.text("AB", max_size=2),
).filter(bool)
PATTERNS = st.lists(PATTERN, max_size=3).map(tuple)
CODES = ["".join(code) for length in range(1, 7) for code in itertools.product("AB", repeat=length)]


@given(PATTERNS, PATTERNS, PATTERNS, PATTERNS)
def test_grants_say_what_the_lists_say(
    markets: tuple[str, ...], limited: tuple[str, ...], brokers: tuple[str, ...], cross: tuple[str, ...]
) -> None:
    settings = UserSettings(
        markets=markets, limited_markets=limited, broker_markets=brokers, cross_reference_markets=cross
    )
    access = Access(grants=make_grants(settings))
    for code in CODES:
        listed = [any(fnmatchcase(code, one) for one in each) for each in (markets, limited, brokers, cross)]
        found = access.view(MarketId(code))
        if not (listed[0] or listed[1]):
            assert found is None
        else:
            assert found is not None
            assert [found.visibility is Visibility.LIMITED, found.brokers, found.cross_references] == listed[
                1:
            ]


@given(PATTERN, PATTERN)
def test_meet_matches_what_both_match(one: str, other: str) -> None:
    both = {code for code in CODES if fnmatchcase(code, one) and fnmatchcase(code, other)}
    assert {code for code in CODES if any(fnmatchcase(code, each) for each in meet(one, other))} == both


@given(PATTERN, PATTERN)
def test_covers_is_inclusion(wide: str, narrow: str) -> None:
    inside = all(fnmatchcase(code, wide) for code in CODES if fnmatchcase(code, narrow))
    assert not covers(wide, narrow) or inside


@given(st.lists(PATTERN, max_size=5))
def test_narrow_patterns_come_first(patterns: list[str]) -> None:
    ordered = meet_all(patterns)
    for index, pattern in enumerate(ordered):
        assert not any(covers(earlier, pattern) for earlier in ordered[:index])


def test_markets_with_tags_and_brackets() -> None:
    grants = make_grants(UserSettings(markets=("XSX[Delayed]",)))
    assert grants == (MarketGrant("XSX[Delayed]", grants[0].view),)
    assert Access(grants=grants).view(MarketId("XSX[Delayed]")) is not None
    assert Access(grants=grants).view(MarketId("XSX")) is None


def test_stored_users_come_back(tmp_path: Path) -> None:
    stored = StoredUsers(users={"anna": hashed("x", markets=("XSX",))}, tokens_not_before={"anna": 5})
    write_users(tmp_path / "var", stored)
    assert read_users(tmp_path / "var") == stored
    assert stat.S_IMODE((tmp_path / "var" / "users.json").stat().st_mode) == 0o600


def test_no_file_means_no_users(tmp_path: Path) -> None:
    assert read_users(tmp_path) == StoredUsers()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"users":{"a":{"scopes":["Zenith/Foo"]}}}', b"\xff"])
def test_damaged_users_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "users.json").write_bytes(content)
    with pytest.raises(
        ConfigError, match=r"expected the users that zenithd stored, found: .*; restore it"
    ) as caught:
        read_users(tmp_path)
    assert "\n" not in str(caught.value)


def test_changes_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with change_users(tmp_path) as stored:
        stored.users["anna"] = UserSettings(display_name="Anna")
    with pytest.raises(RuntimeError), change_users(tmp_path) as stored:
        stored.users.clear()
        raise RuntimeError
    assert list(read_users(tmp_path).users) == ["anna"]


def test_the_configuration_counts_where_both_name_a_user(tmp_path: Path) -> None:
    write_users(tmp_path, StoredUsers(users={"a": UserSettings(display_name="stored"), "b": UserSettings()}))
    config = Config(
        users={"a": UserSettings(display_name="configured")},
        server=ServerSettings(state_directory=str(tmp_path)),
        authentication=CHEAP,
    )
    known = load_accounts(config)
    assert set(known.users) == {"a", "b"}
    assert known.users["a"].display_name == "configured"
