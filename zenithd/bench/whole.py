"""The whole daemon, measured: a venue's raw payload in, frames out to a thousand subscribers.

Half of the subscribers take JSON, half MessagePack. The reader keeps a digest per connection and topic; all
who hold one topic in one encoding must have the same, so every subscriber has all of it, in order.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from zenithd.bench.fanout import cores
from zenithd.bench.native import CannotMeasure
from zenithd.bench.payloads import write_payloads
from zenithd.bench.probe import PROBE, Played
from zenithd.bench.reader import Client, Latency, Mode, Reader, Received, client_frame, upgrade_request
from zenithd.tokens import TokenSigner, load_key
from zenithd.wire.codec import Encoding, codecs

USER = "bench"
KINDS = ("Depth", "Security", "Trades", "Levels")
CODECS = codecs()
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Recording(NamedTuple):
    """What is played."""

    payload: str
    """For the row: the file's name, or that it was made."""
    files: tuple[Path, ...]


class Measured(NamedTuple):
    """One run of the whole daemon."""

    played: Played
    received: int
    """Messages that the reader took."""
    latency: Latency | None
    rss_per_subscriber: float | None
    """Bytes of resident memory that each subscriber added, connected, logged in, subscribed and idle."""

    @property
    def deliveries_per_cpu_s(self) -> float:
        """Messages taken per second of the daemon's CPU time."""
        return self.received / self.played.cpu_seconds

    @property
    def cpu_us_per_update(self) -> float:
        """CPU from raw payload to frames ready for the sockets, of one update, in microseconds."""
        return (self.played.cpu_seconds - self.played.writing_seconds) / self.played.updates * 1e6


def made(folder: Path, messages: int) -> Recording:
    """Payloads from a seed."""
    return Recording("made: binance futures", tuple(write_payloads(folder, messages)))


class WholeDaemon:
    """The daemon in a process of its own, waiting to play; a context manager."""

    def __init__(self, recording: Recording) -> None:
        self._stack = contextlib.ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="zenithd-bench-")))
        config = folder / "config.toml"
        config.write_text(_config(recording.files))
        state = folder / "state"
        state.mkdir(mode=0o700)
        self.token = TokenSigner(load_key(state), 86_400).issue(USER, ["Zenith/Market"], time.time_ns()).text
        self.process = subprocess.Popen(
            [sys.executable, "-m", "zenithd.bench.whole_daemon", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(self.process.communicate)
        self._stack.callback(self.process.kill)
        if (core := cores()[0]) is not None:
            os.sched_setaffinity(self.process.pid, {core})
        word, _, port = self._answer().partition(" ")
        if word != "listening":
            raise CannotMeasure("the daemon did not start")
        self.port = int(port)

    def __enter__(self) -> WholeDaemon:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def play(self, updates_per_second: float = 0.0, seconds: float = 0.0) -> Played:
        """Play the recording; 0: as fast as it goes, to its end."""
        self.begin(updates_per_second, seconds)
        return self.end()

    def begin(self, updates_per_second: float, seconds: float) -> None:
        """Begin to play; `end` must follow."""
        self._say(f"go {updates_per_second} {seconds}")

    def end(self) -> Played:
        """Wait until it has played."""
        return msgspec.json.decode(self._result(), type=Played)

    def survey(self) -> list[str]:
        """Play the recording; return its instruments, those of most updates first."""
        self._say("survey")
        return msgspec.json.decode(self._result(), type=list[str])

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _result(self) -> str:
        word, _, text = self._answer().partition(" ")
        if word != "done":
            raise CannotMeasure("the daemon ended; what it said stands above")
        return text

    def resident_bytes(self) -> int:
        """Resident memory now."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE_BYTES

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def _config(files: Sequence[Path]) -> str:
    """Limits are out of the way, and outboxes so large that nothing is merged: the digests must be equal."""
    plugins = "\n".join(f"[plugins.{name}]\nenabled = false" for name in ("prodigy", "binance"))
    listed = json.dumps([str(path) for path in files])
    return f"""
[server]
listen = "127.0.0.1:0"
state_directory = "state"
[logging]
level = "error"
[limits]
connections_max = 100000
connections_per_address_max = 100000
subscriptions_per_connection_max = 100000
logins_per_minute = 1000000
requests_per_second = 1000000
requests_burst = 1000000
ping_seconds = 600.0
idle_seconds = 1200.0
[fanout]
outbox_bytes_max = 1073741824
[users.{USER}]
password = "bench"
scopes = ["Zenith/Market"]
{plugins}
[plugins.replay]
enabled = true
files = {listed}
speed = 0.0
"""


def survey(recording: Recording) -> list[str]:
    """The recording's instruments, those of most updates first."""
    with WholeDaemon(recording) as daemon:
        return daemon.survey()


def topics_of(instruments: Sequence[str]) -> list[str]:
    """Every subscription to these instruments."""
    return [f"{kind}!{instrument}" for instrument in instruments for kind in KINDS]


def clients(token: str, choices: Sequence[Sequence[str]]) -> list[Client]:
    """JSON and MessagePack by turns; the token in the header logs in."""
    made = []
    for index, topics in enumerate(choices):
        encoding = (Encoding.JSON, Encoding.MESSAGEPACK)[index % 2]
        codec = CODECS[encoding]
        messages = [
            codec.encode({"Controller": "Market", "Topic": topic, "Action": "Sub"}) for topic in topics
        ]
        frames = b"".join(client_frame(message, 1 if codec.is_text else 2) for message in messages)
        headers = [f"Authorization: Bearer {token}"]
        made.append(Client(upgrade_request("/Zenith", encoding.value, headers), frames))
    return made


def measure(
    recording: Recording,
    choices: Sequence[Sequence[str]],
    updates_per_second: float = 0.0,
    seconds: float = 0.0,
) -> Measured:
    """Play to subscribers of these topics, one for each of `choices`.

    Raises:
        CannotMeasure: a subscriber missed something, or got it in another order than the others.
    """
    if updates_per_second:
        choices = [[*topics, f"Trades!{PROBE}"] for topics in choices]
    with WholeDaemon(recording) as daemon:
        before = daemon.resident_bytes()
        with Reader(daemon.port, Mode.ZENITH, clients(daemon.token, choices), core=cores()[1]) as reader:
            reader.wait_upgraded(120)
            expected = sum(map(len, choices))
            reader.wait_frames(expected, 120)
            rss = (daemon.resident_bytes() - before) / len(choices)
            if updates_per_second:
                reader.reset()
            played = daemon.play(updates_per_second, seconds)
            reader.wait_quiet()
            counters = reader.counters()
            latency = reader.latency() if updates_per_second else None
            result = reader.finish()
    if counters.errors:
        raise CannotMeasure(f"{counters.errors} errors at the reader; what it said stands above")
    check_equal(result.topics)
    return Measured(played, counters.frames - expected, latency, rss)


def capture(recording: Recording, topics: Sequence[str]) -> list[bytes]:
    """Every message that one JSON subscriber to these topics gets."""
    with (
        WholeDaemon(recording) as daemon,
        Reader(daemon.port, Mode.ZENITH, clients(daemon.token, [topics]), captured=1) as reader,
    ):
        reader.wait_frames(len(topics))
        daemon.play()
        reader.wait_quiet()
        return [payload for _, payload in reader.finish().captured]


def spread(topics: Sequence[str], subscribers: int, each: int = 20) -> list[list[str]]:
    """`each` of the topics for everybody, from another place for each pair (one of them takes JSON)."""
    each = min(each, len(topics))
    starts = [index // 2 * each for index in range(subscribers)]
    return [[topics[(start + step) % len(topics)] for step in range(each)] for start in starts]


def check_equal(received: Sequence[Received]) -> None:
    """Everybody who held a topic in one encoding got the same bytes in the same order.

    Raises:
        CannotMeasure: somebody did not.
    """
    seen: dict[tuple[str, int], tuple[int, int]] = {}
    for one in received:
        got = (one.messages, one.digest)
        if seen.setdefault((one.topic, one.connection % 2), got) != got:
            raise CannotMeasure(f"connection {one.connection} got other messages of {one.topic} than others")
