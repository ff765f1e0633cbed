"""What a running daemon takes over: a changed configuration, and users who come and go."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.daemon.conftest import Client, DaemonProcess

CONFIG = """
[server]
name = "before"

[users.demo]
password = "demo"
loopback_only = true

[limits]
requests_burst = 20000

[authentication]
hash_memory_kibibytes = 1024
hash_iterations = 1

[logging]
level = "info"

[plugins.prodigy]
history_days = 0
"""
UNWATCHED = {"WATCHFILES_FORCE_POLLING": "true", "WATCHFILES_POLL_DELAY_MS": "3600000"}
"""Files are looked at once an hour: what happens in between is due to a signal."""

WAIT_SECONDS_MAX = 20.0
TAKEN_OVER, NOT_TAKEN_OVER = "configuration taken over", "configuration not taken over"


class Reloading:
    """A daemon, its configuration file, and what it logs."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self.daemon = daemon
        self.config = daemon.folder / "config.toml"
        daemon.wait_ready()

    def lines(self, event: str = "", level: str = "") -> list[dict[str, Any]]:
        """The lines of the log so far, all or those with an event or a level."""
        whole = self.daemon.text().rpartition("\n")[0]
        found = [json.loads(line) for line in whole.splitlines() if line.startswith('{"')]
        return [line for line in found if event in ("", line["event"]) and level in ("", line["level"])]

    def wait_line(self, event: str, known: int) -> dict[str, Any]:
        """The first line with an event after the `known` ones that were there before."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while len(self.lines(event)) <= known:
            assert time.monotonic() < deadline, self.daemon.text()
            time.sleep(0.02)
        return self.lines(event)[known]

    def after(self, change: Callable[[], Any], event: str = TAKEN_OVER) -> dict[str, Any]:
        """Change something, and return the line that says what became of it."""
        known = len(self.lines(event))
        change()
        return self.wait_line(event, known)

    def write(self, *replacements: tuple[str, str]) -> None:
        """Replace the configuration by the one above with some changes."""
        text = CONFIG
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        self.config.write_text(text)

    def hang_up(self) -> None:
        self.daemon.process.send_signal(signal.SIGHUP)

    def user(self, *arguments: str, password: str = "") -> str:
        """Run `zenithd user …` while the daemon runs; return what it prints."""
        if password:
            arguments = (*arguments, "--password-stdin")
        done = subprocess.run(
            [sys.executable, "-m", "zenithd", "user", *arguments, "--config", self.config],
            input=password + "\n",
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


def result(daemon: DaemonProcess, user: str, password: str) -> str:
    """The outcome of a login."""
    with daemon.client() as client:
        return str(client.log_in(user, password)["Result"])


# The file


@pytest.fixture
def unwatched(tmp_path: Path) -> Iterator[Reloading]:
    """A daemon that reloads on SIGHUP only."""
    with DaemonProcess(tmp_path, CONFIG, **UNWATCHED) as daemon:
        yield Reloading(daemon)


def test_a_signal_takes_over_what_can_be_and_names_the_rest(unwatched: Reloading) -> None:
    daemon = unwatched.daemon
    with daemon.client() as old:
        old.log_in()
        old.subscribe("Depth!XS01.XSX")
        unwatched.write(
            ("requests_burst = 20000", "requests_burst = 5\nrequests_per_second = 1.0\nnesting_max = 8"),
            ('name = "before"', 'name = "after"\norigins = ["https://trade.example.com"]'),
            ("history_days = 0", "history_days = 1"),
            ("loopback_only = true", 'loopback_only = true\nscopes = ["Zenith/Market"]'),
        )
        taken = unwatched.after(unwatched.hang_up)
        assert set(taken["changed"]) == {
            "server.origins",
            "users.demo",
            "limits.requests_burst",
            "limits.requests_per_second",
            "limits.nesting_max",
        }
        (rest,) = unwatched.lines("settings that need a restart")
        assert (rest["level"], rest["settings"]) == ("warning", ["server.name", "plugins.prodigy"])
        old.next_data("Depth!XS01.XSX")
        with daemon.client() as new:
            assert new.log_in()["Scope"] == ["Zenith/Market"]
            outcomes = [new.ask("Market", "QueryMarkets")[1] for _ in range(8)]
            assert outcomes.count(["Limited"]) >= 2
            (info,) = old.subscribe("ServerInfo", "Zenith")
            assert info["Name"] == "before"
        with pytest.raises(InvalidStatus):
            daemon.client(origin="https://other.example.com")
    again = unwatched.after(unwatched.hang_up)
    assert again["changed"] == []


def test_the_level_of_the_log(unwatched: Reloading) -> None:
    def connect() -> int:
        with unwatched.daemon.client() as client:
            client.ask("Market", "QueryMarkets")
        return len(unwatched.lines("connection opened"))

    assert connect() == 1
    unwatched.write(('level = "info"', 'level = "error"'))
    unwatched.hang_up()
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while (before := connect()) != connect():  # until nothing is added
        assert time.monotonic() < deadline
    unwatched.write()
    unwatched.after(unwatched.hang_up)
    assert connect() == before + 1
    assert not unwatched.lines(level="error")


INVALID = {
    "no TOML": ('name = "before"', "name = before", "config.toml:3"),
    "an unknown key": ("requests_burst = 20000", "requests_bursts = 20000", "limits.requests_bursts"),
    "a wrong type": ("requests_burst = 20000", 'requests_burst = "many"', "limits.requests_burst"),
    "out of bounds": ("requests_burst = 20000", "requests_burst = -1", "limits.requests_burst"),
    "an unknown section": ("[limits]", "[limitations]", "limitations"),
}


def test_an_invalid_file_changes_nothing_and_is_told_in_one_line(unwatched: Reloading) -> None:
    for old, new, place in INVALID.values():
        unwatched.write((old, new), ('password = "demo"', 'password = "other"'))
        before = len(unwatched.lines())
        refused = unwatched.after(unwatched.hang_up, NOT_TAKEN_OVER)
        assert place in refused["error"]
        assert refused["level"] == "error"
        assert "exception" not in refused
        assert result(unwatched.daemon, "demo", "demo") == "Success"
        assert [line["event"] for line in unwatched.lines()[before:]][:1] == [NOT_TAKEN_OVER]
    assert len(unwatched.lines(NOT_TAKEN_OVER)) == len(INVALID)
    assert not unwatched.lines(TAKEN_OVER)
    unwatched.config.write_text("")  # as an editor leaves it for a moment
    assert "nothing stands in it" in unwatched.after(unwatched.hang_up, NOT_TAKEN_OVER)["error"]
    unwatched.config.unlink()
    unwatched.after(unwatched.hang_up, NOT_TAKEN_OVER)
    unwatched.write(('password = "demo"', 'password = "other"'))
    unwatched.after(unwatched.hang_up)
    assert result(unwatched.daemon, "demo", "demo") == "Rejected"
    assert result(unwatched.daemon, "demo", "other") == "Success"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reloading]:
    """A daemon as it is shipped: it looks after its files itself."""
    with DaemonProcess(tmp_path_factory.mktemp("watched"), CONFIG) as daemon:
        yield Reloading(daemon)


GUEST = "[limits]", '[users.guest]\npassword = "guest"\nmarkets = ["XSY"]\n\n[limits]'


def test_a_saved_file_is_taken_over(watched: Reloading) -> None:
    daemon = watched.daemon
    assert result(daemon, "guest", "guest") == "Rejected"
    assert watched.after(lambda: watched.write(GUEST))["changed"] == ["users.guest"]
    with daemon.client() as client:
        client.log_in("guest", "guest")
        client.subscribe("Depth!XS01.XSY")
        assert client.refused("Depth!XS01.XSX").startswith("Market.NotFound")
        assert watched.after(watched.write)["changed"] == ["users.guest"]
        expect_unsubscribed(client, {"Depth!XS01.XSY"})
    assert result(daemon, "guest", "guest") == "Rejected"


def codes_of_an_order(daemon: DaemonProcess) -> list[str]:
    """Why an order would be refused."""
    details = {
        "Exchange": "XSX",
        "Code": "XS01",
        "Side": "Bid",
        "Style": "Market",
        "Instructions": [],
        "Type": "Market",
        "Quantity": 1,
        "Validity": "FillAndKill",
    }
    route = {"Algorithm": "Market", "Market": "XSX::XSX"}
    with daemon.client() as client:
        client.log_in()
        data = {"Account": "XS:0001", "Details": details, "Route": route}
        result, errors = client.ask("Trading", "PlaceOrder", data)
        assert not errors
        return list(result.get("Errors", ()))


def test_vetting_rules_are_taken_over_and_bad_ones_are_not(tmp_path: Path) -> None:
    taken_over, refused = "vetting rules taken over", "vetting rules not taken over, the old ones apply"
    rules = tmp_path / "site.vortex"
    rules.write_text("FAIL WITH Site.First")
    rights = 'accounts = ["XS:*"]\nscopes = ["Zenith/Market", "Zenith/Trading", "Zenith/OrderPad"]'
    text = CONFIG.replace("loopback_only = true", f"loopback_only = true\n{rights}")
    text += '\n[orders]\ndemonstration_accounts = 1\n\n[vetting]\nfiles = ["site.vortex"]\n'
    with DaemonProcess(tmp_path, text) as daemon:
        watched = Reloading(daemon)
        assert codes_of_an_order(daemon) == ["Site.First"]
        line = watched.after(lambda: rules.write_text("FAIL WHEN"), refused)
        assert "site.vortex:1:6" in line["error"]
        assert codes_of_an_order(daemon) == ["Site.First"]
        watched.after(lambda: rules.write_text("FAIL WITH Site.Second"), taken_over)
        assert codes_of_an_order(daemon) == ["Site.Second"]


def test_a_file_that_is_replaced_is_still_watched(watched: Reloading) -> None:
    """As editors save: a new file, renamed over the old one. Each time is noticed, not only the first."""

    def replace(text: str) -> None:
        beside = watched.config.with_suffix(".new")
        beside.write_text(text)
        beside.rename(watched.config)

    for burst in (100, 200, 300):
        taken = watched.after(lambda burst=burst: replace(CONFIG.replace("20000", str(burst))))  # type: ignore[misc]
        assert taken["changed"] == ["limits.requests_burst"]
    watched.after(watched.write)


# Users of the state folder


def expect_unsubscribed(client: Client, topics: set[str]) -> None:
    """The server ends these subscriptions, and nothing comes of them afterwards."""
    ended = [client.wait_for(lambda one: one.get("Action") == "Unsub") for _ in topics]
    assert {message["Topic"] for message in ended} == topics
    assert all(message["Confirm"] is True for message in ended)
    client.backlog.clear()
    client.ask("Market", "QueryMarkets")
    assert not [message for message in client.backlog if message.get("Topic") in topics]


def test_a_user_is_added_changed_and_removed(watched: Reloading) -> None:
    daemon = watched.daemon
    rights = ("--scope", "Zenith/Market", "--market", "XSX")
    watched.after(lambda: watched.user("add", "anna", *rights, password="first"))
    assert result(daemon, "anna", "wrong") == "Rejected"
    with daemon.client() as client, daemon.client() as other:
        token = client.log_in("anna", "first")["AccessToken"]
        client.subscribe("Depth!XS01.XSX")
        client.subscribe("Trades!XS02.XSX")
        assert client.refused("Depth!XS01.XSY").startswith("Market.NotFound")
        other.log_in()
        other.subscribe("Depth!XS01.XSX")
        watched.after(lambda: watched.user("password", "anna", password="second"))
        assert result(daemon, "anna", "first") == "Rejected"
        assert result(daemon, "anna", "second") == "Success"
        assert by_token(daemon, token) == "Rejected"
        client.next_data("Depth!XS01.XSX")
        watched.after(lambda: watched.user("remove", "anna"))
        expect_unsubscribed(client, {"Depth!XS01.XSX", "Trades!XS02.XSX"})
        assert client.refused("Depth!XS01.XSX") == "Authority"
        assert client.ask("Market", "QueryMarkets") == ([], [])
        assert result(daemon, "anna", "second") == "Rejected"
        other.next_data("Depth!XS01.XSX")
    # Somebody else who gets the name later has nothing of the first one's.
    watched.after(lambda: watched.user("add", "anna", *rights, password="third"))
    assert by_token(daemon, token) == "Rejected"
    assert result(daemon, "anna", "third") == "Success"
    watched.after(lambda: watched.user("remove", "anna"))


def by_token(daemon: DaemonProcess, token: str) -> str:
    """The outcome of a login with an access token."""
    with daemon.client() as client:
        data = {"Provider": "Bearer", "AccessToken": token}
        return str(client.ask("Auth", "AuthToken", data)[0]["Result"])


def test_tokens_that_the_command_issues(watched: Reloading) -> None:
    daemon = watched.daemon
    watched.after(lambda: watched.user("add", "ben", "--market", "XSX", password="secret"))
    issued = watched.user("token", "ben", "--scope", "Zenith/Market", "--lifetime", "600")
    for form in (issued, base64.b64encode(issued.encode()).decode()):
        with daemon.client() as client:
            answer, errors = client.ask("Auth", "AuthToken", {"Provider": "Bearer", "AccessToken": form})
            assert not errors
            assert (answer["Result"], answer["UserID"]) == ("Success", "ben")
            assert answer["Scope"] == ["Zenith/Market"]
            client.subscribe("Depth!XS01.XSX")
        with daemon.client(additional_headers={"Authorization": f"Bearer {form}"}) as client:
            assert client.ask("Auth", "QueryIdentify")[0]["UserID"] == "ben"
            client.subscribe("Depth!XS01.XSX")
    watched.after(lambda: watched.user("token", "ben", "--revoke"))
    assert by_token(daemon, issued) == "Rejected"
    with pytest.raises(InvalidStatus) as caught:
        daemon.client(additional_headers={"Authorization": f"Bearer {issued}"})
    assert caught.value.response.status_code == 403
    assert result(daemon, "ben", "secret") == "Success"
    fresh = watched.user("token", "ben")
    assert by_token(daemon, fresh) == "Success"
    watched.after(lambda: watched.user("remove", "ben"))
