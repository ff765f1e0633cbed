"""Pages that are made anew so often and no more."""

from __future__ import annotations

import trio
import trio.testing

from zenithd.server.head import Peer
from zenithd.server.pages import PAGES_BURST, KeptPages, Page


class Kept:
    def __init__(self) -> None:
        self.made = self.repeated = 0
        self.pages = KeptPages(self.make, lambda peer: peer.is_loopback, lambda: 2.0, self.count)

    def make(self, peer: Peer) -> Page:
        self.made += 1
        return Page(200, "text/plain", f"{peer.is_loopback} {self.made}".encode())

    def count(self) -> None:
        self.repeated += 1

    def ask(self, address: str) -> bytes:
        return self.pages(Peer(address, False)).body


async def test_a_flood_is_shown_the_last_page_again(autojump_clock: trio.testing.MockClock) -> None:
    kept = Kept()
    shown = [kept.ask("127.0.0.1") for _ in range(1_000)]
    assert kept.made == PAGES_BURST
    assert kept.repeated == 1_000 - PAGES_BURST
    assert shown[-1] == b"True %d" % PAGES_BURST
    await trio.sleep(0.5)
    assert kept.ask("127.0.0.1") == b"True %d" % (PAGES_BURST + 1)


async def test_what_one_group_may_see_is_not_shown_to_another(autojump_clock: trio.testing.MockClock) -> None:
    kept = Kept()
    for _ in range(1_000):
        kept.ask("127.0.0.1")
    assert kept.ask("10.0.0.1").startswith(b"False")
    assert kept.ask("10.0.0.2").startswith(b"False")
    assert kept.ask("127.0.0.1").startswith(b"True")
