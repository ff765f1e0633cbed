from __future__ import annotations

import os
import zlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from zenithd.domain.events import (
    BestPricesChanged,
    BookCleared,
    GapDetected,
    InstrumentListed,
    InstrumentUnlisted,
    LevelChanged,
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    OrderChanged,
    OrderRemoved,
    SecurityChanged,
    Stream,
    TradeAmended,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import (
    Affects,
    Allows,
    FeedStatus,
    Side,
    TickStep,
    TickTable,
    TradeFlag,
    TradingState,
)
from zenithd.recording import (
    BLOCK_BYTES,
    Batch,
    Declared,
    Record,
    RecordingError,
    RecordingWriter,
    StatusChanged,
    open_recording,
    read_blocks,
)

MARKET = MarketId("XSX")
FILE_HEADER_BYTES = 16

instruments = st.sampled_from([InstrumentId("XS01.XSX"), InstrumentId("ü-1.XSX")])
integers = st.integers(-(2**62), 2**62)
quantities = st.integers(0, 2**50)
sides = st.sampled_from(Side)
texts = st.text(max_size=5)
definitions = st.builds(
    Instrument,
    code=texts.filter(bool),
    market=st.just(MARKET),
    name=texts,
    lot_size=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    expiry_date=st.none() | st.dates(),
    attributes=st.dictionaries(texts, texts, max_size=2),
)
trades = st.builds(
    TradeReported,
    instrument=instruments,
    trade_id=integers,
    price=integers,
    quantity=quantities,
    time=integers,
    aggressor_side=st.none() | sides,
    affects=st.sampled_from([Affects.NONE, Affects.ALL, Affects.VOLUME | Affects.VWAP]),
    flags=st.lists(st.sampled_from(TradeFlag), max_size=2).map(tuple),
    codes=st.lists(texts, max_size=2).map(tuple),
    buy_broker=st.none() | texts,
)
events: st.SearchStrategy[MarketEvent] = st.one_of(
    st.builds(
        OrderAdded,
        instrument=instruments,
        order_id=texts,
        side=sides,
        price=integers,
        quantity=st.none() | quantities,
        position=integers,
        attributes=st.lists(texts, max_size=2).map(tuple),
    ),
    st.builds(
        OrderChanged,
        instrument=instruments,
        order_id=texts,
        price=integers,
        quantity=st.none() | quantities,
        position=integers,
        has_undisclosed=st.booleans(),
    ),
    st.builds(OrderRemoved, instrument=instruments, order_id=texts),
    st.builds(
        LevelChanged,
        instrument=instruments,
        side=sides,
        price=integers,
        quantity=quantities,
        count=st.none() | st.integers(0, 99),
        has_undisclosed=st.none() | st.booleans(),
    ),
    st.builds(BookCleared, instrument=instruments),
    st.builds(
        BestPricesChanged,
        instrument=instruments,
        bid=st.none() | integers,
        bid_quantity=quantities,
        ask=st.none() | integers,
        ask_quantity=quantities,
    ),
    trades,
    st.builds(TradeAmended, trade=trades),
    st.builds(
        SecurityChanged,
        instrument=instruments,
        trading_state=st.just(UNSET) | st.none() | texts,
        open=st.just(UNSET) | st.none() | integers,
        value_traded=st.just(UNSET) | st.floats(allow_nan=False),
        extended=st.just(UNSET) | st.dictionaries(texts, st.floats(allow_nan=False), max_size=2),
    ),
    st.builds(InstrumentListed, definition=definitions),
    st.builds(InstrumentUnlisted, instrument=instruments),
    st.builds(
        MarketStateChanged,
        market=st.just(MARKET),
        trading_state=texts,
        boards=st.dictionaries(texts, texts, max_size=2),
    ),
    st.builds(TradingDayStarted, market=st.just(MARKET), trading_date=st.dates()),
    st.builds(GapDetected, instrument=instruments, stream=st.sampled_from(Stream), reason=texts),
)
market_definitions = st.builds(
    MarketDefinition,
    id=st.just(MARKET),
    name=texts,
    trading_states=st.just((TradingState("Open", allows=Allows.ORDERS_ONLY),)),
    tick_tables=st.just((TickTable("T", (TickStep(Decimal(0), Decimal("1e9"), Decimal("0.01")),)),)),
)
times = st.integers(0, 2**62)
records: st.SearchStrategy[Record] = st.one_of(
    st.builds(Batch, times, st.lists(events, max_size=6)),
    st.builds(
        StatusChanged, time=times, market=st.just(MARKET), status=st.sampled_from(FeedStatus), reason=texts
    ),
    st.builds(
        Declared,
        time=times,
        definition=market_definitions,
        instruments=st.lists(definitions, max_size=3).map(tuple),
    ),
)


def write(writer: RecordingWriter, record: Record) -> None:
    match record:
        case Batch():
            writer.write(record.time, record.events)
        case StatusChanged():
            writer.set_status(record.time, record.market, record.status, record.reason)
        case Declared():
            writer.declare(record.time, record.definition, record.instruments)


def read(path: Path) -> list[Record]:
    return [record for block in read_blocks(path) for record in block]


def read_until_damage(path: Path) -> tuple[list[Record], RecordingError | None]:
    found: list[Record] = []
    try:
        for block in read_blocks(path):
            found += block
    except RecordingError as error:
        return found, error
    return found, None


def trade_batch(number: int) -> Batch:
    instrument = InstrumentId("XS01.XSX")
    return Batch(number, [TradeReported(instrument, trade_id=number, price=100, quantity=1, time=number)])


@pytest.fixture
def four_blocks(tmp_path: Path) -> tuple[Path, list[int]]:
    """A recording of four one-record blocks, and the positions at which the blocks begin."""
    path = tmp_path / "day.zrec"
    starts = []
    with RecordingWriter(path) as writer:
        for number in range(4):
            starts.append(path.stat().st_size)
            write(writer, trade_batch(number))
            writer.flush()
    return path, starts


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(written=st.lists(st.tuples(records, st.booleans()), max_size=12))
def test_round_trip_in_any_division_into_blocks(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[Record, bool]]
) -> None:
    path = tmp_path_factory.mktemp("recording") / "r"
    with RecordingWriter(path) as writer:
        for record, flush in written:
            write(writer, record)
            if flush:
                writer.flush()

    assert read(path) == [record for record, _ in written]
    info = open_recording(path, verify=True)
    assert info.damage is None
    assert info.readable_bytes == path.stat().st_size
    assert info.batches == sum(isinstance(record, Batch) for record, _ in written)
    assert info.events == sum(len(record.events) for record, _ in written if isinstance(record, Batch))
    declared = [record for record, _ in written if isinstance(record, Declared)]
    assert info.markets == tuple(declared[-1:])
    if written:
        assert (info.first_time, info.last_time) == (written[0][0].time, written[-1][0].time)


def test_an_empty_recording_has_no_times(tmp_path: Path) -> None:
    RecordingWriter(tmp_path / "r").close()
    info = open_recording(tmp_path / "r")
    assert (info.first_time, info.last_time, info.blocks, info.markets) == (None, None, 0, ())
    assert read(tmp_path / "r") == []


def test_newest_declaration_of_each_market_is_summarised_in_first_order(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "r") as writer:
        writer.declare(1, MarketDefinition(id=MarketId("B"), name="old"), [])
        writer.declare(2, MarketDefinition(id=MarketId("A")), [])
        writer.declare(3, MarketDefinition(id=MarketId("B"), name="new"), [])
    info = open_recording(tmp_path / "r")
    assert [(m.definition.id, m.definition.name) for m in info.markets] == [("B", "new"), ("A", "")]


def test_every_torn_tail_is_named_and_everything_before_it_read(four_blocks: tuple[Path, list[int]]) -> None:
    path, starts = four_blocks
    whole = path.read_bytes()
    for length in range(FILE_HEADER_BYTES, len(whole)):
        path.write_bytes(whole[:length])
        intact = [s for s, end in zip(starts, [*starts[1:], len(whole)], strict=True) if end <= length]
        found, error = read_until_damage(path)
        assert found == [trade_batch(number) for number in range(len(intact))]
        if length in starts:
            assert error is None
        else:
            assert error is not None
            assert error.position == starts[len(intact)]
            assert "torn tail" in str(error)
            damage = open_recording(path).damage
            assert damage is not None
            assert (damage.position, damage.file) == (error.position, path)


def test_every_flipped_byte_is_noticed_at_its_block(four_blocks: tuple[Path, list[int]]) -> None:
    path, starts = four_blocks
    whole = path.read_bytes()
    for position in range(starts[0], len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        block = max(index for index, start in enumerate(starts) if start <= position)
        found, error = read_until_damage(path)
        assert found == [trade_batch(number) for number in range(block)]
        assert error is not None
        assert error.position == starts[block]
        assert open_recording(path, verify=True).blocks == block


def test_a_damaged_file_header_is_refused(four_blocks: tuple[Path, list[int]]) -> None:
    path, _ = four_blocks
    whole = path.read_bytes()
    for position in range(FILE_HEADER_BYTES):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        with pytest.raises(RecordingError):
            open_recording(path)
    for length in range(FILE_HEADER_BYTES):
        path.write_bytes(whole[:length])
        with pytest.raises(RecordingError):
            next(read_blocks(path), None)


def test_another_version_is_named(four_blocks: tuple[Path, list[int]]) -> None:
    path, _ = four_blocks
    whole = bytearray(path.read_bytes())
    whole[8] = 9
    whole[12:16] = zlib.crc32(bytes(whole[:12])).to_bytes(4, "little")
    path.write_bytes(whole)
    with pytest.raises(RecordingError, match="format version 9; this zenithd reads 1"):
        open_recording(path)


def test_writing_goes_on_after_a_clean_end(four_blocks: tuple[Path, list[int]]) -> None:
    path, _ = four_blocks
    with RecordingWriter(path) as writer:
        assert writer.cut_off_bytes == 0
        write(writer, trade_batch(4))
    assert read(path) == [trade_batch(number) for number in range(5)]


def test_writing_goes_on_after_a_crash_without_the_torn_tail(four_blocks: tuple[Path, list[int]]) -> None:
    path, starts = four_blocks
    path.write_bytes(path.read_bytes()[: starts[3] + 20])
    with RecordingWriter(path) as writer:
        assert writer.cut_off_bytes == 20
        write(writer, trade_batch(9))
    assert read(path) == [*(trade_batch(number) for number in range(3)), trade_batch(9)]


def test_damage_before_a_large_rest_is_not_cut_off(
    four_blocks: tuple[Path, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, starts = four_blocks
    monkeypatch.setattr("zenithd.recording.BLOCK_BYTES_MAX", 150)
    whole = bytearray(path.read_bytes())
    whole[starts[1] + 60] ^= 1
    path.write_bytes(whole)
    with pytest.raises(RecordingError) as caught:
        RecordingWriter(path)
    assert caught.value.position == starts[1]
    assert path.read_bytes() == bytes(whole)


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with (
        RecordingWriter(tmp_path / "r"),
        pytest.raises(RecordingError, match="another process is writing"),
    ):
        RecordingWriter(tmp_path / "r")


def test_another_file_is_never_written_to(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, this is no recording.")
    with pytest.raises(RecordingError, match="not a recording"):
        RecordingWriter(path)
    assert path.read_text() == "Dear reader, this is no recording."


def test_records_reach_the_file_when_the_block_is_old_or_large(tmp_path: Path) -> None:
    now = 0.0
    path = tmp_path / "r"
    writer = RecordingWriter(path, block_seconds=2.0, monotonic=lambda: now)
    write(writer, trade_batch(0))
    now = 1.9
    write(writer, trade_batch(1))
    assert read(path) == []
    now = 2.0
    write(writer, trade_batch(2))
    assert read(path) == [trade_batch(number) for number in range(3)]
    large = Batch(3, trade_batch(3).events * (BLOCK_BYTES // 20))
    write(writer, large)
    assert open_recording(path).blocks == 2
    writer.close()
    writer.close()


def test_a_full_disk_leaves_no_torn_block_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r"
    writer = RecordingWriter(path)
    write(writer, trade_batch(0))
    writer.flush()
    write(writer, trade_batch(1))
    real_pwrite = os.pwrite
    calls = 0

    def pwrite(descriptor: int, data: memoryview, offset: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(28, "No space left on device")
        return real_pwrite(descriptor, data[:10], offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(OSError, match="No space left"):
        writer.flush()
    assert read(path) == [trade_batch(0)]
    monkeypatch.setattr(os, "pwrite", real_pwrite)
    writer.close()
    assert read(path) == [trade_batch(0), trade_batch(1)]


def test_a_trading_day_survives(tmp_path: Path) -> None:
    batch = Batch(5, [TradingDayStarted(MARKET, date(2026, 11, 20))])
    with RecordingWriter(tmp_path / "r") as writer:
        write(writer, batch)
    assert read(tmp_path / "r") == [batch]
