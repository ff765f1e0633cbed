"""Login, rights, order of messages, keep-alive and limits over real sockets."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.daemon.conftest import DaemonProcess

REPOSITORY = Path(__file__).parents[2]
SHIPPED = (REPOSITORY / "config.toml").read_text()


def test_login_by_password_and_again_by_the_token(demonstration: DaemonProcess) -> None:
    with demonstration.client() as client:
        result = client.log_in()
        assert result["Result"] == "Success"
        assert result["UserID"] == "demo"
        assert set(result["Scope"]) == {"Zenith/Market", "Zenith/News", "Zenith/Trading", "Zenith/OrderPad"}
        token = result["AccessToken"]
    for form in (token, base64.b64decode(token).decode()):
        with demonstration.client() as client:
            result, errors = client.ask("Auth", "AuthToken", {"Provider": "Bearer", "AccessToken": form})
            assert not errors
            assert result["Result"] == "Success"
        headers = {"Authorization": f"Bearer {form}"}
        with demonstration.client(additional_headers=headers) as client:
            result, errors = client.ask("Auth", "QueryIdentify")
            assert result["Result"] == "Success"
            assert client.ask("Market", "QueryDepthFull", {"Market": "XSX", "Code": "XS01"})[1] == []


def test_bad_header_is_answered_403(demonstration: DaemonProcess) -> None:
    with pytest.raises(InvalidStatus) as caught:
        demonstration.client(additional_headers={"Authorization": "Bearer nonsense"})
    assert caught.value.response.status_code == 403


def test_unknown_subprotocol_and_path(demonstration: DaemonProcess) -> None:
    with pytest.raises(InvalidStatus) as caught, connect(demonstration.url, subprotocols=["ZenithXml"]):  # type: ignore[list-item]
        pass
    assert caught.value.response.status_code == 400
    url = demonstration.url.replace("/Zenith", "/Other")
    with pytest.raises(InvalidStatus) as caught, connect(url):
        pass
    assert caught.value.response.status_code == 404


def test_wrong_password_is_rejected_under_its_own_topic(demonstration: DaemonProcess) -> None:
    with demonstration.client() as client:
        result = client.log_in(password="wrong")
        assert result["Result"] == "Rejected"
        assert client.refused("Depth!XS01.XSX") == "Authority"
        answer, errors = client.ask("Market", "QueryDepthFull", {"Market": "XSX", "Code": "XS01"})
        assert (answer, errors) == ([], ["Authority"])


def test_without_login_what_needs_no_right_is_empty(demonstration: DaemonProcess) -> None:
    with demonstration.client() as client:
        assert client.ask("Market", "QueryMarkets") == ([], [])
        assert client.subscribe("Markets") == [[]]
        assert client.subscribe("Feeds", "Zenith") == [[]]
        assert client.subscribe("ServerInfo", "Zenith")


def test_login_and_subscriptions_sent_at_once(demonstration: DaemonProcess) -> None:
    with demonstration.client() as client:
        login = {"Provider": "BasicAuth", "ClientID": "x", "UserName": "demo", "Password": "demo"}
        client.send(Controller="Auth", Topic="AuthOwner", TransactionID=1, Data=login)
        for number in range(1, 11):
            client.send(Controller="Market", Topic=f"Security!XS{number:02}.XSX", Action="Sub", Confirm=True)
        for number in range(1, 11):
            topic = f"Security!XS{number:02}.XSX"
            outcome = client.wait_for(
                lambda one, topic=topic: one.get("Topic") == topic and one.get("Action") == "Sub"
            )
            assert outcome["Confirm"] is True


def test_references(demonstration: DaemonProcess) -> None:
    with demonstration.client() as client:
        client.log_in()
        topic = "Trades!XS04.XSX"
        client.subscribe(topic)
        client.subscribe(topic)
        client.send(Controller="Market", Topic=topic, Action="Unsub", Confirm=True)
        client.wait_for(lambda one: one.get("Topic") == topic and one.get("Action") == "Unsub")
        client.backlog.clear()
        identifiers = [change["Trade"]["ID"] for _ in range(3) for change in client.next_data(topic)]
        assert len(set(identifiers)) == len(identifiers)


def test_request_without_transaction(demonstration: DaemonProcess) -> None:
    with demonstration.client() as client:
        client.log_in()
        client.send(Controller="Market", Topic="QueryMarkets")
        error = client.wait_for(lambda one: one.get("Topic") == "QueryMarkets")
        assert (error["Action"], error["Data"]) == ("Error", "Operation.NoResult")


MALFORMED = [
    "not json",
    "[]",
    '{"Controller":1,"Topic":"x"}',
    '{"TransactionID":"one","Topic":"x"}',
    '{"a":NaN}',
    '{"a":1,"a":2}',
    '{"Data":' + "[" * 20_000 + "]" * 20_000 + "}",
    '{"Data":"\\ud800"}',
]


@pytest.mark.parametrize("message", MALFORMED)
def test_malformed_messages_end_that_connection_only(demonstration: DaemonProcess, message: str) -> None:
    with demonstration.client() as other:
        other.log_in()
        other.subscribe("Depth!XS01.XSX")
        with demonstration.client() as client:
            client.socket.send(message)
            with pytest.raises(ConnectionClosed):
                while True:
                    client.socket.recv(timeout=10)
            assert client.socket.close_code == 1007
        other.next_data("Depth!XS01.XSX")


def test_a_long_number_is_bad_data_or_a_bad_message(demonstration: DaemonProcess) -> None:
    with demonstration.client() as client:
        client.log_in()
        client.socket.send(
            '{"Controller":"Market","Topic":"QueryTrades","TransactionID":9,'
            '"Data":{"Market":"XSX","Code":"XS01","Count":' + "9" * 5000 + "}}"
        )
        try:
            message = client.receive()
            assert message["Data"] == "Data.Deserialise"
        except ConnectionClosed:
            assert client.socket.close_code == 1007


def test_a_message_that_is_too_large(demonstration: DaemonProcess) -> None:
    with demonstration.client() as client:
        client.socket.send('"' + "x" * 2_000_000 + '"')
        with pytest.raises(ConnectionClosed):
            client.socket.recv(timeout=10)
        assert client.socket.close_code == 1009


def test_ten_thousand_subscriptions_on_one_connection(demonstration: DaemonProcess) -> None:
    topics = [
        f"{kind}!XS{number:02}.XSX{suffix}"
        for kind in ("Depth", "Levels", "Security", "Trades")
        for number in range(1, 11)
        for suffix in ("", "[]", ":", ":[]")
    ]
    count = 10_000
    with demonstration.client() as client:
        client.log_in()
        for index in range(count):
            topic = topics[index % len(topics)]
            client.send(Controller="Market", Topic=topic, Action="Sub", Confirm=True)
        confirmed = errors = 0
        while confirmed + errors < count:
            message = client.receive()
            if message.get("Action") == "Sub":
                confirmed += message.get("Confirm", False)
            errors += message.get("Action") == "Error"
        assert (confirmed, errors) == (count, 0)


def test_request_limit_is_answered(tmp_path: Path) -> None:
    config = SHIPPED.replace("requests_per_second = 5000.0", "requests_per_second = 1.0")
    config = config.replace("requests_burst = 20000", "requests_burst = 5")
    with DaemonProcess(tmp_path, config) as daemon, daemon.client() as client:
        outcomes = [client.ask("Market", "QueryMarkets") for _ in range(8)]
        assert [errors for _, errors in outcomes].count(["Limited"]) >= 2
        assert all(answer == [] for answer, _ in outcomes)
        assert client.refused("Markets") == "Limited"


def limited_user(**settings: object) -> str:
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
    return f'{SHIPPED}\n[users.guest]\npassword = "guest"\n{lines}\n'


def test_limited_and_hidden_markets(tmp_path: Path) -> None:
    config = limited_user(scopes=["Zenith/Market"], markets=[], limited_markets=["XSX"])
    with DaemonProcess(tmp_path, config) as daemon:
        daemon.wait_ready()
        with daemon.client() as client, daemon.client() as full:
            client.log_in("guest", "guest")
            full.log_in()
            assert [market["Code"] for market in client.ask("Market", "QueryMarkets")[0]] == ["XSX"]
            assert client.refused("Security!XS01.XSY").startswith("Market.NotFound")
            assert client.refused("Security!XS01.XSX+XSY").startswith("Market.NotFound")
            assert client.refused("Depth!XS01.XSX").startswith("Symbol.")
            (shown,) = client.subscribe("Security!XS01.XSX")
            assert "BestBid" in shown
            depth = full.subscribe("Depth!XS01.XSX")[0]
            assert any("Broker" in change.get("Order", {}) for change in depth)


def test_brokers_only_for_whom_it_is_allowed(tmp_path: Path) -> None:
    config = limited_user(scopes=["Zenith/Market"], markets=["*"])
    with DaemonProcess(tmp_path, config) as daemon:
        daemon.wait_ready()
        with daemon.client() as client, daemon.client() as full:
            client.log_in("guest", "guest")
            full.log_in()
            topic = "Depth!XS01.XSX"
            full.subscribe(topic)
            (snapshot,) = client.subscribe(topic)
            changes = snapshot + [change for _ in range(20) for change in client.next_data(topic)]
            assert not any("Broker" in change.get("Order", {}) for change in changes)
            changes = [change for _ in range(20) for change in full.next_data(topic)]
            assert any("Broker" in change.get("Order", {}) for change in changes)


def test_a_revoked_right_ends_subscriptions(tmp_path: Path) -> None:
    config = limited_user(scopes=["Zenith/Market"], markets=["*"])
    with DaemonProcess(tmp_path, config) as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            client.log_in("guest", "guest")
            client.subscribe("Security!XS01.XSX")
            client.subscribe("Security!XS01.XSY")
            (tmp_path / "config.toml").write_text(limited_user(scopes=["Zenith/Market"], markets=["XSX"]))
            message = client.wait_for(lambda one: one.get("Action") == "Unsub")
            assert message["Topic"] == "Security!XS01.XSY"
            assert message["Confirm"] is True
            client.next_data("Security!XS01.XSX")


def test_trading_scopes_are_not_granted_where_the_setting_forbids_it(tmp_path: Path) -> None:
    config = SHIPPED.replace('trading_over_plain = "loopback"', 'trading_over_plain = "never"')
    with DaemonProcess(tmp_path, config) as daemon, daemon.client() as client:
        assert set(client.log_in()["Scope"]) == {"Zenith/Market", "Zenith/News"}
        assert client.ask("Trading", "QueryAccounts") == ([], ["Authority"])


def test_pings_and_idle_connections(tmp_path: Path) -> None:
    config = SHIPPED.replace("ping_seconds = 30.0", "ping_seconds = 1.0")
    config = config.replace("idle_seconds = 60.0", "idle_seconds = 3.0")
    with DaemonProcess(tmp_path, config) as daemon, daemon.client(ping_interval=None) as client:
        # A client that answers pings stays, however long it says nothing.
        with pytest.raises(TimeoutError):
            client.socket.recv(timeout=5)
        assert client.ask("Market", "QueryMarkets") == ([], [])


def test_shutdown_tells_clients_to_come_back(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            client.log_in()
            client.subscribe("Depth!XS01.XSX")
            assert daemon.stop() == 0
            with pytest.raises(ConnectionClosed):
                while True:
                    client.socket.recv(timeout=10)
            assert client.socket.close_code == 1012
        assert not (tmp_path / "var" / "daemon.json").exists()


def test_a_restart_keeps_trades_and_goes_on(tmp_path: Path) -> None:
    query = {"Market": "XSX", "Code": "XS01", "Count": 5}
    with DaemonProcess(tmp_path) as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            client.log_in()
            client.subscribe("Trades!XS01.XSX")
            client.next_data("Trades!XS01.XSX")
            before = client.ask("Market", "QueryTrades", query)[0]
        daemon.stop()
    with DaemonProcess(tmp_path) as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            client.log_in()
            kept = client.ask("Market", "QueryTrades", {**query, "Count": 500})[0]
            identifiers = [change["Trade"]["ID"] for change in kept]
            assert identifiers == sorted(set(identifiers))
            for change in before:
                assert change in kept
            full = client.ask("Market", "QuerySecurity", {"Market": "XSX", "Code": "XS01"})[0]
            assert full["NumberOfTrades"] >= len(before)


def test_metrics_count_what_happens(demonstration: DaemonProcess) -> None:
    with demonstration.client() as client:
        client.log_in()
        client.subscribe("Depth!XS01.XSX")
        client.next_data("Depth!XS01.XSX")
        client.refused("Depth!XS99.XSX")
        status, text = demonstration.get("/metrics")
    assert status == 200
    for name in (
        "zenithd_connections",
        "zenithd_subscriptions",
        'zenithd_updates_total{plugin="prodigy"}',
        "zenithd_deliveries_total",
        "zenithd_bytes_written_total",
        "zenithd_conflations_total",
        "zenithd_flush_seconds_bucket",
        "zenithd_path_seconds_bucket",
        'zenithd_plugin_state{plugin="prodigy",state="active"} 1.0',
        'zenithd_rejects_total{code="Symbol.NotFound"}',
        "zenithd_outbox_depth_bytes",
    ):
        assert name in text, name


def test_health(demonstration: DaemonProcess) -> None:
    assert demonstration.get("/health/live")[0] == 200
    assert demonstration.get("/health/ready")[0] == 200
    assert demonstration.get("/nothing")[0] == 404


def test_single_byte_writes_and_aborted_connections(demonstration: DaemonProcess) -> None:

    host, _, port = demonstration.address.rpartition(":")
    for _ in range(300):
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(b"GET /Zenith HTTP/1.1\r\nHost:")
    request = f"GET /health/live HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    with socket.create_connection((host, int(port))) as raw:
        for byte in request:
            raw.sendall(bytes([byte]))
        assert raw.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_right_that_is_gained_adds_nothing_to_held_lists(tmp_path: Path) -> None:
    config = limited_user(scopes=["Zenith/Market"], markets=["XSX"])
    with DaemonProcess(tmp_path, config) as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            client.log_in("guest", "guest")
            client.subscribe("Markets")
            client.subscribe("Feeds", "Zenith")
            assert client.refused("Security!XS01.XSY").startswith("Market.NotFound")
            (tmp_path / "config.toml").write_text(limited_user(scopes=["Zenith/Market"], markets=["*"]))
            deadline = time.monotonic() + 20
            while client.ask("Market", "QuerySecurity", {"Market": "XSY", "Code": "XS01"})[1]:
                assert time.monotonic() < deadline
            for message in client.backlog:
                for entry in message["Data"] if message.get("Topic") in ("Markets", "Feeds") else []:
                    assert entry.get("Code", entry.get("Name")) == "XSX"


def test_changed_limits_hold_for_open_connections(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon, daemon.client() as client:
        assert client.ask("Market", "QueryMarkets") == ([], [])
        config = SHIPPED.replace("requests_per_second = 5000.0", "requests_per_second = 0.1")
        (tmp_path / "config.toml").write_text(config.replace("requests_burst = 20000", "requests_burst = 1"))
        deadline = time.monotonic() + 20
        while client.ask("Market", "QueryMarkets")[1] != ["Limited"]:
            assert time.monotonic() < deadline


def test_a_withdrawn_token_ends_what_it_carries(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            client.log_in()
            client.subscribe("Security!XS01.XSX")
            command = [sys.executable, "-m", "zenithd", "user", "token", "demo", "--revoke"]
            subprocess.run([*command, "--config", tmp_path / "config.toml"], check=True, capture_output=True)
            message = client.wait_for(lambda one: one.get("Action") == "Unsub")
            assert (message["Topic"], message["Confirm"]) == ("Security!XS01.XSX", True)


def test_mixes_on_demand_cannot_be_used_up(tmp_path: Path) -> None:
    config = SHIPPED.replace("mixed_on_demand_max = 100", "mixed_on_demand_max = 1")
    config = config.replace('mixed = ["XSX+XSY"]', "mixed = []")
    with DaemonProcess(tmp_path, config.replace("linger_seconds = 30.0", "linger_seconds = 1.0")) as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            client.log_in()
            odd = [f"XSX+XSY#x{number}" for number in range(150)]
            _, errors = client.ask("Market", "SearchSymbols", {"Markets": odd})
            assert errors == [f"Market.NotFound {market}" for market in odd]
            client.subscribe("Security!XS01.XSX+XSY#Default")
            assert client.refused("Security!XS01.XSX+XSY").startswith("Market.NotFound")
            client.send(Controller="Market", Topic="Security!XS01.XSX+XSY#Default", Action="Unsub")
            deadline = time.monotonic() + 30
            while client.ask("Market", "QuerySecurity", {"Market": "XSX+XSY", "Code": "XS01"})[1]:
                assert time.monotonic() < deadline
                time.sleep(0.5)


def test_a_port_in_use_is_one_line_and_leaves_nothing(tmp_path: Path, demonstration: DaemonProcess) -> None:
    (tmp_path / "config.toml").write_text(SHIPPED)
    command = [sys.executable, "-m", "zenithd", "run", "--listen", demonstration.address]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert "in use" in ended.stderr
    assert not (tmp_path / "var").exists()
