"""`zenithd order` and `zenithd account` against a real daemon, and the guide that uses them."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_support import Result, Run, Step, steps_of

from tests.daemon.conftest import DaemonProcess
from zenithd.cli.order_watch import Books
from zenithd.cli.order_words import MEANINGS, explain
from zenithd.oms.codes import DOCUMENTED, OF_MARKETS, OWN

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "first-order.md").read_text()
SECONDS_MAX = 20.0

Read = Callable[..., Any]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """The demonstration, taking orders."""
    with DaemonProcess(tmp_path_factory.mktemp("hub")) as daemon:
        daemon.wait_ready()
        yield daemon


@pytest.fixture
def run(zenithd: Run, hub: DaemonProcess, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in the folder of the daemon."""
    monkeypatch.chdir(hub.folder)
    for name in ("ZENITHD_USER", "ZENITHD_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return zenithd


@pytest.fixture
def read(run: Run) -> Read:
    """What a command prints as JSON."""

    def of(line: str) -> Any:
        result = run(*shlex.split(line), "--json")
        assert (result.code, result.err) == (0, ""), line
        return json.loads(result.out)

    return of


def until(read: Read, line: str, wanted: Callable[[Any], bool]) -> Any:
    """What a command prints once it is as wanted."""
    deadline = time.monotonic() + SECONDS_MAX
    while not wanted(content := read(line)):
        assert time.monotonic() < deadline, content
    return content


def order_in(orders: list[Any], order_id: str) -> Any:
    return next(order for order in orders if order["ID"] == order_id)


def placed(read: Read, line: str) -> str:
    result = read(f"order place {line}")
    assert result["Result"] == "Success"
    return str(result["Order"]["ID"])


# The guide


def pattern_of(step: Step) -> str:
    """A line of `…` alone stands for any lines, `…` in a line for anything in it."""
    lines = []
    for line in step.output:
        pattern = re.escape(words(line)).replace("…", ".*").replace(r".*\ ", ".*")
        lines.append(r"(?:.*\n)*" if line == "…" else rf"{pattern}\n")
    return "".join(lines)


def words(text: str) -> str:
    """A text without what blanks do for tables."""
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def test_the_guide_begins_with_the_command_of_the_readme() -> None:
    (command,) = re.findall(r"^python3 -m venv.*zenithd run$", GUIDE, re.MULTILINE)
    assert command in (ROOT / "README.md").read_text()


def test_every_command_of_the_guide_does_what_it_says(run: Run) -> None:
    order = ""
    for step in steps_of(GUIDE):
        program, *arguments = shlex.split(step.line)
        assert program == "zenithd"
        arguments = [order if word == "ORDER" else word for word in arguments]
        result = said(run, arguments, step)
        refused = any(line.startswith(("Rejected:", "Invalid:", "TotalValue.")) for line in step.output)
        assert result.code == (1 if refused else 0), step.line
        if "--request-id" in arguments:
            order = result.out.splitlines()[2].split()[0]
    assert order


def said(run: Run, arguments: list[str], step: Step) -> Result:
    """Run a command of the guide; what the exchange does a moment later is waited for."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        result = run(*arguments)
        if not step.output or re.fullmatch(pattern_of(step), words(result.out + result.err) + "\n"):
            return result
        looks = arguments[1] in ("list", "show")
        assert looks and time.monotonic() < deadline, f"{step.line}\n{result.out}{result.err}"


# Orders


def test_an_order_from_its_placing_to_its_end(read: Read, run: Run) -> None:
    order_id = placed(read, "XS:0001 buy 100 XS02.XSX --limit 1.10 --hidden 60 --minimum 0")
    order = order_in(
        until(read, "order list XS:0001", lambda o: order_in(o, order_id)["Status"] == "OnMarket"), order_id
    )
    assert (order["Details"]["Quantity"], order["Details"]["HiddenQuantity"]) == (40, 60)
    amended = read(f"order amend XS:0001 {order_id} --limit 1.20")
    assert amended["Result"] == "Success"
    until(read, "order list XS:0001", lambda o: order_in(o, order_id)["Details"]["LimitPrice"] == 1.2)
    assert order_in(read("order list --open"), order_id)["Details"]["HiddenQuantity"] == 60
    assert read(f"order cancel XS:0001 {order_id} --dry-run")["Topic"] == "CancelOrder"
    assert order_in(read("order list XS:0001 --open"), order_id)
    assert read(f"order cancel XS:0001 {order_id}")["Result"] == "Success"
    until(read, "order list XS:0001", lambda o: order_in(o, order_id)["Status"] == "Cancelled")
    assert order_id not in [order["ID"] for order in read("order list XS:0001 --open")]
    again = run("order", "cancel", "XS:0001", order_id)
    assert again == Result(1, "", f"Rejected: {explain('Order.Status')}\n")


def test_a_repeated_command_has_no_second_effect(read: Read, run: Run) -> None:
    line = "XS:0002 sell 5 XS03.XSX --limit 90 --request-id once"
    assert placed(read, line) == placed(read, line)
    assert len(read("order list XS:0002")) == 1
    other = run("order", "place", *shlex.split(line.replace("sell 5", "sell 6")))
    assert (other.code, other.err) == (1, f"Invalid: {explain('Order RequestID')}\n")


def test_conditions_and_routes(read: Read) -> None:
    order_id = placed(read, "XS:0004 sell 10 XS01.XSX --limit 90 --stop 0.60 --reference BestBid")
    order = order_in(read("order list XS:0004"), order_id)
    assert order["Condition"] == {"Name": "StopLoss", "Stop": 0.6, "Reference": "BestBid"}
    trailing = placed(read, "XS:0004 sell 10 XS01.XSX --type Market --trail 20% --trail-limit 1%")
    condition = order_in(read("order list XS:0004"), trailing)["Condition"]
    assert {**condition, "Type": "Percent", "Value": 20, "Limit": 1} == condition
    last = (date.today() + timedelta(days=14)).isoformat()
    best = placed(
        read, f"XS:0004 buy 10 XS01.XSX --limit 0.50 --route best --validity UntilCancel --until {last}"
    )
    order = order_in(read("order list XS:0004"), best)
    assert order["Route"] == {"Algorithm": "BestMarket"}
    assert (order["Details"]["Validity"], order["Details"]["ExpiryDate"]) == ("UntilCancel", last)


def test_a_symbol_of_another_market_is_that_of_its_exchange(read: Read) -> None:
    order_id = placed(read, "XS:0004 buy 10 XS01.XSY --limit 0.50")
    order = order_in(read("order list XS:0004"), order_id)
    assert order["Details"]["Exchange"] == "XSX"
    assert order["Route"] == {"Algorithm": "Market", "Market": "XSY::XSY"}


@pytest.mark.parametrize(
    ("line", "code", "line_of_error"),
    [
        ("place XS:0001 buy 5 XS01.XSX", 2, "say at what price: --limit PRICE, or --type Market"),
        ("place XS:0001 buy five XS01.XSX --limit 1", 2, "QUANTITY five: expected a number, such as 12.50"),
        ("place XS:0001 buy 5 XS01.XSX --limit x", 2, "--limit x: expected a number, such as 12.50"),
        (
            "place XS:0001 buy 5 XS01.XSX --limit 1 --hidden 6",
            2,
            "--hidden 6: expected a part of the quantity, 5",
        ),
        (
            "place XS:0001 buy 5 XS01.XSX --limit 1 --until soon",
            2,
            "--until soon: expected a date, such as 2026-12-31",
        ),
        (
            "place XS:0001 buy 5 XS01.XSX --limit 1 --reference Last",
            2,
            "--reference: it goes with --stop or --trail",
        ),
        ("place XS:0001 buy 5 XS01.XSX --limit 1 --trail-limit 1", 2, "--trail-limit: it goes with --trail"),
        (
            "place XS:0001 buy 5 XS01.XSX --limit 1 --trail 1",
            2,
            "--trail: it needs --trail-limit, the distance of the limit price from the stop",
        ),
        (
            "place XS:0001 buy 5 XS01.XSX --limit 1 --trail 1% --trail-limit 1",
            2,
            "--trail and --trail-limit: both prices, or both per cent",
        ),
        ("place XS:0001 buy 0 XS01.XSX --limit 1", 1, f"Invalid: {explain('TotalQuantity')}"),
        ("place XS:0001 buy 5 NONE.XSX --limit 1", 1, f"Rejected: {explain('Symbol')}"),
        ("place XS:0099 buy 5 XS01.XSX --limit 1", 1, f"Rejected: {explain('Account')}"),
        ("place YY:0001 buy 5 XS01.XSX --limit 1 --dry-run", 1, f"Rejected: {explain('Account')}"),
        ("place XS:0001 buy 5 XS01.XSX --limit 1 --route Z::Z", 1, f"Rejected: {explain('Route.Market')}"),
        ("cancel XS:0001 none", 1, f"Rejected: {explain('Order')}"),
        (
            "amend XS:0001 none --limit 2",
            2,
            'XS:0001 has no order none; "zenithd order list XS:0001" shows them',
        ),
        (
            "amend XS:0001 none",
            2,
            "say what is to change: --quantity, --limit, --type, --validity, --until, …",
        ),
        (
            "list XS:0099",
            2,
            f"the daemon refuses QueryOrders: {explain('Account.NotFound XS:0099')}",
        ),
        (
            "watch XS:0099 --once",
            2,
            f"Orders!XS:0099 cannot be watched: {explain('Account.NotFound XS:0099')}",
        ),
    ],
)
def test_mistakes_and_refusals_are_told(run: Run, line: str, code: int, line_of_error: str) -> None:
    assert run("order", *shlex.split(line)) == Result(code, "", f"{line_of_error}\n")


def test_who_may_not(run: Run) -> None:
    wrong = run("order", "list", "--password", "wrong")
    assert wrong.code == 2
    assert wrong.err.startswith("the daemon rejects the login of demo; check --user and --password")
    away = run("order", "list", "--url", "ws://127.0.0.1:1")
    assert away.code == 2
    assert away.err.startswith("no daemon answers at ws://127.0.0.1:1/Zenith?version=2.0")


def test_watching_shows_how_things_stand(run: Run, read: Read) -> None:
    order_id = placed(read, "XS:0005 buy 7 XS04.XSX --limit 0.77")
    result = run("order", "watch", "XS:0005", "--once")
    assert (result.code, result.err) == (0, "")
    for text in (order_id, "XS04.XSX", "0.77", "XS:0005  AUD", "connected to ws://"):
        assert text in result.out
    lines = run("order", "watch", "XS:0005", "--once", "--json").out.splitlines()
    topics = {json.loads(line)["Topic"] for line in lines}
    assert topics >= {"Orders!XS:0005", "Transactions!XS:0005", "Balances!XS:0005", "Holdings!XS:0005"}


def test_watched_books_follow_what_is_told() -> None:
    books = Books()
    order = {"ID": "1", "Account": "A"}
    books.take("Orders", [{"O": "C", "Account": "A"}, {"O": "A", "Order": order}])
    books.take("Orders", [{"O": "A", "Order": {"ID": "2", "Account": "A"}}, {"O": "U", "Order": order}])
    assert list(books.orders) == [("A", "2"), ("A", "1")]
    books.take("Orders", [{"O": "R", "Order": {"ID": "2", "Account": "A"}}])
    assert list(books.orders.values()) == [order]
    holding = {"Account": "A", "Exchange": "X", "Code": "C", "TotalQuantity": 5}
    books.take("Holdings", [{"O": "A", "Holding": holding}])
    books.take("Holdings", [{"O": "C", "Account": "B"}])
    assert list(books.holdings.values()) == [holding]
    books.take("Holdings", [{"O": "C", "Account": "A"}])
    assert not books.holdings
    amount = {"Account": "A", "Type": "Trading", "Currency": "AUD", "Amount": 5}
    books.take("Balances", [amount, {**amount, "Type": "Margin", "Amount": 0}])
    assert books.balances == {("A", "AUD"): {"Trading": 5, "Margin": 0}}
    books.take("Balances", [{"Account": "A", "Type": "", "Currency": "", "Amount": 0}])
    assert not books.balances
    books.take("Transactions", [{"O": "I", "Account": "A"}, {"O": "A", "Transaction": {"ID": "t"}}])
    assert list(books.fills) == [{"ID": "t"}]


@pytest.mark.parametrize("code", sorted({*DOCUMENTED, *OF_MARKETS, *OWN}))
def test_every_code_is_explained(code: str) -> None:
    assert explain(code) == f"{code}: {MEANINGS[code]}"
    assert explain(f"{code} 5") == f"{code} 5: {MEANINGS[code]}"


def test_the_codes_of_the_stock_rules_are_explained() -> None:
    rules = (ROOT / "zenithd" / "vetting" / "stock.vortex").read_text()
    codes = re.findall(r"FAIL WITH \[?([\w.]+)", rules)
    assert codes
    assert set(codes) <= set(MEANINGS)


def test_codes_of_rules_are_shown_as_they_are() -> None:
    assert explain("MyRule.Broken") == "MyRule.Broken"


# Accounts


def test_accounts_are_created_once(run: Run, read: Read) -> None:
    line = "account create YY:0098 --count 3 --name 'Class {0}' --currency AUD --attribute school=north"
    assert [each["Result"] for each in read(line)] == ["created"] * 3
    assert [each["Result"] for each in read(line)] == ["exists already"] * 3
    found = read("account list --owner YY")
    assert [each["Account"]["AccountID"] for each in found] == ["0098", "0099", "0100"]
    shown = read("account show YY:0100")
    assert (shown["Name"], shown["Attributes"]) == ("Class 0100", {"school": "north"})
    other = run("account", "create", "YY:0100", "--name", "Other")
    assert other.code == 1
    assert "--replace" in other.err
    assert read("account create YY:0100 --name Other --replace")[0]["Result"] == "changed"
    assert read("account show YY:0100")["DefaultCurrency"] == "AUD"


def test_money_and_assets_move_once(run: Run, read: Read) -> None:
    read("account create ZZ:1")
    line = "account deposit ZZ:1 123456789012345.67 AUD --transaction-id gift"
    for _ in range(2):
        assert "123456789012345.67" in run(*shlex.split(line)).out
    kept = read("account deposit ZZ:1 5 AUD --only-if-zero")["Balances"]
    assert kept == read("account show ZZ:1")["Balances"]
    moved = read("account withdraw ZZ:1 123456789012345 AUD --only-with-balance")
    assert moved["Balances"][0]["Balance"] == 0.67
    (held,) = read("account issue ZZ:1 10 XS01.XSX --transaction-id first")["Holdings"]
    assert held["Quantity"] == 10
    held = read("account issue ZZ:1 10 XS01.XSX XS02.XSX --only-if-zero")["Holdings"]
    assert [each["Quantity"] for each in held] == [10, 10]
    held = read("account reclaim ZZ:1 4 XS01.XSX XS03.XSX --only-if-held")["Holdings"]
    assert [(each["Code"], each["Quantity"]) for each in held] == [("XS01", 6)]


@pytest.mark.parametrize(
    ("line", "code", "line_of_error"),
    [
        ("withdraw XS:0006 10001 AUD", 1, explain("TotalValue.Balance")),
        ("reclaim XS:0006 1001 XS01.XSX", 1, explain("TotalQuantity.Holdings [0]")),
        ("deposit XS:9999 5 AUD", 1, explain("Account")),
        ("show XS:9999", 1, explain("Account")),
        ("list --owner NONE", 1, explain("Owner")),
        ("show 0001", 2, "0001 is no account; write it as OWNER:ACCOUNT, such as XS:0001"),
        ("create 'XS:a b'", 1, explain("Account.AccountID")),
        (
            "create XS:abc --count 2",
            2,
            "XS:abc: to create several, begin with a number at the end, such as XS:0011",
        ),
        (
            "deposit XS:0006 0 AUD",
            2,
            "AMOUNT 0: expected a positive number; another verb does the opposite",
        ),
        ("deposit XS:0006 x AUD", 2, "AMOUNT x: expected a number, such as 12.50"),
    ],
)
def test_refusals_of_accounts_are_told(run: Run, line: str, code: int, line_of_error: str) -> None:
    assert run("account", *shlex.split(line)) == Result(code, "", f"{line_of_error}\n")


def test_operators_need_their_scopes(run: Run, hub: DaemonProcess) -> None:
    refused = run("account", "list", "--user", "demo")
    assert refused == Result(
        2, "", f"http://{hub.address} answers Forbidden: demo lacks the scope OMS/Operator\n"
    )


def test_a_dry_run_of_a_transfer_changes_nothing(run: Run, read: Read) -> None:
    before = read("account show XS:0007")
    result = run(*shlex.split("account deposit XS:0007 5 AUD --dry-run --transaction-id t"))
    first, _, body = result.out.partition("\n")
    assert first.startswith("POST http://")
    assert first.endswith("/oms/balance")
    assert json.loads(body)["Transfer"] == {"Currency": "AUD", "Value": "5"}
    assert run("account", "create", "XS:0999", "--dry-run").code == 0
    assert read("account show XS:0007") == before
    assert run("account", "show", "XS:0999").code == 1
