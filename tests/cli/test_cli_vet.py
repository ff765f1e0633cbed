"""`zenithd vet check`: what it prints, and where mistakes stand; `zenithd check` knows the rules too."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
import trio
from cli_support import Run

from zenithd.config import load
from zenithd.journal_feeds import PluginFeed
from zenithd.journaling import open_journal
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.orders import OrderType, Side
from zenithd.oms.model.requests import ClientRequest, OrderNew
from zenithd.oms.model.updates import Kept, Requested, encode_updates
from zenithd.trading.judged import encode_judged
from zenithd.vetting import (
    AccountFacts,
    DetailsFacts,
    Facts,
    Level,
    MarketFacts,
    OrderFacts,
    RequestFacts,
    UserFacts,
    known,
)

DAY = 86_400_000_000_000
DATE = 1_795_000_000_000_000_000
ACCOUNT = Account(owner_id="XS", account_id="0001")
BODY = OrderNew(
    code="XS01",
    exchange="XSX",
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    quantity=Decimal(1),
    price=Decimal(2),
)

GOOD = "LIBRARY Site { RULE Site.One { FAIL IF order.value > 5 } RULE Site.Unused { PASS } }\n"
GOOD += "SHADOW SET Try { WHEN user IS NOT demo USE Site.One USE Stock.Limits }\n"
BAD = "FAIL IF order.sid IS Bid\nAUTH IF details.price > 'x'\n"


def test_the_stock_rules_are_the_default(zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text("")
    result = zenithd("vet", "check")
    assert result.code == 0
    assert "Stock.General" in result.out
    assert "good: vetting an order takes" in result.out
    (folder / "config.toml").write_text("[vetting]\nstock = false\n")
    assert "no set applies: every order passes" in zenithd("vet", "check").out


def test_files_of_the_configuration(zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text('[vetting]\nfiles = ["site.vortex"]\n')
    (folder / "site.vortex").write_text(GOOD)
    found = json.loads(zenithd("vet", "check", "--json").out)
    assert [one["name"] for one in found["sets"]] == ["Stock.General", "Try"]
    assert found["sets"][1]["conditions"] == ["user not in demo"]
    assert (found["sets"][1]["shadow"], found["sets"][1]["rules"]) == (True, ["Site.One", "Stock.Limits"])
    assert found["notes"] == ["no set uses the rule Site.Unused of site.vortex"]
    (folder / "site.vortex").unlink()
    result = zenithd("vet", "check")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "config.toml:2: vetting.files: expected files of rules that can be read" in result.err
    assert "vetting.files" in zenithd("check").err


def test_mistakes_with_line_and_caret(zenithd: Run, folder: Path) -> None:
    (folder / "bad.vortex").write_text(BAD)
    result = zenithd("vet", "check", "bad.vortex")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "bad.vortex:1:9: there is no property order.sid; did you mean order.side?\n"
        "FAIL IF order.sid IS Bid\n        ^\n"
        "bad.vortex:2:23: > compares values of one kind; here the left is a number, the right a text\n"
        "AUTH IF details.price > 'x'\n                      ^\n"
    )
    result = zenithd("vet", "check", "bad.vortex", "--json")
    found = json.loads(result.out)
    assert (result.code, found["good"]) == (2, False)
    assert found["problems"][0] == {
        "file": "bad.vortex",
        "line": 1,
        "column": 9,
        "message": "there is no property order.sid; did you mean order.side?",
        "text": "FAIL IF order.sid IS Bid",
    }


def test_zenithd_check_tells_mistakes_in_rules(zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text('[vetting]\nfiles = ["bad.vortex"]\n')
    (folder / "bad.vortex").write_text(BAD)
    result = zenithd("check")
    assert result.code == 2
    assert "bad.vortex:1:9: there is no property order.sid" in result.err


def test_limits_of_the_configuration(zenithd: Run, folder: Path) -> None:
    (folder / "tight.toml").write_text("[vetting]\ndepth_max = 5\n")
    (folder / "deep.vortex").write_text("FAIL IF not not not not not not true")
    assert zenithd("vet", "check", "deep.vortex").code == 0
    result = zenithd("vet", "check", "deep.vortex", "--config", "tight.toml")
    assert result.code == 2
    assert "vetting.depth_max" in result.err


def test_files_that_cannot_be_read(zenithd: Run, folder: Path) -> None:
    (folder / "latin.vortex").write_bytes(b"# caf\xe9\n")
    for name, reason in (
        ("absent.vortex", "No such file"),
        ("latin.vortex", "UTF-8"),
        (".", "Is a directory"),
    ):
        result = zenithd("vet", "check", name)
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert reason in result.err


def facts(request_id: str, quantity: int) -> Facts:
    """A new order without any market data."""
    return Facts(
        RequestFacts(
            request_id, "Place", datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=DATE // 1000)
        ),
        UserFacts("demo"),
        OrderFacts("Bid", "Limit"),
        DetailsFacts("Limit", Decimal(quantity), price=Decimal(2), value=Decimal(2 * quantity)),
        known(AccountFacts(str(ACCOUNT))),
        known(None),
        known(None),
        known(None),
        known(MarketFacts()),
    )


TAKEN: tuple[tuple[str, int, Level, tuple[str, ...]], ...] = (
    ("small", 10, Level.PASS, ()),
    ("large", 300, Level.AUTH, ("Large 300",)),
)


@pytest.fixture
def journal(folder: Path) -> Path:
    """A journal with an order that passed, and one that waited, a day later."""
    (folder / "config.toml").write_text("[vetting]\nstock = false\n")

    async def fill() -> None:
        journal = open_journal(load("config.toml"))
        await journal.open()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run)
            for number, (request_id, quantity, level, codes) in enumerate(TAKEN):
                time = DATE + number * DAY
                update = Requested(
                    request=ClientRequest(request_id=request_id, account=ACCOUNT, body=BODY),
                    order_id=f"order-{request_id}",
                    vetting=encode_judged(level, codes, facts(request_id, quantity)),
                )
                feed = PluginFeed(journal, "oms", partial(int, time))
                await feed.append([encode_updates([Kept(time=time, update=update)])])
            nursery.cancel_scope.cancel()

    trio.run(fill)
    return folder


def test_explaining_an_order(zenithd: Run, journal: Path) -> None:
    (journal / "site.vortex").write_text(
        "AUTH WITH [Large, details.quantity] IF details.quantity > 100\n"
        "FAIL IF market HAS last AND market.last > 5\nFAIL IF details.value / 0 > 1\n"
    )
    found = json.loads(zenithd("vet", "explain", "order-large", "site.vortex", "--json").out)
    (one,) = found
    assert (one["request"], one["account"], one["user"]) == ("large", "XS:0001", "demo")
    assert one["then"] == {"level": "AUTH", "codes": ["Large 300"]}
    assert one["now"] == {"level": "FAIL", "codes": ["Vetting.Arithmetic"]}
    assert [(each["line"], each["outcome"]) for each in one["statements"]] == [
        (1, "matched"),
        (2, "not matched"),
        (3, "could not be evaluated"),
    ]
    assert one["statements"][0]["read"] == {"details.quantity": "300"}
    assert one["statements"][0]["says"] == "AUTH Large 300"
    assert one["statements"][1]["read"] == {"market.last": None}
    plain = zenithd("vet", "explain", "small", "site.vortex").out
    assert "Place small of order order-small, account XS:0001, user demo, 2026-11-18T11:06:40Z" in plain
    assert "then: PASS" in plain
    assert "market.last=missing" in plain
    assert "no set applies" in zenithd("vet", "explain", "small").out  # the configuration's own rules
    result = zenithd("vet", "explain", "nobody")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "what is refused is not kept" in result.err


def test_replaying_the_journal(zenithd: Run, journal: Path) -> None:
    (journal / "site.vortex").write_text("FAIL WITH [Some, details.quantity] IF details.quantity > 5\n")
    found = json.loads(zenithd("vet", "replay", "site.vortex", "--json").out)
    assert found["requests"] == 2
    assert found["changed"] == [
        {"then": "PASS", "now": "FAIL", "requests": 1},
        {"then": "AUTH", "now": "FAIL", "requests": 1},
    ]
    assert found["codes"] == {"Some": 2}
    assert [one["request"] for one in found["differences"]] == ["small", "large"]
    later = zenithd("vet", "replay", "site.vortex", "--since", "2026-11-19").out
    assert "requests that were taken: 1\n" in later
    assert "large" in later
    assert "small" not in later
    assert "none would have ended otherwise" in zenithd("vet", "replay", "--since", "2027-01-01").out
    (journal / "bad.vortex").write_text("FAIL IF")
    for arguments in (("bad.vortex",), ("site.vortex", "--since", "soon"), ("none.vortex",)):
        result = zenithd("vet", "replay", *arguments)
        assert (result.code, result.err.count("\n")) == (2, 1), arguments


def test_without_a_journal(zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text("")
    result = zenithd("vet", "replay")
    assert (result.code, result.err.count("\n")) == (2, 1)
