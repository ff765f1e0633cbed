"""The operators' REST over sockets: reads, changes, refusals, and bodies that mean harm."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

import httpx2
import pytest

from tests.oms.desk import FEED, XS1, Desk
from tests.rest.test_rest import served
from zenithd.authority.access import Access
from zenithd.controllers.trading.desk import DeskClosed
from zenithd.domain.market_data import FeedStatus
from zenithd.oms.commands import Command, Outcome
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.requests import ClientRequest
from zenithd.oms.state import OmsState
from zenithd.server.head import Peer
from zenithd.trading.operators import account_routes
from zenithd.trading.operators.routes import ALTER, OPERATOR

T = TypeVar("T")
USERS = {
    "operator": Access(user="operator", scopes=frozenset({OPERATOR, ALTER})),
    "reader": Access(user="reader", scopes=frozenset({OPERATOR})),
    "trader": Access(user="trader", scopes=frozenset({"Zenith/Trading"})),
}
ACCOUNT = {"OwnerID": "XS", "AccountID": "0001"}


class PlayedDesk:
    """A `TradingDesk` over the desk of the tests."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.closed = ""

    @property
    def state(self) -> OmsState:
        state: OmsState = self.desk.state
        return state

    def feed_status(self) -> FeedStatus:
        return FeedStatus.ACTIVE

    def is_kept(self, account: Account) -> bool:
        return True

    async def read(self, account: Account | None, take: Callable[[], T]) -> T:
        assert account is None
        if self.closed:
            raise DeskClosed(self.closed)
        return take()

    async def execute(self, command: Command) -> Outcome:
        if self.closed:
            raise DeskClosed(self.closed)
        return self.desk.do(command)

    def submit(self, command: Command, then: Callable[[Outcome | DeskClosed], None]) -> None:
        raise AssertionError("operators place no orders")

    def calculate(self, request: ClientRequest, user: str) -> Outcome:
        raise AssertionError("operators place no orders")


async def authorise(header: str, peer: Peer) -> Access | None:
    user, _, password = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
    return USERS.get(user) if password == "right" else None


class Rest:
    """What a test works with."""

    def __init__(self, client: httpx2.AsyncClient, played: PlayedDesk) -> None:
        self.client = client
        self.played = played
        self.desk = played.desk

    async def get(self, path: str, **headers: str) -> Any:
        answer = await self.client.get(f"/oms{path}", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def answer(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = await self.client.request(method, f"/oms{path}", json=body)
        return answer.status_code, answer.json() if answer.content else None

    async def balance(self) -> dict[str, Any]:
        (balance,) = await self.get("/balance/for/XS/0001")
        return {name: balance[name] for name in ("Balance", "UnbookedTransactions", "UnfilledBuys")}


@asynccontextmanager
async def rest() -> AsyncIterator[Rest]:
    """The routes over a desk with two accounts and an exchange that is there."""
    played = PlayedDesk(Desk())
    past = {}

    async def state_at(time: int) -> OmsState:
        past["time"] = time
        return OmsState()

    routes = account_routes(played, state_at, lambda: "made-up")
    async with served(routes, authorise) as (client, _):
        yield Rest(client, played)


def cash(value: Any, transaction_id: str = "t", **more: Any) -> dict[str, Any]:
    return {
        "Transaction": {"TransactionID": transaction_id, "Account": more.pop("account", ACCOUNT)},
        "Transfer": {"Currency": "AUD", "Value": value, **more},
    }


def assets(value: Any, transaction_id: str = "t") -> dict[str, Any]:
    return {
        "Transaction": {"TransactionID": transaction_id, "Account": ACCOUNT},
        "Transfer": {"Code": "XS01", "Exchange": "XSX", "Value": value},
    }


async def test_what_there_is_can_be_read() -> None:
    async with rest() as api:
        order_id = api.desk.placed()
        accounts = await api.get("/account")
        assert [each["Account"]["AccountID"] for each in accounts] == ["0001", "0002"]
        assert await api.get("/account/byid/XS") == accounts
        assert await api.get("/account/byid/XS/0001") == accounts[0]
        assert await api.get("/account/byids?id=XS/0002&id=XS/0009&id=XS/0001") == accounts[::-1]
        assert await api.answer("POST", "/account/byids", ["XS/0001", "nobody"]) == (200, accounts[:1])
        (order,) = await api.get("/order/for/XS/0001")
        assert (order["OrderID"], order["Side"]) == (order_id, "SIDE_BUY")
        for path in ("/order", "/order/for/XS", "/order/on/XSX", "/order?onlyActive=true"):
            assert await api.get(path) == [order]
        assert await api.get(f"/order/for/XS/0001/{order_id}") == order
        assert (await api.get("/order", **{"X-OMS-Compact": "true"}))[0]["Side"] == "BUY"
        assert len(await api.get("/holding")) == len(await api.get("/holding/for/XS")) == 2
        assert len(await api.get("/balance")) == len(await api.get("/balance/for/XS")) == 2
        assert [each["OwnerID"] for each in await api.get("/owner")] == ["XS"]
        assert (await api.get("/exchange/byid/XSX"))["Destinations"][0]["Route"] == FEED
        assert (await api.get(f"/feed/byid/{FEED}"))["Status"] == "CONNECTIONSTATUS_ONLINE"


async def test_completed_orders_can_be_left_out() -> None:
    async with rest() as api:
        order = api.desk.order(api.desk.placed())
        assert order.price is not None
        api.desk.fill(order.order_id, order.quantity, order.price, "T1")
        assert await api.get("/order?onlyActive=true") == []
        assert (await api.get("/order"))[0]["IsCompleted"] is True


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/account/byid/YY", "Owner"),
        ("/account/byid/XS/9999", "Account"),
        ("/order/for/YY", "Owner"),
        ("/order/for/XS/9999", "Account"),
        ("/order/for/XS/0001/none", "Order"),
        ("/order/on/YYY", "Exchange"),
        ("/owner/byid/YY", "Owner"),
        ("/exchange/byid/YYY", "Exchange"),
        ("/feed/byid/none", "Feed"),
        ("/status/request/byid/none", "Status"),
    ],
)
async def test_what_is_not_there(path: str, code: str) -> None:
    async with rest() as api:
        assert await api.answer("GET", path) == (404, [code])


async def test_the_past_is_asked_for_by_time() -> None:
    async with rest() as api:
        assert await api.get("/account?asAt=2026-11-20T10:00:00Z") == []
        assert await api.answer("GET", "/account?asAt=yesterday") == (422, ["asAt"])


async def test_definitions_are_idempotent_and_can_be_taken_back() -> None:
    async with rest() as api:
        account = {"Account": {"OwnerID": "XS", "AccountID": "0003"}, "Name": "Three"}
        before = len(api.desk.log)
        for _ in range(2):
            assert await api.answer("POST", "/account", account) == (204, None)
        assert len(api.desk.log) == before + 1
        assert await api.get("/account/byid/XS/0003") == account
        assert await api.answer("DELETE", "/account/byid/XS/0003") == (204, None)
        assert await api.answer("DELETE", "/account/byid/XS/0003") == (404, ["Account"])
        for path, body, one in (
            ("/owner", {"OwnerID": "YY", "Name": "Y"}, "/owner/byid/YY"),
            (
                "/exchange",
                {"Exchange": "YYY", "Metadata": {"a": "b"}},
                "/exchange/byid/YYY",
            ),
            ("/status/request", {"Code": "Odd", "IsNormal": True}, "/status/request/byid/Odd"),
        ):
            assert await api.answer("POST", path, body) == (204, None)
            shown = await api.get(one)
            assert {**shown, **body} == shown
            for _ in range(2):
                assert await api.answer("DELETE", one) == (204, None)
            assert (await api.answer("GET", one))[0] == 404


async def test_money_moves_once() -> None:
    async with rest() as api:
        for _ in range(2):
            assert await api.answer("POST", "/balance", cash("5.50")) == (204, None)
        assert (await api.balance())["Balance"] == 10005.5
        code = "Transaction.TransactionID"
        assert await api.answer("POST", "/balance", cash(6)) == (422, [code])
        assert await api.answer("POST", "/balance", cash(-20_000, "u")) == (422, ["TotalValue.Balance"])
        assert await api.answer("POST", "/balance", cash(1, "v", account={"AccountID": "7"})) == (
            422,
            ["Account"],
        )
        operators = [each.authorities["Operator"].identity for each in _transactions(api)]
        assert operators == ["operator"]


def _transactions(api: Rest) -> list[Any]:
    told = api.desk.state.transactions[XS1].values()
    return [each.details for each in told if each.details.transaction_id == "t"]


async def test_transfers_that_depend_on_what_is_there() -> None:
    async with rest() as api:
        assert await api.answer("POST", "/balance?only=IfZero", cash(5, "a")) == (204, None)
        assert await api.answer("POST", "/holding?only=IfZero", assets(5, "b")) == (204, None)
        assert (await api.balance())["Balance"] == 10_000
        assert await api.answer("POST", "/balance?only=IfHeld", cash(-5, "c")) == (204, None)
        assert await api.answer("POST", "/holding?only=IfHeld", assets(-5, "d")) == (204, None)
        assert (await api.balance())["Balance"] == 9_995
        assert (await api.get("/holding/for/XS/0001"))[0]["Quantity"] == 995
        assert (await api.answer("POST", "/balance?only=Perhaps", cash(5, "e")))[0] == 400


async def test_a_bulk_goes_as_far_as_it_is_not_refused() -> None:
    async with rest() as api:
        several = [cash(1, "a"), cash(-20_000, "b"), cash(1, "c")]
        assert await api.answer("POST", "/balance/bulk", several) == (422, ["TotalValue.Balance [1]"])
        assert (await api.balance())["Balance"] == 10_001
        several[1] = cash(1, "b")
        assert await api.answer("POST", "/balance/bulk", several) == (204, None)
        assert (await api.balance())["Balance"] == 10_003
        several = [assets(-1_000, "d"), assets(-1, "e")]
        assert await api.answer("POST", "/holding/bulk", several) == (422, ["TotalQuantity.Holdings [1]"])


async def test_what_is_unsettled_is_settled_once() -> None:
    async with rest() as api:
        assert await api.answer("POST", "/balance", cash(8, Settlement="Unbooked")) == (204, None)
        record = {"Owner": "XS", "Account": "0001", "Currency": "AUD", "Settle": 8}
        wrong = [{**record, "ExpectedBalance": 7}]
        assert await api.answer("POST", "/balance/settle?id=day", wrong) == (422, ["ExpectedBalance [0]"])
        for _ in range(2):
            right = [{**record, "ExpectedBalance": "8.00"}]
            assert await api.answer("POST", "/balance/settle?id=day", right) == (204, None)
        assert await api.balance() == {"Balance": 10_008, "UnbookedTransactions": 0, "UnfilledBuys": 0}


async def test_while_orders_are_not_taken_nothing_is_promised() -> None:
    async with rest() as api:
        for code in ("Retry", "Submitted"):
            api.played.closed = code
            assert await api.answer("POST", "/balance", cash(5)) == (503, [code])
            assert await api.answer("GET", "/balance") == (503, [code])


@pytest.mark.parametrize(
    ("user", "method", "path", "status"),
    [
        ("reader", "GET", "/account", 200),
        ("reader", "POST", "/account", 403),
        ("reader", "POST", "/balance", 403),
        ("reader", "POST", "/balance/bulk", 403),
        ("reader", "POST", "/balance/settle", 403),
        ("reader", "POST", "/holding", 403),
        ("reader", "POST", "/holding/bulk", 403),
        ("reader", "DELETE", "/account/byid/XS/0001", 403),
        ("reader", "DELETE", "/owner/byid/XS", 403),
        ("reader", "DELETE", "/exchange/byid/XSX", 403),
        ("reader", "DELETE", "/status/request/byid/Pending", 403),
        ("trader", "GET", "/account", 403),
        ("trader", "GET", "/balance/for/XS/0001", 403),
        ("nobody", "GET", "/order", 401),
    ],
)
async def test_rights(user: str, method: str, path: str, status: int) -> None:
    async with rest() as api:
        before = len(api.desk.log)
        answer = await api.client.request(method, f"/oms{path}", auth=(user, "right"))
        assert answer.status_code == status
        assert len(api.desk.log) == before


HOSTILE: list[tuple[str, Any, int, Any]] = [
    ("/account", {}, 400, None),
    ("/account", [], 400, None),
    ("/account", {"Account": {"OwnerID": "XS"}}, 400, None),
    ("/account", {"Account": ACCOUNT, "Colour": "red"}, 400, None),
    ("/account", {"Account": ACCOUNT, "Name": 5}, 400, None),
    ("/account", {"Account": ACCOUNT, "Name": "x" * 1001}, 400, None),
    ("/account", {"Account": ACCOUNT, "Attributes": {"k": None}}, 400, None),
    ("/account", {"Account": {"OwnerID": "XS", "AccountID": ""}}, 422, ["Account.AccountID"]),
    ("/account", {"Account": {"OwnerID": "X:S", "AccountID": "1"}}, 422, ["Account.OwnerID"]),
    ("/account", {"Account": {"OwnerID": "XS", "AccountID": "a b"}}, 422, ["Account.AccountID"]),
    ("/account", {"Account": {"OwnerID": "XS", "AccountID": "a\u0000"}}, 422, ["Account.AccountID"]),
    ("/owner", {"OwnerID": ""}, 422, ["OwnerID"]),
    ("/exchange", {"Exchange": "X X"}, 422, ["Exchange"]),
    ("/exchange", {"Exchange": "X", "Destinations": [{}]}, 400, None),
    ("/status/request", {"Code": ""}, 422, ["Code"]),
    ("/status/request", {"Code": "A", "IsNormal": 1}, 400, None),
    ("/balance", cash(None), 400, None),
    ("/balance", cash(True), 400, None),
    ("/balance", cash([]), 400, None),
    ("/balance", cash("five"), 400, None),
    ("/balance", cash("NaN"), 422, ["Transfer.Value"]),
    ("/balance", cash("Infinity"), 422, ["Transfer.Value"]),
    ("/balance", cash({"Scale": -1}), 400, None),
    ("/balance", cash({"Scale": 10**9, "Value": "AQ=="}), 400, None),
    ("/balance", cash({"Value": "A" * 4000}), 400, None),
    ("/balance", cash(1, Settlement="Perhaps"), 422, ["Transfer.Settlement"]),
    ("/balance", cash(1, Settlement=-1), 422, ["Transfer.Settlement"]),
    ("/balance", cash(1, Settlement="Settle", Pool="p"), 422, ["Transfer.Settlement a pool knows no Settle"]),
    ("/balance", cash(1, ""), 422, ["Transaction.TransactionID required"]),
    ("/balance", cash(1, Currency="aud"), 422, ["Transfer.Currency"]),
    ("/balance", cash(1, Currency="A U"), 422, ["Transfer.Currency"]),
    ("/balance", cash(1, Currency=""), 422, ["Transfer.Currency required"]),
    (
        "/balance",
        cash(1, account={"OwnerID": "XS", "AccountID": ""}),
        422,
        ["Transaction.AccountID required"],
    ),
    ("/balance/bulk", cash(1), 400, None),
    ("/balance/bulk", [cash(1), 5], 400, None),
    ("/balance/bulk", [cash(1)] * 10_001, 413, None),
    ("/balance/settle", [{"Account": "0001", "Currency": "AUD"}], 400, None),
    ("/balance/settle", [{"Account": "1", "Currency": "AUD", "Settle": "NaN"}], 422, ["Settle"]),
    ("/holding", assets("0.0000000000000000001"), 422, None),
    ("/holding", {**assets(1), "Transfer": {"Code": "", "Exchange": "XSX", "Value": 1}}, 422, None),
    ("/account/byids", "XS/0001", 400, None),
    ("/account/byids", [1], 400, None),
]


@pytest.mark.parametrize(("path", "body", "status", "codes"), HOSTILE)
async def test_hostile_bodies(path: str, body: Any, status: int, codes: Any) -> None:
    async with rest() as api:
        before = len(api.desk.log)
        found, content = await api.answer("POST", path, body)
        assert found == status, content
        if codes is not None:
            assert content == codes
        assert len(api.desk.log) == before


@pytest.mark.parametrize("value", [b"1e999999999", b"-1e-999999999", b"9" * 5000, b"1" + b"0" * 40 + b".5"])
async def test_numbers_beyond_reason(value: bytes) -> None:
    body = (
        b'{"Transaction":{"TransactionID":"t","Account":{"OwnerID":"XS","AccountID":"0001"}},'
        b'"Transfer":{"Currency":"AUD","Value":' + value + b"}}"
    )
    async with rest() as api:
        headers = {"content-type": "application/json"}
        answer = await api.client.post("/oms/balance", content=body, headers=headers)
        assert answer.status_code in (400, 422), answer.text
        assert (await api.balance())["Balance"] == 10_000


async def test_money_is_what_the_text_says() -> None:
    body = (
        b'{"Transaction":{"TransactionID":"t","Account":{"OwnerID":"XS","AccountID":"0001"}},'
        b'"Transfer":{"Currency":"AUD","Value":12345678901234567.123456}}'
    )
    async with rest() as api:
        headers = {"content-type": "application/json"}
        assert (await api.client.post("/oms/balance", content=body, headers=headers)).status_code == 204
        assert api.desk.state.balance(XS1, "AUD").balance == Decimal("12345678901244567.123456")


async def test_all_of_it_is_documented() -> None:
    async with rest() as api:
        schema = (await api.client.get("/docs/openapi.json")).json()
        operations = [(path, method) for path, item in schema["paths"].items() for method in item]
        assert len(operations) == 37
        assert all(path.startswith("/oms/") for path, _ in operations)
        refused = schema["paths"]["/oms/balance"]["post"]["responses"]
        assert {"204", "400", "401", "403", "422", "503"} <= set(refused)
