"""Slow, stalled and malicious clients: each ends at most its own connection."""

from __future__ import annotations

import base64
import os
import socket
import struct
import time
from pathlib import Path

import pytest

from tests.daemon.conftest import Client, DaemonProcess
from tests.daemon.test_market_topics import Book

SHIPPED = (Path(__file__).parents[2] / "config.toml").read_text()


class RawClient:
    """A WebSocket handshake, then whatever bytes a test likes."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /Zenith?version=2.0 HTTP/1.1\r\nHost: {host}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: ZenithJson\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(4096)
        assert b" 101 " in answer

    def close_code(self) -> int:
        data = b""
        while received := self.socket.recv(4096):
            data += received
            if len(data) >= 4 and data[0] == 0x88:
                return int.from_bytes(data[2:4], "big")
        raise AssertionError(f"no close frame in {data!r}")


def masked(opcode: int, payload: bytes) -> bytes:
    assert len(payload) < 126
    return bytes((opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x05hello", 1002),  # not masked
        (masked(0xF1, b"x"), 1002),  # reserved bits
        (masked(0x83, b"x"), 1002),  # reserved opcode
        (masked(0x81, b"\xff\xfe"), 1007),  # not UTF-8
        (masked(0x80, b"x"), 1002),  # continues nothing
        (masked(0x09, b"x") + masked(0x81, b"x"), 1002),  # a control frame in pieces
    ],
)
def test_malformed_frames(demonstration: DaemonProcess, data: bytes, code: int) -> None:
    client = RawClient(demonstration.address)
    client.socket.sendall(data)
    assert client.close_code() == code


def test_a_frame_of_a_tebibyte_is_cut_short(demonstration: DaemonProcess) -> None:
    client = RawClient(demonstration.address)
    client.socket.sendall(b"\x81\xff" + struct.pack("!Q", 1 << 40) + b"\0\0\0\0" + b"x" * 2_000_000)
    assert client.close_code() == 1009


@pytest.mark.parametrize("opcode", [0x81, 0x82])
def test_a_frame_of_a_tebibyte_is_refused_as_announced(demonstration: DaemonProcess, opcode: int) -> None:
    client = RawClient(demonstration.address)
    client.socket.sendall(bytes((opcode, 0xFF)) + struct.pack("!Q", 1 << 40) + b"\0\0\0\0")
    assert client.close_code() == 1009


def test_pings_are_answered_in_order(demonstration: DaemonProcess) -> None:
    client = RawClient(demonstration.address)
    client.socket.sendall(masked(0x89, b"1") + masked(0x89, b"2"))
    data = b""
    while len(data) < 6:
        data += client.socket.recv(100)
    assert data == b"\x8a\x011\x8a\x012"


def test_nothing_follows_a_close_frame(demonstration: DaemonProcess) -> None:
    client = RawClient(demonstration.address)
    login = (
        b'{"Controller":"Auth","Topic":"AuthOwner","TransactionID":1,"Data":{"Provider":"BasicAuth",'
        b'"ClientID":"x","UserName":"demo","Password":"demo"}}'
    )
    client.socket.sendall(bytes((0x81, 0xFE)) + struct.pack("!H", len(login)) + b"\0\0\0\0" + login)
    for number in range(1, 11):
        topic = b'{"Controller":"Market","Topic":"Depth!XS%02d.XSX","Action":"Sub"}' % number
        client.socket.sendall(masked(0x81, topic))
    time.sleep(0.5)  # so that data is flowing when the close frame comes
    client.socket.sendall(masked(0x88, b"\x03\xe8"))
    data = b""
    while received := client.socket.recv(65536):
        data += received
    assert data.endswith(b"\x88\x02\x03\xe8")


def slow_client(daemon: DaemonProcess) -> Client:
    """A client whose kernel takes little: it stalls as soon as nobody reads."""
    host, _, port = daemon.address.rpartition(":")
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.connect((host, int(port)))
    return daemon.client(sock=small, ping_interval=None, max_queue=1)


def test_a_stalled_reader_catches_up_and_delays_nobody(tmp_path: Path) -> None:
    config = SHIPPED.replace("outbox_bytes_max = 1048576", "outbox_bytes_max = 16384")
    config = config.replace("rate = 1.0", "rate = 100.0")
    topics = [f"Depth!XS{number:02}.XSX" for number in range(1, 11)]
    with DaemonProcess(tmp_path, config) as daemon:
        daemon.wait_ready()
        with daemon.client() as quick, slow_client(daemon) as stalled:
            for client in (quick, stalled):
                client.log_in()
            for topic in topics:
                stalled.send(Controller="Market", Topic=topic, Action="Sub", Confirm=True)
            quick.subscribe(topics[0])
            deadline = time.monotonic() + 60
            while " 0.0" in _metric(daemon, "zenithd_conflations_total"):
                quick.next_data(topics[0])
                assert time.monotonic() < deadline
            assert " 0.0" not in _metric(daemon, "zenithd_outbox_depth_bytes")
            _expect_the_state(stalled, topics)


def _metric(daemon: DaemonProcess, name: str) -> str:
    lines = daemon.get("/metrics")[1].splitlines()
    return next(line for line in lines if line.startswith(name + " "))


def _expect_the_state(client: Client, topics: list[str]) -> None:
    """Everything received, applied strictly in order, is what the server then says it is."""
    for topic in topics:
        code = topic.removeprefix("Depth!").removesuffix(".XSX")
        answer, errors = client.ask("Market", "QueryDepthFull", {"Market": "XSX", "Code": code})
        assert not errors
        mine, theirs = Book(), Book()
        theirs.apply(answer)
        # What came before the answer lies in the backlog. The reader may still have been behind when the
        # server answered: then the rest follows.
        for _ in range(2000):
            pending = [one for one in client.backlog if one.get("Topic") == topic and "Action" not in one]
            client.backlog = [one for one in client.backlog if one not in pending]
            for message in pending:
                mine.apply(message["Data"])
            if mine.orders == theirs.orders:
                break
            client.backlog.append(client.receive())
            answer, errors = client.ask("Market", "QueryDepthFull", {"Market": "XSX", "Code": code})
            theirs.apply(answer)
        assert set(mine.orders) == set(theirs.orders)


def test_a_reader_that_takes_nothing_is_disconnected(tmp_path: Path) -> None:
    config = SHIPPED.replace("stall_seconds_max = 60.0", "stall_seconds_max = 2.0")
    config = config.replace("rate = 1.0", "rate = 100.0")
    with DaemonProcess(tmp_path, config) as daemon:
        daemon.wait_ready()
        with slow_client(daemon) as stalled:
            stalled.log_in()
            for number in range(1, 11):
                for kind in ("Depth", "Levels", "Security", "Trades"):
                    stalled.send(Controller="Market", Topic=f"{kind}!XS{number:02}.XSX", Action="Sub")
            deadline = time.monotonic() + 60
            while 'zenithd_connections_closed_total{code="1008"}' not in daemon.get("/metrics")[1]:
                assert time.monotonic() < deadline
                time.sleep(0.1)


def test_one_topic_in_many_spellings_is_limited(demonstration: DaemonProcess) -> None:
    with demonstration.client() as client, demonstration.client() as other:
        client.log_in()
        other.log_in()
        spellings = ["Trades!XS01.XSX", *(f"Trades!XS01.{number}!XSX" for number in range(1, 8))]
        for topic in spellings:
            client.subscribe(topic)
        assert client.refused("Trades!XS01.8!XSX") == "Limited"
        other.subscribe("Trades!XS01.8!XSX")
        client.subscribe("Trades!XS02.8!XSX")
        client.send(Controller="Market", Topic=spellings[0], Action="Unsub")
        client.subscribe("Trades!XS01.8!XSX")
