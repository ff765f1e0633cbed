"""Orders on a real daemon with the shipped configuration, by a client that is not ours (issue 5)."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from tests.daemon.conftest import Client, DaemonProcess

ACCOUNT = "XS:0001"
MINE = {"Account": ACCOUNT}
TOPICS = ("Orders", "Balances", "Holdings", "Requests", "Transactions")


def details(side: str, price: float | None, quantity: int) -> dict[str, Any]:
    given = {
        "Exchange": "XSX",
        "Code": "XS01",
        "Side": side,
        "Style": "Market",
        "Instructions": [],
        "Type": "Market" if price is None else "Limit",
        "Quantity": quantity,
        "Validity": "UntilCancel" if price is not None else "FillAndKill",
    }
    return given if price is None else {**given, "LimitPrice": price}


def place(client: Client, side: str, price: float | None, quantity: int, **more: Any) -> dict[str, Any]:
    route = {"Algorithm": "Market", "Market": "XSX::XSX"}
    data = {**MINE, "Details": details(side, price, quantity), "Route": route, **more}
    result, errors = client.ask("Trading", "PlaceOrder", data)
    assert not errors
    return dict(result)


def query(client: Client, topic: str, **more: Any) -> list[Any]:
    found, errors = client.ask("Trading", f"Query{topic}", {**MINE, **more})
    assert not errors
    return list(found)


def until_order(client: Client, order_id: str, status: str) -> dict[str, Any]:
    """The order as the subscription tells it, once it has a status."""
    while True:
        for record in client.next_data(f"Orders!{ACCOUNT}"):
            order = record.get("Order", {})
            if order.get("ID") == order_id and order["Status"] == status:
                return dict(order)


def test_orders_from_the_click_to_the_exchange_and_over_a_crash(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            assert client.log_in()["Result"] == "Success"
            (accounts,) = client.subscribe("Accounts", "Trading")
            assert [each["ID"] for each in accounts] == [f"XS:{number:04}" for number in range(1, 11)]
            begins = {topic: client.subscribe(f"{topic}!{ACCOUNT}", "Trading") for topic in TOPICS}
            assert begins["Orders"] == [[{"O": "C", "Account": ACCOUNT}]]
            statuses, _ = client.ask("Trading", "QueryOrderStatuses", {"Provider": "OMS"})
            completed = {each["Code"] for each in statuses if "Completed" in each["Reason"]}

            # Both markets take orders, so that there is a better one to pick (4.C).
            second = place(client, "Bid", 0.05, 1, Route={"Algorithm": "Market", "Market": "XSY::XSY"})
            assert second["Result"] == "Success", second
            second = until_order(client, second["Order"]["ID"], "OnMarket")
            assert (second["Exchange"], second["TradingMarket"]) == ("XSX", "XSY::XSY")
            symbol = {"Market": "XSY", "Code": "XS01"}
            while second["DepthOrderID"] not in [
                each["Order"]["ID"]
                for each in client.ask("Market", "QueryDepthFull", symbol)[0]
                if each["O"] == "A"
            ]:
                pass  # its depth has its own way to the client
            cancelled, _ = client.ask("Trading", "CancelOrder", {**MINE, "OrderID": second["ID"]})
            assert cancelled["Result"] == "Success", cancelled
            until_order(client, second["ID"], "Cancelled")

            # It rests, is amended and cancelled.
            resting = place(client, "Bid", 0.05, 100)
            assert resting["Result"] == "Success", resting
            order_id = resting["Order"]["ID"]
            until_order(client, order_id, "OnMarket")
            amended, errors = client.ask(
                "Trading",
                "AmendOrder",
                {**MINE, "OrderID": order_id, "Details": details("Bid", 0.05, 150), "Flags": []},
            )
            assert (amended["Result"], amended["Order"]["ID"], errors) == ("Success", order_id, [])
            while until_order(client, order_id, "OnMarket")["Details"]["Quantity"] != 150:
                pass
            data = {**MINE, "OrderID": order_id, "Flags": []}
            cancelled, errors = client.ask("Trading", "CancelOrder", data)
            assert (cancelled["Result"], errors) == ("Success", [])
            until_order(client, order_id, "Cancelled")

            # It trades: cash and holdings follow.
            bought = place(client, "Bid", None, 10, RequestID="buy")
            assert bought["Result"] == "Success", bought
            order = until_order(client, bought["Order"]["ID"], "Filled")
            assert order["ExecutedQuantity"] == 10
            assert "Filled" in completed
            (transaction,) = [
                record["Transaction"] for record in client.next_data(f"Transactions!{ACCOUNT}")[:1]
            ]
            assert transaction["OrderID"] == order["ID"]
            (holding,) = query(client, "Holdings", Exchange="XSX", Code="XS01")
            assert holding["TotalQuantity"] == 1_010
            balances = {each["Type"]: each["Amount"] for each in query(client, "Balances")}
            assert balances["NonTrading"] == -order["CurrentValue"]
            assert balances["Trading"] == 10_000 - order["CurrentValue"]

            # It is refused for funds, and for holdings.
            assert "TotalValue.Balance" in place(client, "Bid", 0.05, 900_000)["Errors"]
            assert "TotalQuantity.Holdings" in place(client, "Ask", 100.0, 1_011)["Errors"]
            assert client.refused("Orders!ZZ:1", "Trading") == "Account.NotFound ZZ:1"

            left = place(client, "Bid", 0.06, 50)["Order"]["ID"]
            until_order(client, left, "OnMarket")
            shown = ("Orders", "Balances", "Holdings", "Transactions")
            before = {topic: query(client, topic) for topic in shown}
        daemon.stop(signal.SIGKILL)
    with DaemonProcess(tmp_path) as daemon:
        daemon.wait_ready()
        with daemon.client("ZenithMsgPack") as client:
            client.log_in()
            for topic, records in before.items():
                found = query(client, topic)
                changed = [
                    (name, new.get(name), old[name])
                    for new, old in zip(found, records, strict=True)
                    for name in old
                    if name != "UpdatedDate" and new.get(name) != old[name]  # the exchange tells it again
                ]
                assert changed == [], topic
            again = place(client, "Bid", None, 10, RequestID="buy")
            assert (again["Result"], again["Order"]["ID"]) == ("Success", order["ID"])
            client.subscribe(f"Orders!{ACCOUNT}", "Trading")
            data = {**MINE, "OrderID": left}
            assert client.ask("Trading", "CancelOrder", data)[0]["Result"] == "Success"
            until_order(client, left, "Cancelled")
