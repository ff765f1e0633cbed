"""Attacks, each in a process of its own beside the daemon that it is aimed at.

    python -m tests.reliability.hostile_attacks NAME ADDRESS SECONDS [--tls]

Prints one line of JSON: what the attacker sent and what it was told. Attackers never give up: what is closed
is opened again.
"""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import trio

from tests.reliability.lib_reader import container, login, masked, upgrade_request
from tests.reliability.lib_steady import apart
from zenithd.wire.criteria import CRITERIA_NESTING_MAX, CRITERIA_NODES_MAX
from zenithd.wire.criteria_parameters import VALUES_MAX
from zenithd.wire.requests import CONDITIONS_MAX

CLOSE = re.compile(rb"\x88([\x02-\x7d])(\x03[\xe8-\xff]|\x0f[\xa0-\xff])")
ERRORS = re.compile(rb'"Action":"Error","(?:TransactionID":\d+,")?Data":"([A-Za-z.]+)')
MARKET = "Market"


class Target:
    """Where the daemon is, and a tally of what came of it all."""

    def __init__(self, address: str, tls: ssl.SSLContext | None) -> None:
        host, _, port = address.rpartition(":")
        self.host, self.port = host, int(port)
        self.tls = tls
        self.tally: Counter[str] = Counter()

    async def connect(self, source: str = "127.0.0.1") -> trio.abc.Stream:
        """A connection without any bytes on it yet."""
        stream: trio.abc.Stream = await trio.open_tcp_stream(self.host, self.port, local_address=source)
        if self.tls is not None:
            stream = trio.SSLStream(stream, self.tls, server_hostname="localhost", https_compatible=True)
        self.tally["connections"] += 1
        return stream

    async def open(self, source: str = "127.0.0.1", *, known: bool = True) -> trio.abc.Stream:
        """A WebSocket, logged in where `known`."""
        stream = await self.connect(source)
        await stream.send_all(upgrade_request())
        await _receive_until(stream, b"\r\n\r\n")
        if known:
            await stream.send_all(login())
            await _receive_until(stream, b'"TransactionID":1')
        return stream

    async def drain(self, stream: trio.abc.Stream) -> None:
        """Read and note what is told, until the daemon ends it."""
        tail = b""
        while data := await stream.receive_some(1 << 18):
            self.tally["bytes received"] += len(data)
            for code in ERRORS.findall(data[: 1 << 15]):
                self.tally[f"error {code.decode()}"] += 1
            self.tally["logins rejected"] += data.count(b'"Result":"Rejected"')
            tail = (tail + bytes(data))[-200:]
        closes = CLOSE.findall(tail)
        code = int.from_bytes(closes[-1][1], "big") if closes else "without a close frame"
        self.tally[f"closed {code}"] += 1


async def _receive_until(stream: trio.abc.Stream, text: bytes) -> None:
    data = b""
    while text not in data:
        received = await stream.receive_some(65_536)
        if not received:
            raise trio.BrokenResourceError("refused")
        data += received


Attack = Callable[[Target], Awaitable[None]]
Block = Callable[[int], bytes]


async def persist(target: Target, attempt: Attack) -> None:
    """Try again for ever."""
    while True:
        try:
            await attempt(target)
        except* (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            target.tally["cut off"] += 1
        await trio.sleep(0.01)


def times(count: int, attempt: Attack) -> Attack:
    """`count` attackers at once."""

    async def attack(target: Target) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(persist, target, attempt)

    return attack


def flood(blocks: Iterable[bytes], *, read: bool = True, known: bool = True, pause: float = 0.0) -> Attack:
    """Send the blocks again and again as fast as they are taken, reading what comes back or not."""
    prepared = list(blocks)

    async def attempt(target: Target) -> None:
        stream = await target.open(known=known)
        if isinstance(stream, trio.SocketStream) and not read:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        async with trio.open_nursery() as nursery:
            if read:
                nursery.start_soon(_drain_and_cancel, target, stream, nursery.cancel_scope)
            try:
                while True:
                    for block in prepared:
                        await stream.send_all(block)
                        target.tally["bytes sent"] += len(block)
                    await trio.sleep(pause)
            finally:
                await trio.aclose_forcefully(stream)

    return attempt


async def _drain_and_cancel(target: Target, stream: trio.abc.Stream, scope: trio.CancelScope) -> None:
    try:
        await target.drain(stream)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        target.tally["cut off"] += 1
    scope.cancel()


def ask(topic: str, data: Any, transaction: int = 2) -> bytes:
    """A request of the Market controller in a frame."""
    return container(Controller=MARKET, Topic=topic, TransactionID=transaction, Data=data)


def subscribe(topic: str, action: str = "Sub", *, confirm: bool = False) -> bytes:
    """A Sub or Unsub in a frame."""
    return container(Controller=MARKET, Topic=topic, Action=action, Confirm=confirm)


# Subscriptions


def _subscriptions() -> Attack:
    block = b"".join(
        subscribe(f"Trades!S{number:04}.LOAD", action, confirm=True)
        for number in range(1, 101)
        for action in ("Sub", "Unsub")
    )
    return times(10, flood([block]))


def _unsubscriptions() -> Attack:
    block = b"".join(subscribe(f"T{number}", "Unsub", confirm=True) for number in range(200))
    return times(10, flood([block]))


def _spellings() -> Attack:
    topics = [f"Trades!S{1 + number % 20:04}.{number}!LOAD" for number in range(20_000)]
    return times(2, flood([subscribe(topic) for topic in topics], pause=1000.0))


def _symbol_lists() -> Attack:
    """Every spelling wants the whole list of the market anew."""
    return times(5, flood([subscribe(f"Symbols!Market.{number}!LOAD") for number in range(2_000)]))


# Searches


def _search() -> Attack:
    conditions = [
        {"Text": f"nowhere {number}", "Field": "Code,Name,Alternate,Attribute", "Group": "one"}
        for number in range(CONDITIONS_MAX)
    ]
    return times(10, flood([ask("SearchSymbols", {"Conditions": conditions, "Count": 1_000})]))


def _giant_search() -> Attack:
    """More conditions than are taken, in messages that are."""
    conditions = [{"Text": str(number), "Field": "Code,Name,Alternate"} for number in range(1_000)]
    return times(10, flood([ask("SearchSymbols", {"Conditions": conditions})]))


def _pages() -> Attack:
    """All that matches, in full."""
    return times(10, flood([ask("SearchSymbols", {"Count": 1_000, "FullSymbol": True}) * 10]))


def _scan() -> Attack:
    """As many nodes and as deep as a tree may be, each with a text like a costly regular expression."""
    depth = CRITERIA_NESTING_MAX - 2
    leaves = [
        ["Name", "(a+)+$" * 10 + str(number), "None", True]
        for number in range(CRITERIA_NODES_MAX - depth - 1)
    ]
    tree: Any = ["Or", *leaves]
    for _ in range(depth):
        tree = ["Not", tree]
    return times(10, flood([ask("ScanSymbols", {"Criteria": tree, "Count": 1_000})]))


def _query() -> Attack:
    fields = "+".join(["Code", "Name", *(f"Alternate{number}" for number in range(CONDITIONS_MAX - 2))])
    return times(10, flood([ask("QuerySymbols", {"SearchText": "nowhere", "Field": fields})]))


def _lists() -> Attack:
    """Lists as long as they may be, as often as fits."""
    values = [f"m{number}" for number in range(VALUES_MAX)]
    lists = [["Market", *values]] * 6
    return times(5, flood([ask("ScanSymbols", {"Criteria": ["Or", *lists]})]))


def _nonsense() -> Attack:
    """As many values as a message may have, meaning nothing."""
    return times(5, flood([ask("QueryMarkets", [[]] * 3_900)]))


def _giant() -> Attack:
    """Messages that are larger than any may be, or hold more."""
    return times(10, flood([ask("QueryMarkets", [[]] * 20_000), ask("QueryMarkets", "x" * 500_000)]))


# Requests


def _unread() -> Attack:
    block = ask("QueryTrades", {"Code": "S0001", "Market": "LOAD"}) * 20
    return times(20, flood([block], read=False))


def _trades() -> Attack:
    block = ask("QueryTrades", {"Code": "S0001", "Market": "LOAD"}) * 20
    return times(10, flood([block]))


def _charts() -> Attack:
    block = ask("QueryChartHistory", {"Code": "S0001", "Market": "LOAD", "Period": "00:01:00"}) * 20
    return times(10, flood([block]))


def _books() -> Attack:
    return times(10, flood([ask("QueryDepthFull", {"Code": "S0001", "Market": "LOAD"}) * 20]))


def _small_requests() -> Attack:
    return times(20, flood([ask("QuerySecurity", {"Code": "S0002", "Market": "LOAD"}) * 100]))


# Logins


def _logins() -> Attack:
    block = b"".join(login(password=f"wrong {number}", transaction=number) for number in range(1, 11))
    return times(20, flood([block], known=False))


def _logins_from_everywhere() -> Attack:
    """Every address of a network of 127.0.0.0/8 tries as often as it may."""

    async def attempt(target: Target) -> None:
        source = f"127.7.{target.tally['attempts'] // 200 % 200}.{1 + target.tally['attempts'] % 200}"
        target.tally["attempts"] += 1
        stream = await target.open(source, known=False)
        try:
            await stream.send_all(b"".join(login(password=f"wrong {n}", transaction=n) for n in range(1, 11)))
            data = b""
            with trio.move_on_after(5):
                while data.count(b"Rejected") < 10 and (more := await stream.receive_some(65_536)):
                    data += more
            target.tally["logins rejected"] += data.count(b"Rejected")
        finally:
            await trio.aclose_forcefully(stream)

    return times(100, attempt)


def _tokens() -> Attack:
    """Tokens that look right but for the signature."""
    text = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "A" * 4_000 + "." + "A" * 43
    data = {"Provider": "Bearer", "ClientID": "load", "AccessToken": text}
    block = container(Controller="Auth", Topic="AuthToken", TransactionID=1, Data=data) * 10
    return times(10, flood([block], known=False))


# Frames


def _pings() -> Attack:
    return times(10, flood([masked(9, b"") * 1_000]))


def _pongs() -> Attack:
    return times(10, flood([masked(10, b"") * 1_000]))


def _fragments() -> Attack:
    """A message of nothing, in pieces without end."""
    return times(10, flood([masked(1, b"", final=False), *[masked(0, b"", final=False) * 1_000] * 1_000]))


def _announced() -> Attack:
    """A frame of a tebibyte, again and again."""
    return times(20, flood([b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 1_000]))


def _malformed() -> Attack:
    return times(20, flood([b"\xf1\x80\0\0\0\0" * 100], known=False))


# Connections


async def _trickle(target: Target, data: bytes) -> None:
    stream = await target.connect()
    try:
        for byte in data:
            await stream.send_all(bytes((byte,)))
            target.tally["bytes sent"] += 1
            await trio.sleep(1)
    finally:
        target.tally["ended after a while"] += 1
        await trio.aclose_forcefully(stream)


def _slow_heads() -> Attack:
    return times(500, lambda target: _trickle(target, upgrade_request()))


async def _slow_handshake(target: Target) -> None:
    """A TLS handshake, one byte a second."""
    plain = await trio.open_tcp_stream(target.host, target.port)
    try:
        for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500:
            await plain.send_all(bytes((byte,)))
            target.tally["bytes sent"] += 1
            await trio.sleep(1)
    finally:
        target.tally["ended after a while"] += 1
        await trio.aclose_forcefully(plain)


def _slow_frames() -> Attack:
    async def attempt(target: Target) -> None:
        stream = await target.open()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_drain_and_cancel, target, stream, nursery.cancel_scope)
            try:
                for byte in masked(1, b"x" * 1_000):
                    await stream.send_all(bytes((byte,)))
                    target.tally["bytes sent"] += 1
                    await trio.sleep(1)
            finally:
                await trio.aclose_forcefully(stream)

    return times(200, attempt)


async def _come_and_go(target: Target) -> None:
    stream = await target.open(known=False)
    await trio.aclose_forcefully(stream)


async def _knock(target: Target) -> None:
    stream = await target.connect()
    await trio.aclose_forcefully(stream)


async def _scrape(target: Target) -> None:
    stream = await target.connect()
    await stream.send_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await target.drain(stream)
    await trio.aclose_forcefully(stream)


ATTACKS: dict[str, Callable[[], Attack]] = {
    "subscriptions": _subscriptions,
    "unsubscriptions": _unsubscriptions,
    "spellings": _spellings,
    "symbol-lists": _symbol_lists,
    "search": _search,
    "giant-search": _giant_search,
    "pages": _pages,
    "scan": _scan,
    "query": _query,
    "lists": _lists,
    "nonsense": _nonsense,
    "giant": _giant,
    "unread": _unread,
    "trades": _trades,
    "charts": _charts,
    "books": _books,
    "small-requests": _small_requests,
    "logins": _logins,
    "logins-from-everywhere": _logins_from_everywhere,
    "tokens": _tokens,
    "pings": _pings,
    "pongs": _pongs,
    "fragments": _fragments,
    "announced": _announced,
    "malformed": _malformed,
    "slow-heads": _slow_heads,
    "slow-handshakes": lambda: times(500, _slow_handshake),
    "slow-frames": _slow_frames,
    "connections": lambda: times(50, _come_and_go),
    "knocks": lambda: times(50, _knock),
    "scrapes": lambda: times(20, _scrape),
}


async def main(name: str, address: str, seconds: str, *options: str) -> None:
    """Attack for a while, with what the readers leave of their processor: elsewhere attackers have others."""
    apart(0)
    os.nice(19)
    tls = None
    if "--tls" in options:
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    attack = ATTACKS[name]()
    target = Target(address, tls)
    with trio.move_on_after(float(seconds)):
        await attack(target)
    print(json.dumps(dict(target.tally)), flush=True)


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
