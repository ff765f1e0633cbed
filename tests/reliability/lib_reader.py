"""Healthy readers in a process of their own: subscribe to steady trades, and say how late each came.

    python -m tests.reliability.lib_reader ADDRESS READERS TOPICS_EACH TOPICS [--tls]

Prints `ready`; each line on standard input ends a phase, which is answered with one line of JSON: number of
trades, percentiles of their lateness in milliseconds, trades that came in the wrong order or twice.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import socket
import ssl
import sys
import time
from typing import Any

TRADE = re.compile(rb'"Topic":"Trades!S(\d+)\.LOAD","Data":\[\{"O":"A","Trade":\{"ID":(\d+),')
ID = re.compile(rb'"Trade":\{"ID":(\d+),')
PONG = b"\x8a\x80\0\0\0\0"


def masked(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """A client's frame; the mask is zero, so that the payload stands in it as it is."""
    head, length = bytes([(0x80 if final else 0) | opcode]), len(payload)
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65_536:
        head += b"\xfe" + length.to_bytes(2, "big")
    else:
        head += b"\xff" + length.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


def upgrade_request(path: str = "/Zenith?version=2.0") -> bytes:
    """The HTTP head that asks for a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: ZenithJson\r\n\r\n"
    ).encode()


def container(**content: Any) -> bytes:
    """A JSON message in a frame."""
    return masked(1, json.dumps(content).encode())


def login(user: str = "demo", password: str = "demo", transaction: int = 1) -> bytes:
    """A login by password in a frame."""
    data = {"Provider": "BasicAuth", "ClientID": "load", "UserName": user, "Password": password}
    return container(Controller="Auth", Topic="AuthOwner", TransactionID=transaction, Data=data)


class Frames:
    """Takes a stream of a server's bytes apart."""

    def __init__(self) -> None:
        self._bytes = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """(opcode, payload) of each frame that is complete now."""
        data = self._bytes + data if self._bytes else data
        frames, place, end = [], 0, len(data)
        while place + 2 <= end:
            length, start = data[place + 1] & 0x7F, place + 2
            if length == 126:
                length, start = int.from_bytes(data[place + 2 : place + 4], "big"), place + 4
            elif length == 127:
                length, start = int.from_bytes(data[place + 2 : place + 10], "big"), place + 10
            if start > end or start + length > end:
                break
            frames.append((data[place] & 0x0F, data[start : start + length]))
            place = start + length
        self._bytes = data[place:]
        return frames


class Reader:
    """One connection that reads as fast as it can."""

    def __init__(self, address: str, topics: list[str], tls: ssl.SSLContext | None) -> None:
        host, _, port = address.rpartition(":")
        plain = socket.create_connection((host, int(port)), timeout=60)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")
        self.frames = Frames()
        self.newest: dict[bytes, int] = {}
        self.socket.sendall(upgrade_request())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._received()
        self.frames.feed(head.partition(b"\r\n\r\n")[2])
        self.socket.sendall(login())
        self._wait(b'"TransactionID":1')
        for topic in topics:
            self.socket.sendall(container(Controller="Market", Topic=topic, Action="Sub", Confirm=True))
        self._wait(topics[-1].encode())
        self.socket.setblocking(False)

    def _wait(self, text: bytes) -> None:
        while not any(text in payload for _, payload in self.frames.feed(self._received())):
            pass

    def _received(self) -> bytes:
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionError("the daemon hung up")
        return data

    def read(self, lateness: list[int], faults: list[str]) -> None:
        """Take what is there; TLS may hold more than the poll sees."""
        while self._take(lateness, faults) and isinstance(self.socket, ssl.SSLSocket):
            pass

    def _take(self, lateness: list[int], faults: list[str]) -> bool:
        try:
            data = self.socket.recv(1 << 20)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        now = time.monotonic_ns() // 1000
        if not data:
            raise ConnectionError("the daemon hung up on a healthy reader")
        for opcode, payload in self.frames.feed(data):
            if opcode == 1:
                self._trades(payload, now, lateness, faults)
            elif opcode == 9:
                self.socket.sendall(PONG)
            elif opcode == 8:
                raise ConnectionError(f"the daemon closed a healthy reader: {payload!r}")
        return True

    def _trades(self, payload: bytes, now: int, lateness: list[int], faults: list[str]) -> None:
        found = TRADE.search(payload)
        if found is None:
            return
        topic, newest = found[1], self.newest.get(found[1], 0)
        for text in ID.findall(payload):
            identifier = int(text)
            if identifier <= newest:
                faults.append(f"S{topic.decode()}: {identifier} after {newest}")
            newest = identifier
            lateness.append(now - identifier)
        self.newest[topic] = newest


def summary(lateness: list[int], faults: list[str]) -> dict[str, Any]:
    """Percentiles in milliseconds."""
    ordered = sorted(lateness) or [0]
    points = {
        name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1000
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0))
    }
    return {"trades": len(lateness), **points, "faults": faults[:5]}


def main(address: str, readers: str, each: str, topics: str, *options: str) -> None:
    """Read until standard input ends."""
    tls = None
    if "--tls" in options:
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    names = [f"Trades!S{number + 1:04}.LOAD" for number in range(int(topics))]
    opened = [
        Reader(address, [names[(first * int(each) + n) % len(names)] for n in range(int(each))], tls)
        for first in range(int(readers))
    ]
    lateness: list[int] = []
    faults: list[str] = []
    poll = select.epoll()
    by_number = {reader.socket.fileno(): reader for reader in opened}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    poll.register(0, select.EPOLLIN)
    print("ready", flush=True)
    while True:
        for number, _ in poll.poll():
            if number:
                by_number[number].read(lateness, faults)
            elif os.read(0, 4096):
                print(json.dumps(summary(lateness, faults)), flush=True)
                lateness.clear()
                faults.clear()
            else:
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
