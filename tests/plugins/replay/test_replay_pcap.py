from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replay_samples import NOON, SECOND, pcap, udp

from zenithd_replay.pcap import CaptureDamaged, Packet, is_capture, read_packets, udp_payload

TIME = NOON + 123_456_789


def read(file: bytes) -> tuple[list[Packet], CaptureDamaged | None]:
    found: list[Packet] = []
    try:
        found.extend(read_packets(io.BytesIO(file)))
    except CaptureDamaged as damage:
        return found, damage
    return found, None


def payloads_of(file: bytes) -> tuple[list[bytes], CaptureDamaged | None]:
    found, damage = read(file)
    return [packet.payload for packet in found], damage


def pcapng(
    frames: list[tuple[int, bytes]], *, order: str = "<", resolution: bytes = b"\x09", link: int = 1
) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = 12 + len(body)
        return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)

    file = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    option = struct.pack(order + "HH", 9, 1) + resolution + bytes(3) + bytes(4) if resolution else b""
    file += block(1, struct.pack(order + "HHI", link, 0, 65535) + option)
    units = 10 ** resolution[0] if resolution else 10**6
    for time, frame in frames:
        ticks = time * units // SECOND
        head = struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
        file += block(6, head + frame)
    return file + block(5, bytes(12))  # interface statistics: of no interest


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [True, False])
def test_classic_captures_of_both_resolutions_and_byte_orders(order: str, nano: bool) -> None:
    file = pcap([(TIME, udp(b"one")), (TIME + SECOND, udp(b""))], order=order, nano=nano)
    assert is_capture(file)
    lost = 0 if nano else TIME % 1000
    assert read(file) == ([Packet(TIME - lost, b"one"), Packet(TIME + SECOND - lost, b"")], None)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("resolution", "lost"), [(b"\x09", 0), (b"\x06", TIME % 1000), (b"", TIME % 1000)])
def test_pcapng(order: str, resolution: bytes, lost: int) -> None:
    file = pcapng([(TIME, udp(b"one")), (TIME, udp(b"three"))], order=order, resolution=resolution)
    assert is_capture(file)
    assert read(file) == ([Packet(TIME - lost, b"one"), Packet(TIME - lost, b"three")], None)


def test_pcapng_sections_may_follow_each_other_in_another_byte_order() -> None:
    file = pcapng([(TIME, udp(b"one"))]) + pcapng([(TIME, udp(b"two"))], order=">")
    assert read(file) == ([Packet(TIME, b"one"), Packet(TIME, b"two")], None)


@given(st.lists(st.binary(max_size=40), max_size=6), st.data())
def test_every_torn_tail_is_told_after_all_whole_packets(payloads: list[bytes], data: st.DataObject) -> None:
    frames = [(TIME, udp(payload)) for payload in payloads]
    file = data.draw(st.sampled_from([pcap(frames), pcapng(frames)]))
    length = data.draw(st.integers(0, len(file)))
    found, damage = payloads_of(file[:length])
    assert found == payloads[: len(found)]
    if length == len(file):
        assert damage is None
        assert found == payloads
    elif damage is not None:
        assert damage.position <= length


@given(st.binary(max_size=200))
def test_anything_else_is_refused_and_nothing_else_is_raised(file: bytes) -> None:
    _, damage = payloads_of(file)
    assert damage is not None or is_capture(file)


@given(st.data())
def test_flipped_bytes_give_packets_or_damage(data: st.DataObject) -> None:
    frames = [(TIME, udp(b"one")), (TIME, udp(b"two"))]
    file = bytearray(data.draw(st.sampled_from([pcap(frames), pcapng(frames)])))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    read(bytes(file))


@given(st.binary(max_size=120), st.sampled_from([0, 1, 101, 113, 228]))
def test_any_frame_gives_a_payload_or_none(frame: bytes, link: int) -> None:
    payload = udp_payload(frame, link)
    assert payload is None or payload in frame


def test_links() -> None:
    frame = udp(b"one")
    assert udp_payload(frame, 1) == b"one"
    assert udp_payload(frame[:12] + b"\x81\x00\x00\x05" + frame[12:], 1) == b"one"
    assert udp_payload(frame[14:], 101) == b"one"
    assert udp_payload(bytes(14) + b"\x08\x00" + frame[14:], 113) == b"one"
    assert udp_payload(frame, 147) is None


def test_what_is_no_whole_udp_packet_is_skipped() -> None:
    frame = bytearray(udp(b"one"))
    assert udp_payload(bytes(frame[:12]) + b"\x86\xdd" + bytes(frame[14:]), 1) is None
    tcp, fragment, longer_header = bytearray(frame), bytearray(frame), bytearray(frame)
    tcp[23] = 6
    assert udp_payload(bytes(tcp), 1) is None
    fragment[20] = 0x20
    assert udp_payload(bytes(fragment), 1) is None
    longer_header[14] = 0x46
    longer_header[34:34] = bytes(4)
    assert udp_payload(bytes(longer_header), 1) == b"one"
    assert udp_payload(bytes(frame[:-1]), 1) == b"on"


def test_an_impossible_length_is_damage() -> None:
    file = pcap([(TIME, udp(b"one"))])
    found, damage = payloads_of(file + struct.pack("<IIII", 0, 0, 2**31, 0))
    assert found == [b"one"]
    assert damage is not None
    assert damage.position == len(file)
