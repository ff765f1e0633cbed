"""The journal's feeds as plugins get them: each plugin its own, by name."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
import structlog

from zenithd.journal import (
    Appended,
    Damaged,
    Journal,
    JournalRefuses,
    JournalUnreadable,
    SnapshotTooLarge,
    State,
)
from zenithd.plugin.journal import (
    Followed,
    FollowedRecord,
    JournalUnavailable,
    KeptState,
    StateTooLarge,
)

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)

KIND = "record"
"""Of every record: what is in it is the plugin's business."""


class PluginFeed:
    """Implements `zenithd.plugin.journal.JournalFeed`."""

    def __init__(self, journal: Journal, name: str, now: Callable[[], int]) -> None:
        self._journal = journal
        self._name = name
        self._now = now

    def keep_days(self, days: float) -> None:
        """Let old records go."""
        self._journal.keep_days(self._name, days)

    async def append(self, bodies: Sequence[bytes]) -> int:
        """Append records, all or none. Owners of feeds gather by themselves, and wait for no others."""
        try:
            outcome = await self._journal.append(
                self._name, [(KIND, body) for body in bodies], now=self._now(), at_once=True
            )
        except JournalRefuses as error:
            raise JournalUnavailable(str(error)) from error
        assert isinstance(outcome, Appended)  # the journal itself numbered them
        return outcome.last_sequence

    async def read(self, first: int = 1) -> AsyncIterator[tuple[int, bytes]]:
        """Sequence and body of every record from `first` on.

        Not while the journal refuses: a commit that failed, or takes too long, may be written all the same,
        and is only seen when the journal works again. Whoever began without it would go on from a state that
        is not the journal's.
        """
        self._check_whole()
        try:
            async for record in self._journal.read_feed(self._name, first):
                yield record.sequence, record.body
        except (JournalUnreadable, Damaged) as error:
            raise JournalUnavailable(str(error)) from error

    def _check_whole(self) -> None:
        if self._journal.state is State.REFUSING:
            raise JournalUnavailable(self._journal.reason)

    async def keep_state(self, sequence: int, pieces: Sequence[bytes]) -> None:
        """Keep a derived state."""
        journal = self._journal
        size = sum(map(len, pieces))
        check = 0
        for piece in pieces:
            check = zlib.crc32(piece, check)
        state = b"".join((_state_head(sequence, size), *pieces, msgspec.msgpack.encode(check)))
        try:
            await journal.put_snapshot(self._name, journal.head.position, self._now(), state)
        except SnapshotTooLarge as error:
            _log.error(
                "a state is too large to be kept: the next start takes longer",
                feed=self._name,
                bytes=len(state),
                hint="raise journal.snapshot_bytes_max",
            )
            raise StateTooLarge(str(error)) from error
        except JournalRefuses as error:
            raise JournalUnavailable(str(error)) from error

    async def kept_state(self) -> KeptState | None:
        """The newest kept state that is as it was kept; not while the journal refuses, as for `read`."""
        self._check_whole()
        position = None
        try:
            while (found := await self._journal.snapshot(self._name, position=position)) is not None:
                kept = _decode_kept(found.state)
                if kept is not None and kept.check in (None, zlib.crc32(kept.state)):
                    return KeptState(kept.sequence, kept.state)
                _log.error(
                    "a kept state is damaged, an older one is used", feed=self._name, position=found.position
                )
                position = found.position - 1
        except JournalUnreadable as error:
            raise JournalUnavailable(str(error)) from error
        return None


class _Kept(msgspec.Struct, array_like=True):
    sequence: int
    state: bytes
    check: int | None = None
    """CRC-32 of the state; None where an older version kept it."""


def _decode_kept(encoded: bytes) -> _Kept | None:
    try:
        return msgspec.msgpack.decode(encoded, type=_Kept)
    except msgspec.DecodeError:
        return None


def _state_head(sequence: int, size: int) -> bytes:
    """Before a state of a size, behind which its check stands: together they are MessagePack of the three,
    with no copy made."""
    return msgspec.msgpack.encode((sequence, None, None))[:-2] + b"\xc6" + size.to_bytes(4, "big")


class PluginFeeds:
    """Implements `zenithd.plugin.journal.JournalFeeds`."""

    def __init__(self, journal: Journal, now: Callable[[], int]) -> None:
        self._journal = journal
        self._now = now

    def feed(self, plugin: str, name: str) -> PluginFeed:
        """The feed of a plugin."""
        return PluginFeed(self._journal, f"{plugin}/{name}", self._now)

    @property
    def position(self) -> int:
        """The end of what is kept, in the whole journal."""
        return self._journal.head.position

    async def follow(self, plugin: str, after: int) -> AsyncIterator[Followed]:
        """What is and will be kept in all feeds of a plugin after a position of the journal."""
        prefix = f"{plugin}/"
        length = len(prefix)
        try:
            async for position, runs in self._journal.follow_runs(after + 1):
                mine = [
                    FollowedRecord(feed[length:], sequence, body)
                    for feed, first, _, entries in runs
                    if feed.startswith(prefix)
                    for sequence, (_, body) in enumerate(entries, first)
                ]
                yield Followed(position, mine)
        except (JournalUnreadable, Damaged) as error:
            raise JournalUnavailable(str(error)) from error
        raise JournalUnavailable("the journal is closed")

    async def wait_serving(self) -> None:
        """Return when the journal takes what is appended."""
        await self._journal.wait_state(State.SERVING)
