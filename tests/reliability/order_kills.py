"""Kill the daemon while clients trade on it, and see whether anything acknowledged was lost or doubled.

    python -m tests.reliability.order_kills [--count 200] [--seed 1] [--json FILE]

A client that is not ours keeps several order requests under way on the ten accounts of the demonstration and
notes every answer, order and transaction that it is told; the simulated participants trade with it. Each turn
ends with `kill -9` at a random moment. Then, from the journal's file alone,

- the updates lead to the same money, shares, reserves, orders and requests in the views and in a naive
  ledger;
- every trade that was booked is one of the exchange's own, with its price and quantity, and none twice; those
  that the exchange had made by the last kill are all booked by this one;

and from the next daemon: every acknowledged request gets the same answer again, those without an answer get
one; no order is there that nobody placed, none that was acknowledged is missing, none stays in doubt; every
transaction that was shown is there; and the transactions of each account add up to its balances and holdings.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from websockets.exceptions import ConnectionClosed

from tests.daemon.conftest import Client, DaemonProcess
from tests.reliability.lib_mirror import Difference
from tests.reliability.lib_naive_ledger import NaiveLedger
from tests.reliability.lib_site import configuration
from zenithd.journal.reading import read_records
from zenithd.journal.sqlite import SqliteReader
from zenithd.journal.verification import verify
from zenithd.oms.model.updates import OrderTraded, decode_updates
from zenithd.oms.state import OmsState
from zenithd_prodigy.listings import OMS_ENTITY
from zenithd_prodigy.model.events import SymbolListed, Traded, decode_events

ACCOUNTS = [f"XS:{number:04}" for number in range(1, 11)]
SYMBOLS = ("XS01", "XS02", "XS03")
SHARES = 1_000
MARKETS = {"prodigy/market 1": 1, "prodigy/market 2": 2}
UNDER_WAY = 40
"""Requests that wait for answers at the same time."""
SECONDS_MAX = 0.8
REPEATED = 12
SETTLE_SECONDS_MAX = 30.0
HISTORY_SECONDS_MAX = 300.0
"""The first question about the past reads all that was ever kept; after many kills that takes a while."""
IN_DOUBT = ("Pending", "Unknown")
TOLD = ("Orders", "Transactions")

Message = dict[str, Any]


class Ends(msgspec.Struct):
    """What all turns came to."""

    kills: int = 0
    asked: int = 0
    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0
    unanswered_kept: int = 0
    """Of these, those that turned out to have been kept."""
    in_doubt_after_start: int = 0
    orders: int = 0
    trades: int = 0
    records: int = 0
    transactions_shown: int = 0
    start_seconds_median: float = 0.0


class Book:
    """The journal's file: what the order management system kept, and what the exchange did."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._scales: dict[tuple[int, str], int] = {}
        self._numbers: dict[tuple[int, str], int] = {}
        self._state = OmsState()
        self._ledger = NaiveLedger()
        self.records = 0
        self.made: dict[str, tuple[str, Decimal, Decimal]] = {}
        """The exchange's own trades: account, price and quantity by the id under which they are booked."""
        self.booked: dict[str, tuple[str, Decimal, Decimal]] = {}

    def look(self) -> None:
        """Check the journal, read what is new, and compare.

        Raises:
            Damaged: the journal is not whole.
            Difference: something was lost, doubled or booked otherwise.
        """
        must_be_booked = set(self.made)
        reader = SqliteReader(self._path)
        try:
            head = verify(reader).head
            for records in read_records(reader, self._position + 1):
                for record in records:
                    if record.feed == "oms":
                        self._kept(record.body)
                    elif record.feed in MARKETS:
                        self._happened(MARKETS[record.feed], record.body)
            self._position = head.position
        finally:
            reader.close()
        if different := self._ledger.differences(self._state):
            raise Difference(f"the naive ledger differs: {different[:3]}")
        if missing := must_be_booked - self.booked.keys():
            raise Difference(f"trades of the exchange that are not booked: {sorted(missing)[:3]}")
        for trade, terms in self.booked.items():
            if self.made.get(trade) != terms:
                raise Difference(f"trade {trade} is booked as {terms}, and was {self.made.get(trade)}")

    def _kept(self, body: bytes) -> None:
        self.records += 1
        for kept in decode_updates(body):
            self._state.apply(kept)
            self._ledger.apply(kept)
            if isinstance(kept.update, OrderTraded):
                trade, order = kept.update.trade, kept.update.order
                if trade.trade_id in self.booked:
                    raise Difference(f"trade {trade.trade_id} is booked twice")
                self.booked[trade.trade_id] = (str(order.account), trade.price, trade.quantity)

    def _happened(self, market: int, body: bytes) -> None:
        for event in decode_events(body):
            if isinstance(event, SymbolListed):
                self._numbers[market, event.definition.code] = event.number
                self._scales[market, event.definition.code] = event.definition.price_scale
            elif isinstance(event, Traded):
                for fill, side in ((event.buy, "B"), (event.sell, "S")):
                    if fill.party.entity == OMS_ENTITY:
                        symbol = market, event.symbol
                        price = Decimal(event.price).scaleb(-self._scales[symbol])
                        trade = f"{market}/{self._numbers[symbol]}/{event.trade_id}/{side}"
                        self.made[trade] = (fill.party.account or "", price, Decimal(event.quantity))


class Trader:
    """A client with many requests under way; remembers what it was told over all its connections."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.acknowledged: dict[tuple[str, str], tuple[str, Message, str]] = {}
        """Topic, data and the order's id of each request that succeeded, by account and RequestID."""
        self.waiting: dict[int, tuple[str, Message]] = {}
        self.orders: dict[str, Message] = {}
        """As they were told last."""
        self.transactions: dict[str, Message] = {}
        self.asked = self.refused = 0
        self._client: Client | None = None
        self._number = 0

    def connect(self, daemon: DaemonProcess) -> None:
        """Log in and subscribe; what was sent over the last connection is not waited for any more."""
        self._client = client = daemon.client()
        client.answer_seconds_max = HISTORY_SECONDS_MAX
        client.log_in()
        for account in ACCOUNTS:
            for topic in TOLD:
                for data in client.subscribe(f"{topic}!{account}", "Trading"):
                    self._told(topic, data)

    @property
    def client(self) -> Client:
        """The connection."""
        assert self._client is not None
        return self._client

    def close(self) -> None:
        """End the connection."""
        if self._client is not None:
            self._client.close()

    def work(self, seconds: float) -> None:
        """Keep requests under way for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            while len(self.waiting) < UNDER_WAY:
                self._ask()
            self._read(0.02)

    def read_to_the_end(self) -> None:
        """Take everything that the daemon sent before it ended."""
        with contextlib.suppress(ConnectionClosed, ConnectionError):
            while True:
                self._read(5.0)

    def _read(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            self._note(self.client.receive(seconds))

    def _note(self, message: Message) -> None:
        topic, _, account = str(message.get("Topic", "")).partition("!")
        if account:
            if "Action" not in message:
                self._told(topic, message["Data"])
            return
        asked = self.waiting.pop(message.get("TransactionID", 0), None)
        if asked is not None:
            self.note_answer(*asked, message["Data"])

    def note_answer(self, topic: str, data: Message, answer: Message) -> bool:
        """Remember an answer; whether it was Success."""
        if answer["Result"] == "Success":
            key = (data["Account"], data["RequestID"])
            order_id = answer["Order"]["ID"]
            before = self.acknowledged.setdefault(key, (topic, data, order_id))
            if before[2] != order_id:
                raise Difference(f"{key}: order {order_id}, and before it was {before[2]}")
            return True
        if answer["Result"] not in ("Rejected", "Invalid") or not answer["Errors"]:
            raise Difference(f"{topic} {data}: {answer}")
        self.refused += 1
        return False

    def _told(self, topic: str, data: list[Message]) -> None:
        for record in data:
            if topic == "Orders" and "Order" in record and record["O"] != "R":
                order = record["Order"]
                self.orders.setdefault(order["ID"], {}).update(order)
            elif topic == "Transactions" and "Transaction" in record:
                self.transactions[record["Transaction"]["ID"]] = record["Transaction"]

    def _ask(self) -> None:
        topic, data = self._draw()
        self.asked += 1
        self.client.transaction += 1
        number = self.client.transaction
        self.waiting[number] = topic, data
        self.client.send(Controller="Trading", Topic=topic, TransactionID=number, Data=data)

    def _draw(self) -> tuple[str, Message]:
        draw = self.random
        self._number += 1
        open_orders = [each for each in self.orders.values() if each["Status"] in ("OnMarket", "PartialFill")]
        if len(open_orders) > 20 or (open_orders and draw.random() < 0.4):
            order = draw.choice(open_orders)
            data = {
                "Account": order["Account"],
                "OrderID": order["ID"],
                "RequestID": f"r{self._number}",
                "Flags": [],
            }
            if draw.random() < 0.6:
                return "CancelOrder", data
            details = dict(order["Details"])
            details["Quantity"] = draw.randint(1, 60)
            return "AmendOrder", {**data, "Details": details}
        return "PlaceOrder", self._placement()

    def _placement(self) -> Message:
        draw = self.random
        side = draw.choice(("Bid", "Ask"))
        is_market = draw.random() < 0.5
        details: Message = {
            "Exchange": "XSX",
            "Code": draw.choice(SYMBOLS),
            "Side": side,
            "Style": "Market",
            "Instructions": [],
            "Type": "Market" if is_market else "Limit",
            "Quantity": draw.randint(1, 5),
            "Validity": "FillAndKill" if is_market else "UntilCancel",
        }
        if not is_market:
            details["LimitPrice"] = 0.05 if side == "Bid" else 100.0
        return {
            "Account": draw.choice(ACCOUNTS),
            "RequestID": f"r{self._number}",
            "Details": details,
            "Route": {"Algorithm": "Market", "Market": "XSX::XSX"},
        }


class Run:
    """Turns of trading, ending and comparing."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.ends = Ends()
        self.trader = Trader(seed)
        self._random = random.Random(seed)
        self._folder = folder
        self._book = Book(folder / "var" / "journal.db")
        self._starts: list[float] = []
        self._configuration = configuration(
            {
                "users.demo": {
                    "password": "demo",
                    "markets": ["*"],
                    "scopes": ["Zenith/Market", "Zenith/Trading", "Zenith/OrderPad"],
                    "accounts": ["XS:*"],
                },
                "limits": {"pages_per_second": 1000.0, "requests_per_second": 100_000.0},
                "orders": {"demonstration_accounts": len(ACCOUNTS), "checkpoint_records": 300},
                "plugins.prodigy": {
                    "rate": 3.0,
                    "history_days": 0,
                    "time_zone": time_zone_of_an_early_day(),
                    "participants_orders_survive": True,
                },
                "logging": {"format": "json"},
            }
        )
        self.daemon = self._start()
        self.trader.connect(self.daemon)

    def _start(self) -> DaemonProcess:
        began = time.monotonic()
        daemon = DaemonProcess(self._folder, self._configuration)
        try:
            daemon.wait_ready()
        except BaseException:
            daemon.__exit__()
            raise
        self._starts.append(time.monotonic() - began)
        return daemon

    def close(self) -> None:
        """End what runs."""
        self.trader.close()
        self.daemon.__exit__()

    def turn(self) -> None:
        """Trade for some time, kill, look into the journal, start again, and compare."""
        trader = self.trader
        trader.work(self._random.uniform(0.1, SECONDS_MAX))
        self.daemon.process.send_signal(signal.SIGKILL)
        trader.read_to_the_end()
        self.daemon.process.wait(30)
        trader.close()
        self.ends.kills += 1
        shown, orders = dict(trader.transactions), {name: dict(one) for name, one in trader.orders.items()}
        self._book.look()
        self.daemon = self._start()
        trader.connect(self.daemon)
        self._again()
        self._settle()
        self._compare(shown, orders)
        lines = self.daemon.text().splitlines()
        if problems := [
            line for line in lines if '"error"' in line and "the loop has not turned" not in line
        ]:
            raise Difference(f"the log says: {problems[:3]}")

    def _again(self) -> None:
        """What had no answer is asked again, and some of what had one."""
        trader = self.trader
        waiting, trader.waiting = trader.waiting, {}
        before = {order["ID"] for order in self._orders()}
        for topic, data in waiting.values():
            self.ends.unanswered += 1
            if trader.note_answer(topic, data, self._asked(topic, data)):
                order_id = trader.acknowledged[data["Account"], data["RequestID"]][2]
                self.ends.unanswered_kept += topic == "PlaceOrder" and order_id in before
        keys = list(trader.acknowledged)
        for key in self._random.sample(keys, min(REPEATED, len(keys))) + keys[-REPEATED:]:
            topic, data, order_id = trader.acknowledged[key]
            answer = self._asked(topic, data)
            if (answer["Result"], answer.get("Order", {}).get("ID")) != ("Success", order_id):
                raise Difference(f"{topic} {data} was {order_id}, and is {answer}")

    def _asked(self, topic: str, data: Message) -> Message:
        answer, errors = self.trader.client.ask("Trading", topic, data)
        if errors:
            raise Difference(f"{topic} {data}: {errors}")
        return dict(answer)

    def _query(self, topic: str, account: str) -> list[Message]:
        found, errors = self.trader.client.ask("Trading", f"Query{topic}", {"Account": account})
        if errors:
            raise Difference(f"{topic} of {account}: {errors}")
        return list(found)

    def _orders(self) -> list[Message]:
        return [order for account in ACCOUNTS for order in self._query("Orders", account)]

    def _settle(self) -> None:
        """Nobody stays in doubt while the exchange is there."""
        until = time.monotonic() + SETTLE_SECONDS_MAX
        doubtful = [order["ID"] for order in self._orders() if order["Status"] in IN_DOUBT]
        self.ends.in_doubt_after_start += len(doubtful)
        while doubtful:
            if time.monotonic() > until:
                raise Difference(f"still in doubt: {doubtful[:3]}")
            time.sleep(0.05)
            doubtful = [order["ID"] for order in self._orders() if order["Status"] in IN_DOUBT]

    def _compare(self, shown: dict[str, Message], before: dict[str, Message]) -> None:
        there = {order["ID"]: order for order in self._orders()}
        placed = {
            order_id for topic, _, order_id in self.trader.acknowledged.values() if topic == "PlaceOrder"
        }
        if there.keys() != placed:
            raise Difference(f"other orders than were acknowledged: {sorted(there.keys() ^ placed)[:3]}")
        for order_id, order in before.items():
            if there[order_id]["ExecutedQuantity"] < order["ExecutedQuantity"]:
                raise Difference(f"{order_id} had executed more: {order}")
            if order["Status"] in ("Filled", "Cancelled") and there[order_id]["Status"] != order["Status"]:
                raise Difference(f"{order_id} was {order['Status']}, is {there[order_id]['Status']}")
        transactions = {account: self._sums(account) for account in ACCOUNTS}
        ids = set().union(*transactions.values())
        if missing := shown.keys() - ids:
            raise Difference(f"transactions that were shown: {sorted(missing)[:3]}")
        self.trader.orders = {order_id: dict(order) for order_id, order in there.items()}

    def _sums(self, account: str) -> set[str]:
        """The ids of an account's transactions, which add up to what it has; trading goes on meanwhile."""
        until = time.monotonic() + SETTLE_SECONDS_MAX
        while True:
            transactions = self._query("Transactions", account)
            balances = {each["Type"]: _exact(each["Amount"]) for each in self._query("Balances", account)}
            holdings = {each["Code"]: each["TotalQuantity"] for each in self._query("Holdings", account)}
            money = sum((_exact(each["NetAmount"]) for each in transactions), Decimal(0))
            shares = dict.fromkeys(SYMBOLS, SHARES)
            for each in transactions:
                shares[each["Code"]] += each["TotalQuantity"]
            found = {code: holdings.get(code, 0) for code in SYMBOLS}
            if (money, shares) == (balances.get("NonTrading", Decimal(0)), found):
                ids = {each["ID"] for each in transactions}
                if len(ids) != len(transactions):
                    raise Difference(f"{account}: a transaction twice")
                return ids
            if time.monotonic() > until:
                raise Difference(f"{account}: {money} {shares}, shown {balances} {holdings}")

    def result(self) -> Ends:
        """What all turns came to."""
        ends, trader = self.ends, self.trader
        ends.asked, ends.acknowledged, ends.refused = trader.asked, len(trader.acknowledged), trader.refused
        ends.orders, ends.trades, ends.records = (
            len(trader.orders),
            len(self._book.booked),
            self._book.records,
        )
        ends.transactions_shown = len(trader.transactions)
        ends.start_seconds_median = round(median(self._starts), 2)
        return ends


def _exact(amount: float) -> Decimal:
    return Decimal(str(amount))


def time_zone_of_an_early_day() -> str:
    """Where it is early in the trading day now."""
    behind = time.gmtime().tm_hour - 1
    behind -= 24 if behind > 12 else 0
    return f"Etc/GMT{behind:+}"


def kill(count: int, seed: int = 1, say: bool = False) -> Ends:
    """Kill a daemon under load so many times.

    Raises:
        Difference, Damaged: something was lost, came twice, or is not what it should be.
    """
    with tempfile.TemporaryDirectory(prefix="zenithd-order-kills-") as folder:
        run = Run(Path(folder), seed)
        try:
            while run.ends.kills < count:
                run.turn()
                if say and run.ends.kills % 10 == 0:
                    print(f"{run.ends.kills} kills", file=sys.stderr, flush=True)
        except Difference as difference:
            raise Difference(f"kill {run.ends.kills}: {difference}") from difference
        finally:
            run.close()
        return run.result()


def main() -> int:
    """Run and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=200, help="kills under load")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        ends = msgspec.to_builtins(kill(options.count, options.seed, say=True))
    except Difference as difference:
        print(f"FAILED: {difference}")
        return 1
    print("  ".join(f"{key}={value}" for key, value in ends.items()))
    if options.json:
        options.json.write_text(json.dumps(ends, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
