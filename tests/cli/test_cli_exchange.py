"""`zenithd market` and `zenithd symbol` against a real daemon, and the guide that uses them."""

from __future__ import annotations

import json
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_support import Result, Run, steps_of

from tests.daemon.conftest import START_SECONDS_MAX, DaemonProcess

GUIDE = Path(__file__).parents[2] / "docs" / "new-market.md"

Read = Callable[..., Any]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """The demonstration, ready for operators."""
    with DaemonProcess(tmp_path_factory.mktemp("exchange")) as daemon:
        wait_for_operators(daemon)
        yield daemon


def wait_for_operators(daemon: DaemonProcess) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while daemon.get("/market")[0] != 401:
        assert time.monotonic() < deadline, daemon.text()
        time.sleep(0.1)


@pytest.fixture
def operate(zenithd: Run, exchange: DaemonProcess, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in the folder of the daemon."""
    monkeypatch.chdir(exchange.folder)
    for name in ("ZENITHD_USER", "ZENITHD_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return zenithd


@pytest.fixture
def read(operate: Run) -> Read:
    """What a command prints as JSON."""

    def run(*arguments: str) -> Any:
        result = operate(*arguments, "--json")
        assert (result.code, result.err) == (0, "")
        return json.loads(result.out)

    return run


def files_of(page: str) -> dict[str, str]:
    """The files that a reader is told to write."""
    return dict(re.findall(r"Write this to `(\S+)`:\n\n```\w+\n(.*?)```", page, re.DOTALL))


def lines_of(result: Result) -> list[str]:
    return [line.rstrip() for line in result.out.splitlines()]


def test_every_command_of_the_guide_does_what_it_says(
    operate: Run, read: Read, exchange: DaemonProcess
) -> None:
    page = GUIDE.read_text()
    files = files_of(page)
    assert set(files) == {"timetable.toml", "holidays.csv"}
    for name, content in files.items():
        (exchange.folder / name).write_text(content)
    done = []
    for step in steps_of(page):
        program, *arguments = shlex.split(step.line)
        assert program == "zenithd"
        result = operate(*arguments)
        assert (result.code, result.err) == (0, ""), step.line
        if step.output:
            assert lines_of(result) == step.output, step.line
        done.append(step.line)
        if step.line == "zenithd symbol status BEAR.TOY TradingHalt":
            assert_halted(read)
        if done[-2:] == ["zenithd symbol status BEAR.TOY TradingHalt", "zenithd watch BEAR.TOY --once"]:
            assert "Wooden bears  TradingHalt" in result.out
    assert "zenithd watch BEAR.TOY --once" in done
    assert [market["Code"] for market in read("market", "list")] == ["XSX", "XSY"]


def assert_halted(read: Read) -> None:
    """The market as it is near the end of the guide."""
    bear, kite = read("symbol", "list", "TOY")
    assert (bear["Data"]["Status"], bear["State"]["Status"]) == ("TradingHalt", "TradingHalt")
    assert bear["State"]["References"] == {"Close": "12.500"}
    assert kite["Data"]["Status"] is None
    market = read("market", "show", "TOY")
    assert market["Config"]["Settings"]["self_trade"] == "cancel newest"
    assert market["Timetable"]["weekdays"] == ["usual"] * 5 + [None, None]
    assert market["Timetable"]["special_days"] == {"2026-12-24": "half", "2026-12-31": "half"}
    assert len(market["Timetable"]["holidays"]) == 3


@pytest.fixture
def market(operate: Run) -> Iterator[str]:
    """A market with one symbol, AA."""
    assert operate("market", "create", "TST", "--name", "Test").code == 0
    assert operate("symbol", "add", "AA.TST").code == 0
    yield "TST"
    assert operate("market", "remove", "TST", "--yes").code == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("market create TST", "there is a market with this code [Code]"),
        ("market show NONE", "the exchange has no such market [Market]"),
        ("market rename TST XSX", "there is a market with this code [Code]"),
        ("market holiday TST 2026-12-25", "2026-12-25: the market has no timetable [Timetable]; 0 of 1 days"),
        ("market entity remove TST NOFIRM", "the market knows no such entity [Entity]"),
        ("symbol show BB.TST", "the market does not list this symbol [Symbol]"),
        ("symbol add AA.TST", "the market lists a symbol with this code [Code]"),
        ("symbol change AA.TST --tick-table NONE", "the market has no such tick table [TickTable]"),
        ("symbol limits AA.TST --low 10.001", "more decimals than the symbol has, or no number [Low]"),
        ("symbol cancel-trade AA.TST 5", "no such trade is remembered [Trade]"),
        ("symbol correct-trade AA.TST 5 --price 2", "no such trade is remembered [Trade]"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_1(operate: Run, market: str, line: str, message: str) -> None:
    code, out, err = operate(*line.split())
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("market list --password wrong", "does not let operator in; check --user and --password"),
        ("market list --token wrong", "does not let this token in; check --user and --password"),
        ("market list --user demo --password demo", "demo lacks the scope Prodigy/Exchange"),
        ("market list --user anna", "give the password of anna with --password or in ZENITHD_PASSWORD"),
        ("market list --url http://127.0.0.1:1 --token x", "no daemon answers at http://127.0.0.1:1: "),
        ("market list --url http://127.0.0.1:1", "give the password of operator with --password"),
        ("market remove XSX", "XSX would be gone with all its orders; confirm with --yes"),
        ("market show A/B", "'A/B' is no code or name; write letters, digits, - and _"),
        ("market change XSX", "say what is to change: --name, --currency, --time-zone or --set"),
        ("market change XSX --set self_trade=sometimes", "Invalid enum value 'sometimes'"),
        ("market create TST2 --set colour=red", "unknown field `colour`"),
        ("market timetable XSX no.toml", "no.toml: [Errno 2] No such file or directory: 'no.toml'"),
        ("market holiday XSX 2026-13-01", "'2026-13-01' is not a date; write for example 2026-12-25"),
        ("market holiday XSX --name Christmas", "there are no dates; write for example 2026-12-25"),
        ("symbol status XS01.XSX", "give a STATUS, such as TradingHalt, or --inherit"),
        ("symbol show XS01", "'XS01' is not Code.Market; write a symbol as CODE.MARKET, such as XS01.XSX"),
        ("symbol limits XS01.XSX", "give --low, --high or both, or --off"),
        ("symbol limits XS01.XSX --low NaN", "--low NaN: expected a number, such as 12.50"),
        ("symbol reference XS01.XSX Close", "give NAME and PRICE, such as Close 12.50, or NAME and --remove"),
        ("symbol ticks XSX NEW 2", "2: expected FROM=STEP, such as 0.1=0.005"),
        ("symbol ticks XSX NEW 2=0.01 1=0.005", "the step from 2 must end above it, not at 1"),
        ("symbol ticks XSX NONE", "XSX has no tick table NONE; its tables: STANDARD"),
        ("symbol correct-trade XS01.XSX 5", "say what was wrong: --price, --quantity or both"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(operate: Run, line: str, message: str) -> None:
    code, out, err = operate(*line.split())
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err


def test_a_code_that_is_empty_is_a_mistake(operate: Run) -> None:
    for line in (("market", "show", ""), ("market", "create", ""), ("market", "show", "..")):
        code, out, err = operate(*line)
        assert (code, out, err) == (
            2,
            "",
            f"{line[-1]!r} is no code or name; write letters, digits, - and _\n",
        )


@pytest.mark.parametrize(
    ("line", "method", "path", "body"),
    [
        ("market create NEW --status open", "POST", "/market/NEW",
         {"Config": {}, "Data": {"Status": "Open"}}),
        ("market status XSX Closed", "POST", "/market/XSX/action/Status", {"Status": "Closed"}),
        ("market timetable XSX --remove", "DELETE", "/market/XSX/timetable", None),
        ("market holiday XSX 20261225 --name X", "PUT", "/market/XSX/holiday/2026-12-25", {"Name": "X"}),
        ("market rename XSX A&B", "POST", "/market/XSX/rename?newCode=A%26B", None),
        ("market remove XSX", "DELETE", "/market/XSX", None),
        ("market entity rename XSX A B", "POST", "/market/XSX/rename/entity/A?newCode=B", None),
        ("market start-day XSX 20261225", "POST", "/market/XSX/action/StartOfDay",
         {"TradingDate": "2026-12-25"}),
        ("market end-day XSX", "POST", "/market/XSX/action/EndOfDay", {}),
        ("symbol add A%B.XSX", "POST", "/market/XSX/symbol/A%25B",
         {"Data": {"PriceScale": 2, "QuantityScale": 0}}),
        ("symbol unlist XS01.XSX", "DELETE", "/market/XSX/symbol/XS01", None),
        ("symbol status XS01.XSX --inherit", "POST", "/market/XSX/symbol/XS01/action/Status", {}),
        ("symbol bulk-cancel XS01.XSX", "POST", "/market/XSX/symbol/XS01/action/BulkCancel",
         {"Reason": "Cancel"}),
        ("symbol correct-trade XS01.XSX 7 --quantity 0.10", "POST",
         "/market/XSX/symbol/XS01/action/CorrectTrade", {"TradeID": 7, "Quantity": "0.10"}),
        ("symbol ticks XSX NEW 0=1 --up-to 9", "POST", "/market/XSX/action/TickTable.Add",
         {"Name": "NEW", "TickTable": [{"Low": "0", "High": "9", "Tick": "1"}]}),
    ],
)  # fmt: skip
def test_a_dry_run_prints_the_request_and_changes_nothing(
    operate: Run, exchange: DaemonProcess, line: str, method: str, path: str, body: Any
) -> None:
    url = f"http://{exchange.address}{path}"
    before = without_movement(operate("market", "list", "--json"))
    told = json.loads(operate(*line.split(), "--dry-run", "--json").out)
    assert told == {"method": method, "url": url, "body": body}
    text = operate(*line.split(), "--dry-run").out
    first, _, rest = text.partition("\n")
    assert first == f"{method} {url}"
    assert (json.loads(rest) if rest else None) == body
    assert without_movement(operate("market", "list", "--json")) == before


def without_movement(result: Result) -> list[Any]:
    """The markets without what their participants and their timetables change."""
    assert (result.code, result.err) == (0, "")
    markets = json.loads(result.out)
    for market in markets:
        del market["State"]
        del market["Data"]["Status"]
    return list(markets)


def test_changes_keep_what_is_not_named(operate: Run, read: Read, market: str) -> None:
    assert operate("market", "change", market, "--set", "orders_max=5").code == 0
    assert operate("market", "change", market, "--set", "trades_kept=7", "--currency", "EUR").code == 0
    shown = read("market", "show", market)
    assert shown["Data"]["Name"] == "Test"
    assert shown["Data"]["Currency"] == "EUR"
    settings = shown["Config"]["Settings"]
    assert (settings["orders_max"], settings["trades_kept"]) == (5, 7)
    assert operate("market", "entity", "add", market, "ACME", "--name", "Acme", "--type", "pe").code == 0
    assert operate("market", "entity", "change", market, "ACME", "--cannot-trade").code == 0
    assert operate("market", "entity", "rename", market, "ACME", "APEX").code == 0
    assert read("market", "entity", "list", market) == [
        {"Code": "APEX", "Name": "Acme", "Type": "PE", "CanTrade": False}
    ]
    assert operate("market", "entity", "remove", market, "APEX").code == 0
    assert operate("market", "entity", "list", market).out == "TST knows no firms.\n"


def test_symbols_are_changed_renamed_and_unlisted(operate: Run, read: Read, market: str) -> None:
    changed = operate("symbol", "change", "AA.TST", "--lot-size", "10", "--alternate", "ISIN=AU000000AAA1")
    assert changed == Result(0, "AA.TST: changed\n", "")
    assert operate("symbol", "ticks", market, "T", "0=0.05").code == 0
    assert operate("symbol", "ticks", market, "T", "0=0.5", "--replace").code == 0
    assert operate("symbol", "change", "AA.TST", "--tick-table", "T").code == 0
    assert operate("symbol", "ticks", market, "T", "--remove").code == 1
    assert operate("symbol", "rename", "AA.TST", "BB").out == "AA.TST: renamed\n"
    shown = read("symbol", "show", "BB.TST")["Data"]
    assert (shown["LotSize"], shown["TickTable"]) == ("10", "T")
    assert shown["Alternates"] == {"ISIN": "AU000000AAA1"}
    assert read("symbol", "ticks", market) == {"T": [{"Low": "0", "High": "1000000", "Tick": "0.5"}]}
    assert "Alternates         ISIN AU000000AAA1" in operate("symbol", "show", "BB.TST").out
    assert operate("symbol", "reference", "BB.TST", "Auction", "7.5").code == 0
    assert read("symbol", "reference", "BB.TST") == {"Auction": "7.50"}
    assert operate("symbol", "reference", "BB.TST", "Auction", "--remove").code == 0
    assert operate("symbol", "reference", "BB.TST").out == "BB.TST has no reference prices.\n"
    assert operate("symbol", "limits", "BB.TST", "--low", "1").code == 0
    assert "Price limits       from 1.00" in operate("symbol", "show", "BB.TST").out
    assert operate("symbol", "limits", "BB.TST", "--off").code == 0
    assert operate("symbol", "unlist", "BB.TST").out == "BB.TST: removed\n"
    assert "TST lists nothing" in operate("symbol", "list", market).out


def test_a_timetable_that_was_shown_can_be_given_back(
    operate: Run, read: Read, market: str, tmp_path: Path
) -> None:
    assert operate("market", "timetable", market).out == (
        "TST has no timetable; its status changes by hand only.\n"
    )
    file = tmp_path / "shown.json"
    file.write_text(json.dumps(read("market", "timetable", "XSX")))
    assert operate("market", "timetable", market, str(file)).code == 0
    assert read("market", "timetable", market) == read("market", "timetable", "XSX")
    days = tmp_path / "days.csv"
    days.write_text("2027-01-01,New Year\n\n2027-01-02,,all day\n2027-01-03,,nothing\n")
    refused = operate("market", "holiday", market, "--file", str(days))
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "2027-01-03: there is no day plan 'nothing' [Day]; 2 of 3 days were done\n"
    assert read("market", "holiday", market) == {
        "holidays": {"2027-01-01": "New Year"},
        "special_days": {"2027-01-02": "all day"},
    }
    assert read("market", "holiday", market, "2027-01-01", "2027-01-02", "--remove") == {
        "result": "Changed",
        "days": ["2027-01-01", "2027-01-02"],
    }
    assert operate("market", "holiday", market).out == "TST has no days set apart.\n"
    days.write_text("2027-01-01,New Year,all day\n")
    both = operate("market", "holiday", market, "--file", str(days))
    assert both.err.startswith(f"{days}:1: a day has a name (no trading) or a plan")


def test_trades_and_orders_of_the_demonstration(operate: Run, read: Read, exchange: DaemonProcess) -> None:
    # Trades of earlier days are simulated history: the exchange itself knows of none until it has traded.
    deadline = time.monotonic() + START_SECONDS_MAX
    corrected = None
    with exchange.client() as client:
        client.log_in()
        while corrected is None or (corrected.code and time.monotonic() < deadline):
            wanted = {"Code": "XS01", "Market": "XSX", "Count": 1}
            trades, errors = client.ask("Market", "QueryTrades", wanted)
            assert not errors
            trade = str(trades[-1]["Trade"]["ID"])
            corrected = operate("symbol", "correct-trade", "XS01.XSX", trade, "--quantity", "12")
    assert corrected == Result(0, "XS01.XSX: corrected\n", "")
    assert operate("symbol", "cancel-trade", "XS01.XSX", trade).out == "XS01.XSX: cancelled\n"
    assert operate("symbol", "cancel-trade", "XS01.XSX", trade).code == 1
    assert operate("symbol", "bulk-cancel", "XS01.XSY", "--reason", "manual").code == 0


def test_a_token_logs_in(operate: Run, read: Read) -> None:
    token = operate("user", "token", "operator").out.strip()
    assert [market["Code"] for market in read("market", "list", "--token", token)] == ["XSX", "XSY"]


def test_the_environment_says_who_asks(operate: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZENITHD_USER", "demo")
    monkeypatch.setenv("ZENITHD_PASSWORD", "demo")
    assert "demo lacks the scope" in operate("market", "list").err


def test_the_api_is_documented(exchange: DaemonProcess) -> None:
    status, text = exchange.get("/docs/openapi.json")
    assert status == 200
    assert json.loads(text)["openapi"].startswith("3.1")


def test_what_an_operator_did_is_there_after_kill_9(
    zenithd: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "daemon"
    folder.mkdir()
    with DaemonProcess(folder) as daemon:
        wait_for_operators(daemon)
        monkeypatch.chdir(folder)
        assert zenithd("market", "create", "TST", "--name", "Test", "--status", "Open").code == 0
        assert zenithd("symbol", "add", "AA.TST").code == 0
        assert zenithd("symbol", "status", "AA.TST", "Suspend").code == 0
        before = zenithd("market", "show", "TST", "--json")
        daemon.stop(signal.SIGKILL)
    with DaemonProcess(folder) as daemon:
        wait_for_operators(daemon)
        assert zenithd("market", "show", "TST", "--json") == before
        assert json.loads(zenithd("symbol", "show", "AA.TST", "--json").out)["Data"]["Status"] == "Suspend"
        assert "Suspend" in zenithd("watch", "AA.TST", "--once").out
