"""A connection that has left takes nothing more from the bus."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from tests.fuzz.draw import Draw
from tests.fuzz.frame_daemon import Client, frame, running_daemon
from tests.fuzz.frame_model import TEXT
from zenithd.server.connection import Connection

LOGIN = (
    b'{"Controller":"Auth","Topic":"AuthToken","TransactionID":1,'
    b'"Data":{"Provider":"Bearer","AccessToken":"x"}}'
)
SUBSCRIBE = b'{"Controller":"Market","Topic":"Markets","Action":"Sub"}'


async def test_a_login_that_ends_as_its_connection_does_leads_to_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Found by fuzzing: the Sub behind the login was registered, and never ended."""
    is_checked, is_checking = trio.Event(), trio.Event()

    async def check(*_: Any) -> None:
        is_checking.set()
        await is_checked.wait()

    leave = Connection._leave

    def leave_too_late(connection: Connection) -> None:
        is_checked.set()  # the task of the login will run, whatever is cancelled from here on
        leave(connection)

    async with running_daemon() as daemon, trio.open_nursery() as nursery:
        daemon.authentication.check = check  # type: ignore[method-assign]
        client = Client(daemon, nursery)
        await client.shake_hands("ZenithJson", frame(Draw(0), TEXT, LOGIN) + frame(Draw(0), TEXT, SUBSCRIBE))
        await is_checking.wait()
        await trio.testing.wait_all_tasks_blocked(0.01)
        (connection,) = daemon.listener.connections
        assert connection.session.subscriptions_held == 0, "the Sub waits for the login"
        monkeypatch.setattr(Connection, "_leave", leave_too_late)
        client.leave()
        with trio.fail_after(20):
            await client.served.wait()
        assert daemon.bus.statistics.subscriptions == 0
        await client.stream.aclose()
