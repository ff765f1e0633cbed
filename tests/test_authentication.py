"""Checking logins while others guess."""

from __future__ import annotations

import threading
from base64 import b64encode

import trio
import trio.testing

from zenithd.accounts import Accounts, make_hasher
from zenithd.authentication import BASIC, Authentication, AuthenticationSettings
from zenithd.clock import SystemClock
from zenithd.config import AuthenticationSettings as HashSettings
from zenithd.config import UserSettings
from zenithd.metrics import Metrics
from zenithd.server.head import Peer
from zenithd.sessions.limits import AddressLimits, LimitSettings
from zenithd.tokens import TokenSigner
from zenithd.wire.commands import LoginKind, LoginRequest

HASHER = make_hasher(HashSettings(hash_memory_kibibytes=1024, hash_iterations=1))
GUESSER, HONEST = Peer("10.0.0.1", True), Peer("10.0.0.2", True)


class HeldAccounts(Accounts):
    """Passwords are not checked before the test says so."""

    def __init__(self) -> None:
        super().__init__({"anna": UserSettings(password="secret")}, {}, HASHER)
        self.released = threading.Event()

    def check_password(self, user: str, password: str, peer_is_loopback: bool) -> bool:
        self.released.wait(30)
        return super().check_password(user, password, peer_is_loopback)


def request(password: str) -> LoginRequest:
    return LoginRequest(kind=LoginKind.OWNER, provider=BASIC, user_name="anna", password=password)


async def test_a_password_that_is_known_waits_for_nobody_who_guesses() -> None:
    accounts = HeldAccounts()
    authentication = Authentication(
        accounts,
        TokenSigner(b"k" * 32, 60),
        AddressLimits(LimitSettings()),
        SystemClock(),
        Metrics(),
        AuthenticationSettings(hashing_threads=1, call_seconds_max=1.0),
    )
    outcomes: list[bool] = []

    async def guess() -> None:
        outcomes.append(await authentication.check(request("wrong"), GUESSER) is not None)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(guess)
        await trio.testing.wait_all_tasks_blocked()
        login = await authentication.check(request("secret"), HONEST)
        assert login is not None
        assert login.access.user == "anna"
        assert outcomes == []
        accounts.released.set()
    assert outcomes == [False] * 50


async def test_requests_of_who_is_known_are_no_logins_and_those_of_others_are() -> None:
    users = {"anna": UserSettings(password="secret", scopes=("Prodigy/Symbol",))}
    signer = TokenSigner(b"k" * 32, 60)
    clock = SystemClock()
    authentication = Authentication(
        Accounts(users, {}, HASHER),
        signer,
        AddressLimits(LimitSettings(logins_per_minute=2)),
        clock,
        Metrics(),
        AuthenticationSettings(hashing_threads=1, call_seconds_max=1.0),
    )

    async def asked(header: str) -> bool:
        access = await authentication.check_operator(header, HONEST)
        assert access is None or (access.user, access.scopes) == ("anna", frozenset({"Prodigy/Symbol"}))
        return access is not None

    right, wrong = (f"Basic {b64encode(f'anna:{text}'.encode()).decode()}" for text in ("secret", "guess"))
    token = signer.issue("anna", ["Prodigy/Symbol"], clock.now()).text
    assert [await asked(right) for _ in range(5)] == [True] * 5
    assert [await asked(f"Bearer {token}") for _ in range(5)] == [True] * 5
    assert await authentication.check(request("secret"), HONEST) is not None
    assert [await asked(wrong) for _ in range(2)] == [False] * 2
    assert await authentication.check(request("secret"), HONEST) is None  # the limit holds for logins
    assert [await asked(header) for header in (right, f"Bearer {token}x", "Digest x", "")] == [
        True, False, False, False,
    ]  # fmt: skip
