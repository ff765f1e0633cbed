"""Readers that stall or read a kilobyte a second, and check what they hold when they come back.

    python -m tests.reliability.slow_clients ADDRESS CLIENTS TOPICS_EACH TOPICS STALL_SECONDS

Every second client stalls: it reads nothing for STALL_SECONDS, then everything, is compared with the server,
and stalls again. The others read a kilobyte a second. Prints `ready`; at the end of standard input all come
back, are compared, and a line of JSON tells what was found.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from typing import Any

from tests.reliability.lib_reader import PONG, Frames, container, login, upgrade_request
from tests.reliability.lib_steady import apart

RECEIVE_BUFFER, SEGMENT = 8_192, 536
"""Bytes that the kernel may hold for us: little, so that a client that does not read is soon noticed. The
segments of this machine's own network would be larger than that, and come with pauses."""
TRICKLE_SECONDS = 0.1
TRICKLE_BYTES = 100
CATCH_UP_SECONDS_MAX = 120.0


class Book:
    """One order book as its messages tell it, strictly."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.clears = 0

    def apply(self, changes: list[dict[str, Any]]) -> None:
        """Apply a message. Raises KeyError for one that does not follow from what is held."""
        for change in changes:
            letter, order = change["O"], change.get("Order", {})
            if letter == "C":
                self.orders.clear()
                self.clears += 1
            elif letter == "R":
                del self.orders[order["ID"]]
            elif letter == "U":
                self.orders[order["ID"]].update(order)
            elif order["ID"] in self.orders:
                raise KeyError(f"{order['ID']} is added again")
            else:
                self.orders[order["ID"]] = order

    def comparable(self) -> dict[str, tuple[Any, ...]]:
        """Orders by id, with what every message that concerns them tells."""
        fields = ("Side", "Price", "Position", "Quantity")
        return {name: tuple(order[field] for field in fields) for name, order in self.orders.items()}


class SlowClient:
    """One connection, its books, and how it is doing."""

    def __init__(self, address: str, topics: list[str]) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        self.socket.settimeout(60)
        self.socket.connect((host, int(port)))
        self.topics = topics
        self.books = {topic: Book() for topic in topics}
        self.frames = Frames()
        self.faults: list[str] = []
        self.compared = 0
        self.transaction = 1
        self._replies: dict[int, Any] = {}
        self.socket.sendall(upgrade_request())
        head = b""
        while b"\r\n\r\n" not in head:
            received = self.socket.recv(4_096)
            if not received:
                raise ConnectionError("the daemon hung up")
            head += received
        self._take(head.partition(b"\r\n\r\n")[2])
        self.socket.sendall(login())
        self._await(1)
        for topic in topics:
            self.socket.sendall(container(Controller="Market", Topic=topic, Action="Sub"))

    @property
    def clears(self) -> int:
        """Snapshots got, the first ones of all topics included."""
        return sum(book.clears for book in self.books.values())

    def trickle(self) -> None:
        """Read a little, if there is something."""
        if select.select([self.socket], [], [], 0)[0]:
            self._take(self.socket.recv(TRICKLE_BYTES))

    def come_back(self) -> None:
        """Read everything, and compare each book with the server's."""
        for topic, book in self.books.items():
            deadline = time.monotonic() + CATCH_UP_SECONDS_MAX
            # An answer is the server's state where it stands among the updates. A topic that is stale there
            # is resumed behind it, with a snapshot.
            while book.comparable() != self._asked(topic).comparable():
                if time.monotonic() > deadline:
                    self.faults.append(f"{topic} is not the server's after {CATCH_UP_SECONDS_MAX:g} s")
                    break
            else:
                self.compared += 1

    def _asked(self, topic: str) -> Book:
        code, _, market = topic.partition("!")[2].rpartition(".")
        self.transaction += 1
        self.socket.sendall(
            container(
                Controller="Market",
                Topic="QueryDepthFull",
                TransactionID=self.transaction,
                Data={"Code": code, "Market": market},
            )
        )
        book = Book()
        book.apply(self._await(self.transaction))
        return book

    def _await(self, transaction: int) -> Any:
        while transaction not in self._replies:
            received = self.socket.recv(65_536)
            if not received:
                raise ConnectionError("the daemon hung up")
            self._take(received)
        return self._replies.pop(transaction)

    def _take(self, data: bytes) -> None:
        for opcode, payload in self.frames.feed(data):
            if opcode == 9:
                self.socket.sendall(PONG)
            elif opcode == 8:
                raise ConnectionError(f"the daemon closed: {payload!r}")
            elif opcode == 1:
                self._message(json.loads(payload))

    def _message(self, message: dict[str, Any]) -> None:
        if "TransactionID" in message:
            self._replies[message["TransactionID"]] = message.get("Data")
        elif "Action" in message:
            self.faults.append(f"{message}")
        else:
            try:
                self.books[message["Topic"]].apply(message["Data"])
            except KeyError as error:
                self.faults.append(f"{message['Topic']}: {error}")


def main(address: str, clients: str, each: str, topics: str, stall_seconds: str) -> None:
    """Be slow until standard input ends, with what the healthy readers leave of their processor."""
    apart(0)
    os.nice(19)
    names = [f"Depth!S{number:04}.LOAD" for number in range(1, int(topics) + 1)]
    slow = [
        SlowClient(address, [names[(first * int(each) + place) % len(names)] for place in range(int(each))])
        for first in range(int(clients))
    ]
    stalled, trickling = slow[::2], slow[1::2]
    print("ready", flush=True)
    back_at = time.monotonic() + float(stall_seconds)
    while not select.select([0], [], [], TRICKLE_SECONDS)[0]:
        for client in trickling:
            client.trickle()
        if time.monotonic() >= back_at:
            for client in stalled:
                client.come_back()
            back_at = time.monotonic() + float(stall_seconds)
    for client in slow:
        client.come_back()
    faults = [fault for client in slow for fault in client.faults]
    counts = {
        "clients": len(slow),
        "compared": sum(client.compared for client in slow),
        "resumed": sum(client.clears - len(client.topics) for client in slow),
    }
    print(json.dumps({**counts, "faults": faults[:10], "fault_count": len(faults)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
