"""The fan-out over TLS: fewer subscribers, read by Python, each compared byte for byte.

What is measured is the sender's CPU time, so a slow reader does no harm: a batch follows when the last one
was taken.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from zenithd.bench.fanout import ROUND_SECONDS, Round, Shape, cores
from zenithd.bench.messages import Messages, topics_of
from zenithd.bench.native import CannotMeasure
from zenithd.bench.reader import client_frame, upgrade_request
from zenithd.bench.senders import Recipe, Sender, zenithd
from zenithd.bus.frames import TEXT, frame

TIMEOUT_SECONDS = 30.0


class TlsContestant:
    """zenithd's fan-out behind TLS with its subscribers; takes turns like `fanout.Contestant`."""

    name = "zenithd-tls"

    def __init__(self, shape: Shape, certificate: Path, key: Path) -> None:
        self.shape = shape
        self._stack = contextlib.ExitStack()
        plain = zenithd()
        recipe = Recipe(
            self.name, [*plain.command, "--certificate", str(certificate), "--key", str(key)], tls=True
        )
        self.sender = self._stack.enter_context(Sender(recipe, shape.topics, cores()[0]))
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._topics = [
            frozenset(topics_of(index, shape.name, shape.topics, shape.each))
            for index in range(shape.subscribers)
        ]
        self._clients = [self._connect(context, topics) for topics in self._topics]
        self._messages = Messages(shape.topics)

    def close(self) -> None:
        """End the program and the connections."""
        for client in self._clients:
            client.close()
        self._stack.close()

    def _connect(self, context: ssl.SSLContext, topics: frozenset[int]) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.sender.port), TIMEOUT_SECONDS)
        client = context.wrap_socket(plain)
        client.sendall(upgrade_request())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        if not head.startswith(b"HTTP/1.1 101"):
            raise CannotMeasure(f"the upgrade over TLS was refused: {head!r}")
        client.sendall(client_frame(f"sub {' '.join(map(str, sorted(topics)))}".encode()))
        return client

    def saturate(self, seconds: float = ROUND_SECONDS) -> Round:
        """Publish batches, each after the last was taken by everybody."""
        deliveries, cpu, began = 0, 0.0, time.monotonic()
        while time.monotonic() - began < seconds:
            self.sender.say("prepare", self.shape.batch)
            made = [(topic, frame(TEXT, message)) for topic, message in self._messages.take(self.shape.batch)]
            before = self.sender.cpu_seconds()
            self.sender.begin("batch", self.shape.batch)
            for client, topics in zip(self._clients, self._topics, strict=True):
                expected = b"".join(data for topic, data in made if topic in topics)
                _expect(client, expected)
                deliveries += sum(topic in topics for topic, _ in made)
            self.sender.finish()
            cpu += self.sender.cpu_seconds() - before
        return Round(deliveries, cpu)


def _expect(client: ssl.SSLSocket, expected: bytes) -> None:
    taken = bytearray()
    while len(taken) < len(expected):
        data = client.recv(len(expected) - len(taken))
        if not data:
            raise CannotMeasure("a connection over TLS was cut off")
        taken += data
    if taken != expected:
        raise CannotMeasure("a subscriber over TLS got other bytes than were sent")


@contextlib.contextmanager
def certificate() -> Iterator[tuple[Path, Path]]:
    """A certificate of this moment and its key.

    Raises:
        CannotMeasure: there is no `openssl` to make it.
    """
    with tempfile.TemporaryDirectory(prefix="zenithd-bench-") as folder:
        made, key = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(made)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise CannotMeasure("the rows over TLS need the program openssl") from None
        yield made, key
