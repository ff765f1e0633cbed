"""The queue of messages that wait for a login."""

from __future__ import annotations

from zenithd.wire.waiting import Waiting


def test_bounded_in_number_and_bytes() -> None:
    waiting = Waiting(messages_max=2, bytes_max=10)
    assert waiting.put("12345")
    assert not waiting.put("123456")
    assert waiting.put(b"12345")
    assert not waiting.put("")
    assert waiting.take() == "12345"
    assert not waiting.put("123456")
    assert waiting.put("12345")
    assert len(waiting) == 2
    waiting.clear()
    assert len(waiting) == 0
    assert waiting.put("1234567890")
