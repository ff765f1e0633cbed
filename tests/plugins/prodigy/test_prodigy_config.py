from __future__ import annotations

from typing import Any

import msgspec
import pytest

from zenithd_prodigy.config import ProdigyConfig


def test_defaults() -> None:
    config = msgspec.convert({}, ProdigyConfig)
    assert (config.rate, config.history_days, config.time_zone) == (1.0, 20, "Australia/Sydney")


@pytest.mark.parametrize(
    "section",
    [
        {"rate": 0},
        {"rate": -1},
        {"rate": 101},
        {"history_days": -1},
        {"history_days": 366},
        {"seed": -1},
        {"seed": "x"},
        {"time_zone": "Australia/Nowhere"},
        {"time_zone": ""},
        {"time_zone": "../etc/passwd"},
        {"time_zone": "Australia"},
        {"speed": 1},
    ],
)
def test_what_is_refused(section: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(section, ProdigyConfig)


def test_every_setting_says_why_to_change_it() -> None:
    for field in msgspec.json.schema(ProdigyConfig)["$defs"]["ProdigyConfig"]["properties"].values():
        assert len(field["description"]) > 40
