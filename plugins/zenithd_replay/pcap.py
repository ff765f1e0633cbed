"""Packet captures to UDP payloads: classic pcap (micro- and nanoseconds, both byte orders) and pcapng. Pure.

Only what an exchange's multicast capture needs: Ethernet with VLAN tags, Linux "cooked" and raw IP links;
IPv4 and UDP without fragments. Other packets are skipped.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Protocol

import msgspec

PACKET_BYTES_MAX = 1024 * 1024
"""Longer packets do not exist: such a length is damage."""

_LINK_ETHERNET, _LINK_RAW_IP, _LINK_COOKED, _LINK_IPV4 = 1, 101, 113, 228
_IP_VERSION_4_NO_OPTIONS = 0x45
_PROTOCOL_UDP = 17
_VLAN_TYPES = (b"\x81\x00", b"\x88\xa8")
_IPV4_TYPE = b"\x08\x00"
_MORE_FRAGMENTS_OR_OFFSET = 0x3FFF

_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
_CLASSIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
"""Magic: byte order, nanoseconds in the unit of the fraction."""
_SECTION, _INTERFACE, _SIMPLE_PACKET, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 3, 6
_OPTION_TIMESTAMP_RESOLUTION = 9


class CaptureDamaged(ValueError):
    """The capture cannot be read from `position` on."""

    def __init__(self, position: int, what: str) -> None:
        super().__init__(what)
        self.position = position


class Source(Protocol):
    """Something to read from, as an open file is."""

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        ...


class Packet(msgspec.Struct, frozen=True, gc=False):
    """The payload of a UDP packet; `time` is the capture's, nanoseconds since the Unix epoch."""

    time: int
    payload: bytes


def is_capture(head: bytes) -> bool:
    """True if a file that begins like this is a packet capture."""
    return head[:4] == _PCAPNG_MAGIC or head[:4] in _CLASSIC


def read_packets(source: Source) -> Iterator[Packet]:
    """Iterate over the UDP packets of a capture.

    Raises:
        CaptureDamaged: after every packet before the damage; also for a file that is no capture.
    """
    reader = _Reader(source)
    magic = reader.take(4, "the file is empty")
    if magic == _PCAPNG_MAGIC:
        return _read_blocks(reader)
    if magic not in _CLASSIC:
        raise CaptureDamaged(0, "not a packet capture")
    return _read_classic(reader, *_CLASSIC[magic])


class _Reader:
    """Counts the position for messages."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.position = 0

    def take_or_end(self, size: int, what: str) -> bytes:
        """Read `size` bytes, or none at the end of the file."""
        data = self._source.read(size)
        if data and len(data) < size:
            raise CaptureDamaged(self.position, what)
        self.position += len(data)
        return data

    def take(self, size: int, what: str) -> bytes:
        """Read `size` bytes."""
        data = self.take_or_end(size, what)
        if size and not data:
            raise CaptureDamaged(self.position, what)
        return data


def _read_classic(reader: _Reader, order: str, fraction_ns: int) -> Iterator[Packet]:
    head = reader.take(20, "the file ends inside its header")
    link = struct.unpack(order + "I", head[16:])[0] & 0x0FFFFFFF
    record = struct.Struct(order + "IIII")
    while True:
        position = reader.position
        head = reader.take_or_end(record.size, "torn tail: the file ends inside a packet header")
        if not head:
            return
        seconds, fraction, captured, _ = record.unpack(head)
        if captured > PACKET_BYTES_MAX:
            raise CaptureDamaged(position, f"a packet of {captured} bytes")
        frame = reader.take(captured, "torn tail: the file ends inside a packet") if captured else b""
        payload = udp_payload(frame, link)
        if payload is not None:
            yield Packet(seconds * 1_000_000_000 + fraction * fraction_ns, payload)


class _Interface(msgspec.Struct, frozen=True):
    link: int
    units_per_second: int


def _read_blocks(reader: _Reader) -> Iterator[Packet]:
    """pcapng: a list of typed blocks; a section header gives the byte order of what follows."""
    interfaces: list[_Interface] = []
    order = _section_order(reader)
    while True:
        position = reader.position
        head = reader.take_or_end(8, "torn tail: the file ends inside a block header")
        if not head:
            return
        if head[:4] == _PCAPNG_MAGIC:
            order = _section_order(reader, head[4:])
            interfaces = []
            continue
        kind, length = struct.unpack(order + "II", head)
        if length < 12 or length % 4 or length > PACKET_BYTES_MAX:
            raise CaptureDamaged(position, f"a block of {length} bytes")
        body = reader.take(length - 8, "torn tail: the file ends inside a block")[:-4]
        if kind == _INTERFACE:
            interfaces.append(_interface(body, order, position))
        elif kind == _ENHANCED_PACKET:
            packet = _enhanced_packet(body, order, interfaces, position)
            if packet is not None:
                yield packet
        elif kind == _SIMPLE_PACKET:
            raise CaptureDamaged(position, "packets without a time cannot be played")


def _section_order(reader: _Reader, length_bytes: bytes | None = None) -> str:
    """Read the rest of a section header; the first one's magic has been read already."""
    torn = "torn tail: the file ends inside a section header"
    position = reader.position
    length_bytes = length_bytes or reader.take(4, torn)
    mark = reader.take(4, torn)
    if mark not in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"):
        raise CaptureDamaged(position, "the section header is damaged")
    order = "<" if mark == b"\x4d\x3c\x2b\x1a" else ">"
    length: int = struct.unpack(order + "I", length_bytes)[0]
    if length < 28 or length > PACKET_BYTES_MAX:
        raise CaptureDamaged(position, f"a section header of {length} bytes")
    reader.take(length - 12, torn)
    return order


def _interface(body: bytes, order: str, position: int) -> _Interface:
    if len(body) < 8:
        raise CaptureDamaged(position, "an interface block without a header")
    link = struct.unpack_from(order + "H", body)[0]
    units = 1_000_000
    offset = 8
    while offset + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, offset)
        if code == 0:
            break
        if code == _OPTION_TIMESTAMP_RESOLUTION and length == 1 and offset + 4 < len(body):
            value = body[offset + 4]
            units = 2 ** (value & 0x7F) if value & 0x80 else 10**value
        offset += 4 + (length + 3) // 4 * 4
    return _Interface(link, units)


def _enhanced_packet(body: bytes, order: str, interfaces: list[_Interface], position: int) -> Packet | None:
    if len(body) < 20:
        raise CaptureDamaged(position, "a packet block without a header")
    number, high, low, captured, _ = struct.unpack_from(order + "IIIII", body)
    if number >= len(interfaces) or captured > len(body) - 20:
        raise CaptureDamaged(position, "a packet block with a wrong interface or length")
    interface = interfaces[number]
    payload = udp_payload(body[20 : 20 + captured], interface.link)
    if payload is None:
        return None
    return Packet((high << 32 | low) * 1_000_000_000 // interface.units_per_second, payload)


def udp_payload(frame: bytes, link: int) -> bytes | None:
    """Return what a UDP packet carries (shorter than it says if the capture cut it off), or None."""
    start = _ip_start(frame, link)
    if start is None or len(frame) < start + 28:
        return None
    version_and_length = frame[start]
    header = 20 if version_and_length == _IP_VERSION_4_NO_OPTIONS else (version_and_length & 15) * 4
    if version_and_length >> 4 != 4 or header < 20 or frame[start + 9] != _PROTOCOL_UDP:
        return None
    if (frame[start + 6] << 8 | frame[start + 7]) & _MORE_FRAGMENTS_OR_OFFSET:
        return None
    udp = start + header
    if len(frame) < udp + 8:
        return None
    return frame[udp + 8 : udp + (frame[udp + 4] << 8 | frame[udp + 5])]


def _ip_start(frame: bytes, link: int) -> int | None:
    """Where the IPv4 header begins, None if there is none."""
    if link == _LINK_ETHERNET:
        start = 14
        while frame[start - 2 : start] in _VLAN_TYPES:
            start += 4
        return start if frame[start - 2 : start] == _IPV4_TYPE else None
    if link == _LINK_COOKED:
        return 16 if frame[14:16] == _IPV4_TYPE else None
    if link in (_LINK_RAW_IP, _LINK_IPV4):
        return 0
    return None
