"""Every transcript of this folder is played in every encoding it can be said in."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted_shell import play

from zenithd.wire.codec import Encoding

TRANSCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("encoding", list(Encoding), ids=lambda encoding: encoding.value)
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, encoding: Encoding) -> None:
    text = path.read_text()
    if "\n>>" in text and encoding is not Encoding.JSON:
        pytest.skip("written in JSON")
    for line, expected, actual in play(text, encoding):
        wanted, got = "\n  ".join(expected), "\n  ".join(actual)
        pytest.fail(f"{path.name}, after line {line}:\nexpected:\n  {wanted}\ngot:\n  {got}", pytrace=False)


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) >= 10
