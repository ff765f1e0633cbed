"""What vetting saw and said of a request, as it is kept with it; and reading it from the journal again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from zenithd.oms.model.requests import ClientRequest
from zenithd.oms.model.updates import Requested, decode_updates
from zenithd.vetting import Facts, Level, Past, decode_facts, encode_facts


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    level: int
    codes: tuple[str, ...]
    facts: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Kept)


class Judged(msgspec.Struct, frozen=True):
    """A request that was vetted and taken.

    Attributes:
        past: what the rules saw, and what they said then.
    """

    request: ClientRequest
    order_id: str
    past: Past


def encode_judged(level: Level, codes: tuple[str, ...], facts: Facts) -> bytes:
    """What `Requested.vetting` keeps."""
    return _ENCODER.encode(_Kept(level.value, codes, encode_facts(facts)))


def judged(records: Iterable[tuple[int, bytes]]) -> Iterator[Judged]:
    """The vetted requests among records of the orders' feed, given as position and body.

    Requests from before facts were kept, and those that no rule looks at, are passed over.

    Raises:
        ValueError: a record, or what vetting kept in it, cannot be read; the position is named.
    """
    for position, body in records:
        try:
            for kept in decode_updates(body):
                update = kept.update
                if isinstance(update, Requested) and update.vetting:
                    found = _DECODER.decode(update.vetting)
                    past = Past(position, decode_facts(found.facts), Level(found.level), found.codes)
                    yield Judged(update.request, update.order_id, past)
        except ValueError as error:  # msgspec's are of this kind
            raise ValueError(f"position {position}: {error}") from None
