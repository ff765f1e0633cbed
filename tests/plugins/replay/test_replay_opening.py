from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from replay_samples import NOON, bid, deep_capture, pcap, segment, spot_trade, trading_status, udp, write

from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import MarketDefinition
from zenithd.recording import RecordingError, RecordingWriter
from zenithd_replay.config import ReplayConfig
from zenithd_replay.opening import detect_format, open_files


def own(path: Path, *markets: str) -> Path:
    with RecordingWriter(path) as writer:
        for market in markets:
            writer.declare(NOON, MarketDefinition(id=MarketId(market)), [])
    return path


def codes(config: ReplayConfig) -> list[str]:
    return [declared.definition.id for declared in open_files(config).declarations]


def test_formats_are_told_by_their_first_bytes(tmp_path: Path) -> None:
    capture = deep_capture([trading_status("ABC", "T")])
    line = spot_trade(NOON, 1, "1.0", "2.0")
    assert detect_format(own(tmp_path / "own", "XSX")) == "zenithd"
    assert detect_format(write(tmp_path / "a", capture)) == "iex"
    assert detect_format(write(tmp_path / "b", gzip.compress(capture))) == "iex"
    assert detect_format(write(tmp_path / "c", line)) == "binance"
    assert detect_format(write(tmp_path / "d", gzip.compress(line))) == "binance"


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b", gzip.compress(b"hello", mtime=0), b"123 {}"])
def test_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(RecordingError):
        detect_format(write(tmp_path / "x", content))


def test_default_codes_have_the_tag_sample(tmp_path: Path) -> None:
    assert codes(ReplayConfig(files=(own(tmp_path / "own", "XSX", "XSY"),))) == ["XSX[Sample]", "XSY[Sample]"]
    capture = write(tmp_path / "iex", deep_capture([trading_status("ABC", "T")]))
    assert codes(ReplayConfig(files=(capture,))) == ["IEX[Sample]"]
    assert codes(ReplayConfig(files=(capture,), tag="")) == ["IEX"]
    assert codes(ReplayConfig(files=(capture,), market="ABC:D[Demo]")) == ["ABC:D[Demo]"]
    line = write(tmp_path / "binance", spot_trade(NOON, 1, "1.0", "2.0"))
    assert codes(ReplayConfig(files=(line,))) == ["BINANCE[Sample]"]


def test_one_code_cannot_stand_for_several_markets(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="several recorded markets"):
        open_files(ReplayConfig(files=(own(tmp_path / "own", "XSX", "XSY"),), market="ABC"))


def test_files_of_two_formats_are_refused(tmp_path: Path) -> None:
    line = write(tmp_path / "binance", spot_trade(NOON, 1, "1.0", "2.0"))
    with pytest.raises(RecordingError, match="play one format at a time"):
        open_files(ReplayConfig(files=(own(tmp_path / "own", "XSX"), line)))


def test_a_named_format_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="not a packet capture"):
        open_files(ReplayConfig(files=(own(tmp_path / "own", "XSX"),), format="iex"))


def test_no_file_a_missing_file_and_an_empty_recording(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="set files"):
        open_files(ReplayConfig())
    with pytest.raises(FileNotFoundError):
        open_files(ReplayConfig(files=(tmp_path / "nowhere",)))
    with pytest.raises(RecordingError, match="declares no market"):
        open_files(ReplayConfig(files=(own(tmp_path / "own"),)))


def test_captures_without_deep_are_named(tmp_path: Path) -> None:
    tops = write(tmp_path / "tops", pcap([(NOON, udp(segment([], 1, protocol=0x8003)))]))
    with pytest.raises(RecordingError, match="protocol 0x8003"):
        open_files(ReplayConfig(files=(tops,)))
    other = write(tmp_path / "other", pcap([(NOON, udp(b"hello"))]))
    with pytest.raises(RecordingError, match="no IEX-TP packets"):
        open_files(ReplayConfig(files=(other,)))


@pytest.mark.parametrize("kind", ["plain", "gzip"])
def test_a_torn_file_is_played_to_the_tear_which_is_noted(tmp_path: Path, kind: str) -> None:
    capture = deep_capture([trading_status("ABC", "T")], [bid("ABC", 1, 1)], [bid("ABC", 2, 1)])
    torn = capture[:-5] if kind == "plain" else gzip.compress(capture)[:-12]
    path = write(tmp_path / "torn", torn)
    notes: list[str] = []
    records = list(open_files(ReplayConfig(files=(path,))).records(notes.append))
    assert len(records) == 2
    assert len(notes) == 1
    assert "torn tail" in notes[0]
    assert str(path) in notes[0]


def test_a_damaged_gzip_file_is_told(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(spot_trade(NOON + n, n, "1.0", f"{n * n}.0") for n in range(1, 30_000)))
    assert len(packed) > 100_000
    path = write(tmp_path / "damaged", packed[:-6] + bytes([packed[-6] ^ 1]) + packed[-5:])
    notes: list[str] = []
    records = list(open_files(ReplayConfig(files=(path,))).records(notes.append))
    assert len(records) > 20_000
    assert "the compressed data are damaged" in notes[-1] or "the compressed data are damaged" in notes[-2]


def test_joined_gzip_files_are_one(tmp_path: Path) -> None:
    capture = deep_capture([bid("ABC", 1, 1)], [bid("ABC", 2, 1)])
    packed = gzip.compress(capture[:50]) + gzip.compress(b"") + gzip.compress(capture[50:])
    opened = open_files(ReplayConfig(files=(write(tmp_path / "joined", packed),)))
    notes: list[str] = []
    assert len(list(opened.records(notes.append))) == 2
    assert notes == []


@pytest.mark.parametrize("settings", [{"market": "A+B"}, {"market": "["}, {"start": "noon"}])
def test_wrong_settings_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings)) + "|market"):
        ReplayConfig(**settings)  # type: ignore[arg-type]


def test_days_of_iex_are_played_in_the_order_of_their_times(tmp_path: Path) -> None:
    day = 24 * 3600 * 1_000_000_000
    first = write(tmp_path / "b", deep_capture([bid("ABC", 1, 1)], start=NOON))
    second = write(tmp_path / "a", deep_capture([bid("XYZ", 1, 1)], start=NOON + day))
    opened = open_files(ReplayConfig(files=(second, first)))
    assert opened.first_time == NOON
    times = [record.time for record in opened.records(lambda note: None)]
    assert times == [NOON, NOON + day]
    assert [i.code for i in opened.declarations[0].instruments] == ["ABC", "XYZ"]
