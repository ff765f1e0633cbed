"""TLS, as the daemon's own and as a proxy's; and which web pages may connect."""

from __future__ import annotations

import signal
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.exceptions import InvalidStatus

from tests.daemon.conftest import Client, DaemonProcess
from tests.daemon.test_market_topics import Book

SHIPPED = (Path(__file__).parents[2] / "config.toml").read_text()
FAST = SHIPPED.replace("rate = 1.0", "rate = 100.0").replace("history_days = 20", "history_days = 0")
WAIT_SECONDS_MAX = 30.0
SYMBOLS = [f"XS{number:02}" for number in range(1, 11)]


class TlsDaemon(DaemonProcess):
    """A daemon with TLS; its certificates are of an authority that only this test trusts."""

    def __init__(self, folder: Path, config: str, **environment: str) -> None:
        self.authority = trustme.CA()
        self.context = ssl.create_default_context()
        self.authority.configure_trust(self.context)
        self.chain, self.key = folder / "chain.pem", folder / "key.pem"
        self.certificate = self.renew()
        config = config.replace('tls_certificate = ""', f'tls_certificate = "{self.chain}"')
        super().__init__(folder, config.replace('tls_key = ""', f'tls_key = "{self.key}"'), **environment)

    def renew(self) -> bytes:
        """Put a new certificate and its key on disk; return the certificate (DER)."""
        issued = self.authority.issue_cert("localhost", "127.0.0.1")
        issued.private_key_pem.write_to_path(self.key)
        issued.cert_chain_pems[0].write_to_path(self.chain)
        return ssl.PEM_cert_to_DER_cert(self.chain.read_text())

    def presented(self) -> bytes | None:
        """The certificate (DER) that a new connection is shown."""
        with (
            socket.create_connection(self.place, timeout=10) as plain,
            self.context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            return secure.getpeercert(binary_form=True)

    @property
    def place(self) -> tuple[str, int]:
        host, _, port = self.address.rpartition(":")
        return host, int(port)

    @property
    def url(self) -> str:
        return f"wss://{self.address}/Zenith?version=2.0"

    def client(self, protocol: str = "ZenithJson", **options: Any) -> Client:
        """Closing must not wait for what a client has stopped reading."""
        return Client(self.url, protocol, ssl=self.context, close_timeout=0.1, **options)

    def get(self, path: str) -> tuple[int, str]:
        try:
            url = f"https://{self.address}{path}"
            with urllib.request.urlopen(url, timeout=10, context=self.context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        lines = self.get("/metrics")[1].splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(name + " ")))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsDaemon]:
    """A daemon that has much to say, and outboxes that hold all of it."""
    config = FAST.replace("outbox_bytes_max = 1048576", "outbox_bytes_max = 1073741824")
    with TlsDaemon(tmp_path_factory.mktemp("tls"), config) as daemon:
        daemon.wait_ready()
        yield daemon


class Follower:
    """Follows several topics, refuses what does not fit, and compares with what the server says."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.books = {code: Book() for code in SYMBOLS}
        self.newest = dict.fromkeys(SYMBOLS, 0)
        self.confirmed: set[str] = set()
        self.messages = 0

    def subscribe(self, kinds: Sequence[str]) -> None:
        """Send subscriptions of these kinds for all symbols."""
        for kind in kinds:
            for code in SYMBOLS:
                topic = f"{kind}!{code}.XSX"
                self.client.send(Controller="Market", Topic=topic, Action="Sub", Confirm=True)

    def take(self, message: dict[str, Any]) -> None:
        """Take a message that is no reply."""
        topic, action = message["Topic"], message.get("Action")
        assert action in (None, "Sub"), message
        if action == "Sub":
            self.confirmed.add(topic)
            return
        self.messages += 1
        kind, _, symbol = topic.partition("!")
        code = symbol.removesuffix(".XSX")
        if kind == "Depth":
            self.books[code].apply(message["Data"])
        elif kind == "Trades":
            self.take_trades(code, message["Data"])

    def take_trades(self, code: str, changes: list[dict[str, Any]]) -> None:
        """Newest ids never go back."""
        for change in changes:
            if change["O"] == "I":
                assert change["ID"] >= self.newest[code]
                self.newest[code] = change["ID"]
            elif change["O"] == "A":
                assert change["Trade"]["ID"] > self.newest[code]
                self.newest[code] = change["Trade"]["ID"]

    def compare(self, codes: Sequence[str] = SYMBOLS) -> set[str]:
        """Ask for books, all at once. Return the symbols of which the answer is not what came before it."""
        for code in codes:
            data = {"Market": "XSX", "Code": code}
            number = SYMBOLS.index(code)
            self.client.send(Controller="Market", Topic="QueryDepthFull", TransactionID=number, Data=data)
        others = set()
        unanswered = set(codes)
        while unanswered:
            message = self.client.receive()
            if "TransactionID" not in message:
                self.take(message)
                continue
            code = SYMBOLS[message["TransactionID"]]
            unanswered.remove(code)
            told = Book()
            told.apply(message["Data"])
            if comparable(told) != comparable(self.books[code]):
                others.add(code)
        return others


def comparable(book: Book) -> dict[str, dict[str, Any]]:
    """The orders without what is said of them only where it is so: that nothing is undisclosed."""
    return {
        key: {name: value for name, value in order.items() if value is not False}
        for key, order in book.orders.items()
    }


@pytest.mark.parametrize("protocol", ["ZenithJson", "ZenithMsgPack", "ZenithBson"])
def test_everything_comes_in_order_under_load(daemon: TlsDaemon, protocol: str) -> None:
    with daemon.client(protocol) as client:
        assert client.log_in()["Result"] == "Success"
        follower = Follower(client)
        follower.subscribe(("Depth", "Trades", "Security", "Levels"))
        while follower.messages < 10_000 or len(follower.confirmed) < 4 * len(SYMBOLS):
            follower.take(client.receive())
        assert follower.compare() == set()
    assert daemon.metric("zenithd_conflations_total") == 0


def slow_client(daemon: TlsDaemon) -> Client:
    """A client whose kernel takes little: it stalls as soon as nobody reads."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    small.connect(daemon.place)
    return daemon.client(sock=small, server_hostname="localhost", ping_interval=None, max_queue=1)


def test_a_slow_reader_conflates_and_catches_up(tmp_path: Path) -> None:
    """It stops reading for a while; then it gets each book anew, and follows one of them again."""
    config = FAST.replace("outbox_bytes_max = 1048576", "outbox_bytes_max = 16384")
    with TlsDaemon(tmp_path, config.replace("rate = 100.0", "rate = 30.0")) as daemon:
        daemon.wait_ready()
        with slow_client(daemon) as client, daemon.client() as quick:
            quick.log_in()
            quick.subscribe("Depth!XS01.XSX")
            client.log_in()
            follower = Follower(client)
            follower.subscribe(("Depth", "Trades"))
            while len(follower.confirmed) < 2 * len(SYMBOLS):
                follower.take(client.receive())
            before = daemon.metric("zenithd_conflations_total")
            wait_until(lambda: daemon.metric("zenithd_conflations_total") > before + 2000)
            quick.next_data("Depth!XS01.XSX")
            opened = {code: book.clears for code, book in follower.books.items()}
            while any(book.clears == opened[code] for code, book in follower.books.items()):
                follower.take(client.receive())
            for topic in sorted(follower.confirmed - {"Depth!XS01.XSX"}):
                client.send(Controller="Market", Topic=topic, Action="Unsub")

            def unsubscribed() -> bool:
                """Whoever stops reading is not read from either, so this reads as fast as it can."""
                until = time.monotonic() + 0.2
                while time.monotonic() < until:
                    follower.take(client.receive())
                return daemon.metric("zenithd_subscriptions") == 2

            wait_until(unsubscribed)
            wait_until(lambda: not follower.compare(["XS01"]))


def test_a_renewed_certificate_is_presented_without_a_restart(daemon: TlsDaemon) -> None:
    assert daemon.presented() == daemon.certificate
    topic = "Depth!XS01.XSX"
    with daemon.client() as old:
        old.log_in()
        old.subscribe(topic)
        renewed = daemon.renew()
        assert renewed != daemon.certificate
        wait_until(lambda: daemon.presented() == renewed)
        refusals = daemon.text().count("configuration not taken over")
        daemon.chain.write_text("no certificate any more")
        wait_until(lambda: daemon.text().count("configuration not taken over") > refusals)
        assert daemon.presented() == renewed
        with daemon.client() as new:
            assert new.log_in()["Result"] == "Success"
            assert new.subscribe(topic)
            new.next_data(topic)
        old.backlog.clear()
        for _ in range(100):
            old.next_data(topic)
        assert old.ask("Market", "QueryDepthFull", {"Market": "XSX", "Code": "XS01"})[1] == []


EXPIRY = "zenithd_tls_certificate_expiry_timestamp_seconds"


def test_a_key_that_does_not_belong_is_refused_and_the_end_is_told(daemon: TlsDaemon) -> None:
    """Two files are never replaced at one moment: in between the old pair must serve."""
    with daemon.client() as old:
        old.log_in()
        before, end = daemon.presented(), daemon.metric(EXPIRY)
        refusals = daemon.text().count("configuration not taken over")
        soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
        issued = daemon.authority.issue_cert("localhost", "127.0.0.1", not_after=soon)
        issued.private_key_pem.write_to_path(daemon.key)
        wait_until(lambda: daemon.text().count("configuration not taken over") > refusals)
        assert (daemon.presented(), daemon.metric(EXPIRY)) == (before, end)
        issued.cert_chain_pems[0].write_to_path(daemon.chain)
        wait_until(lambda: daemon.metric(EXPIRY) == soon.timestamp())
        assert daemon.presented() != before
        assert "the TLS certificate must be renewed" in daemon.text()
        assert old.ask("Market", "QueryDepthFull", {"Market": "XSX", "Code": "XS01"})[1] == []


@pytest.mark.parametrize("how", ["link", "folder"])
def test_a_certificate_behind_links_is_renewed(tmp_path: Path, how: str) -> None:
    """As certbot does it (a link is set to a new file), and as Kubernetes does (one to a new folder)."""
    authority = trustme.CA()
    live, chain, key = tmp_path / "live", tmp_path / "live" / "chain.pem", tmp_path / "live" / "key.pem"
    live.mkdir()

    def renew(number: int) -> bytes:
        stored = tmp_path / f"archive{number if how == 'folder' else ''}"
        stored.mkdir(exist_ok=True)
        issued = authority.issue_cert("localhost", "127.0.0.1")
        issued.private_key_pem.write_to_path(stored / f"key{number}.pem")
        issued.cert_chain_pems[0].write_to_path(stored / f"chain{number}.pem")
        if how == "folder":
            (stored / f"key{number}.pem").rename(stored / "key.pem")
            (stored / f"chain{number}.pem").rename(stored / "chain.pem")
            point(live / "now", stored)
        targets = (
            (live / "now" / "key.pem", live / "now" / "chain.pem")
            if how == "folder"
            else (stored / f"key{number}.pem", stored / f"chain{number}.pem")
        )
        if how == "link" or number == 1:
            point(key, targets[0])
            point(chain, targets[1])
        return ssl.PEM_cert_to_DER_cert(chain.read_text())

    first = renew(1)
    config = FAST.replace('tls_certificate = ""', f'tls_certificate = "{chain}"')
    folder = tmp_path / "daemon"
    folder.mkdir()
    with LinkedDaemon(folder, config.replace('tls_key = ""', f'tls_key = "{key}"'), authority) as daemon:
        assert daemon.presented() == first
        second = renew(2)
        assert second != first
        wait_until(lambda: daemon.presented() == second)


class LinkedDaemon(TlsDaemon):
    """A daemon whose certificate lies elsewhere."""

    def __init__(self, folder: Path, config: str, authority: trustme.CA) -> None:
        self.context = ssl.create_default_context()
        authority.configure_trust(self.context)
        DaemonProcess.__init__(self, folder, config)


def point(link: Path, target: Path) -> None:
    """Set a symbolic link, in one step where it exists."""
    new = link.with_name(link.name + ".new")
    new.symlink_to(target)
    new.replace(link)


def test_a_signal_takes_a_renewed_certificate_over(tmp_path: Path) -> None:
    with TlsDaemon(
        tmp_path, FAST, WATCHFILES_FORCE_POLLING="true", WATCHFILES_POLL_DELAY_MS="3600000"
    ) as daemon:
        renewed = daemon.renew()
        assert daemon.presented() == daemon.certificate != renewed
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: daemon.presented() == renewed)


@pytest.mark.parametrize("sent", [b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\0" * 600])
def test_what_is_not_tls_is_turned_away(daemon: TlsDaemon, sent: bytes) -> None:
    for _ in range(5):
        with socket.create_connection(daemon.place, timeout=10) as plain:
            plain.sendall(sent)
            received = b""
            try:
                while data := plain.recv(4096):
                    received += data
            except ConnectionResetError:
                pass
            assert b"HTTP" not in received
    assert daemon.get("/health/live")[0] == 200
    assert "connection failed" not in daemon.text()


def test_trading_rights_over_tls(daemon: TlsDaemon) -> None:
    with daemon.client() as client:
        assert "Zenith/Trading" in client.log_in()["Scope"]


BEHIND_A_PROXY = (
    SHIPPED.replace("trusted_proxies = []", 'trusted_proxies = ["127.0.0.0/8"]')
    .replace('trading_over_plain = "loopback"', 'trading_over_plain = "never"')
    .replace("loopback_only = true", "loopback_only = false")
    .replace('origins = ["*"]', 'origins = ["https://trade.example.com", "https://watch.example.com"]')
    .replace("history_days = 20", "history_days = 0")
    .replace("failed_logins_per_minute = 10", "failed_logins_per_minute = 1")
)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon that believes what a proxy on this machine says."""
    with DaemonProcess(tmp_path_factory.mktemp("proxied"), BEHIND_A_PROXY) as daemon:
        yield daemon


@pytest.mark.parametrize(
    ("headers", "may_trade"),
    [
        ({"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}, True),
        ({"X-Forwarded-Proto": "https"}, True),
        ({"X-Forwarded-Proto": "http", "X-Forwarded-For": "203.0.113.7"}, False),
        ({"X-Forwarded-For": "203.0.113.7"}, False),
        ({}, False),
    ],
)
def test_tls_that_ends_at_a_proxy(proxied: DaemonProcess, headers: dict[str, str], may_trade: bool) -> None:
    with proxied.client(additional_headers=headers) as client:
        assert ("Zenith/Trading" in client.log_in()["Scope"]) is may_trade


def test_a_proxy_tells_clients_apart(proxied: DaemonProcess) -> None:
    """What one client does wrong is not held against the others behind the same proxy."""
    results = []
    for address, password in (("198.51.100.1", "wrong"), ("198.51.100.1", "demo"), ("198.51.100.2", "demo")):
        with proxied.client(additional_headers={"X-Forwarded-For": f"192.0.2.1, {address}"}) as client:
            results.append(client.log_in(password=password)["Result"])
    assert results == ["Rejected", "Rejected", "Success"]


def test_the_word_of_a_stranger_counts_nothing(daemon: TlsDaemon) -> None:
    """The headers come from the client itself: it stays on this machine."""
    with daemon.client(additional_headers={"X-Forwarded-For": "203.0.113.7"}) as client:
        assert client.log_in()["Result"] == "Success"


def test_origins(proxied: DaemonProcess) -> None:
    for origin in ("https://trade.example.com", "https://watch.example.com", None):
        with proxied.client(origin=origin) as client:
            assert client.log_in()["Result"] == "Success"
    for origin in ("https://evil.example.com", "http://trade.example.com", "null"):
        with pytest.raises(InvalidStatus) as caught:
            proxied.client(origin=origin)
        assert caught.value.response.status_code == 403
    assert 'zenithd_connections_refused_total{reason="origin"} 3.0' in proxied.get("/metrics")[1]
