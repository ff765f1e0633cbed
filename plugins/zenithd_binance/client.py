"""The venue's REST interface, within its limits, and the messages that subscribe its streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import httpx2
import msgspec
import trio

from zenithd.plugin import VenueUnavailable
from zenithd_binance.weight_limit import WeightLimit

WAIT_SECONDS_MAX = 5.0
"""A request waits so long for its turn; a longer wait is told to the caller instead."""
BLOCK_SECONDS = 60.0
"""Pause after a refusal that names none."""
_TOO_MANY = frozenset({418, 429})
_FIREWALL = 403
_RESTRICTED = 451


class Interface(msgspec.Struct, frozen=True):
    """What differs between the REST interfaces of the two markets. Weights: by the largest `limit` first."""

    prefix: str
    information_weight: int
    information_parameters: Mapping[str, str | int]
    depth_weights: tuple[tuple[int, int], ...]
    kline_weights: tuple[tuple[int, int], ...]

    @property
    def kline_rows_max(self) -> int:
        """Rows that one request of klines brings at most."""
        return self.kline_weights[-1][0]


SPOT_INTERFACE = Interface(
    prefix="/api/v3",
    information_weight=20,
    information_parameters={"showPermissionSets": "false"},  # they are three quarters of the answer
    depth_weights=((100, 5), (500, 25), (1000, 50), (5000, 250)),
    kline_weights=((1000, 2),),
)
USDM_INTERFACE = Interface(
    prefix="/fapi/v1",
    information_weight=1,
    information_parameters={},
    depth_weights=((50, 2), (100, 5), (500, 10), (1000, 20)),
    kline_weights=((99, 1), (499, 2), (1000, 5), (1500, 10)),
)


class RestClient:
    """Asks the REST interface of one market.

    Args:
        http: the daemon's HTTP client.
        base_url: scheme and host.
        interface: which market's interface it is.
        weight_per_minute_max: part of the venue's limit that is used.
        request_seconds_max: for one request, whole.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
        base_url: str,
        interface: Interface,
        weight_per_minute_max: int,
        request_seconds_max: float = 10.0,
    ) -> None:
        self.interface = interface
        self.limit = WeightLimit(weight_per_minute_max)
        self._http = http
        self._base_url = base_url.rstrip("/") + interface.prefix
        self._request_seconds_max = request_seconds_max

    async def exchange_information(self) -> bytes:
        """Everything that is listed."""
        interface = self.interface
        return await self._get(
            "/exchangeInfo", interface.information_parameters, interface.information_weight
        )

    async def depth(self, symbol: str, levels: int) -> bytes:
        """The book of a symbol, at most `levels` per side."""
        weight = _weight(self.interface.depth_weights, levels)
        return await self._get("/depth", {"symbol": symbol, "limit": levels}, weight)

    async def klines(self, symbol: str, interval: str, limit: int, end: int | None = None) -> bytes:
        """The newest `limit` klines that begin at or before `end` (ms since the epoch)."""
        parameters: dict[str, str | int] = {"symbol": symbol, "interval": interval, "limit": limit}
        if end is not None:
            parameters["endTime"] = end
        return await self._get("/klines", parameters, _weight(self.interface.kline_weights, limit))

    async def _get(self, path: str, parameters: Mapping[str, str | int], weight: int) -> bytes:
        """GET within the limits.

        Raises:
            VenueUnavailable: no answer, a refusal, or no room within the limits soon; carries the pause that
                the venue, or its limit, demands.
        """
        await self._wait_turn(weight)
        url = self._base_url + path
        try:
            with trio.fail_after(self._request_seconds_max):
                answer = await self._http.get(url, params=dict(parameters))
        except trio.TooSlowError:
            raise VenueUnavailable(f"{url}: no answer within {self._request_seconds_max:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as problem:
            raise VenueUnavailable(f"{url}: {type(problem).__name__} {problem}".strip()) from problem
        self._observe(answer)
        if answer.status_code != httpx2.codes.OK:
            raise self._refusal(url, answer)
        return answer.content

    async def _wait_turn(self, weight: int) -> None:
        deadline = trio.current_time() + WAIT_SECONDS_MAX
        while seconds := self.limit.take(weight, trio.current_time()):
            if trio.current_time() + seconds > deadline:
                blocked = self.limit.blocked_seconds(trio.current_time())
                reason = "the venue demands a pause" if blocked else "the request limit is used up"
                raise VenueUnavailable(f"{reason}: {seconds:.0f} s", seconds)
            await trio.sleep(seconds)

    def _observe(self, answer: httpx2.Response) -> None:
        used = answer.headers.get("X-MBX-USED-WEIGHT-1M", "")
        if used.isascii() and used.isdecimal():
            self.limit.observe(int(used), trio.current_time())

    def _refusal(self, url: str, answer: httpx2.Response) -> VenueUnavailable:
        status = answer.status_code
        text = " ".join(answer.text[:200].split())
        seconds: float | None = None
        if status in _TOO_MANY or status == _FIREWALL:
            seconds = _retry_after(answer.headers.get("Retry-After", ""))
            self.limit.block(seconds, trio.current_time())
        if status == _RESTRICTED:
            text = f"the venue does not serve this location; another rest_url may: {text}"
        return VenueUnavailable(f"{url}: status {status} {text}".strip(), seconds)


def _retry_after(header: str) -> float:
    """Seconds of a Retry-After header, at most the three days that the longest ban takes."""
    if header.isascii() and header.isdecimal() and len(header) <= 6:
        return float(header)
    return BLOCK_SECONDS


def _weight(weights: Sequence[tuple[int, int]], limit: int) -> int:
    return next((weight for limit_max, weight in weights if limit <= limit_max), weights[-1][1])


def control_message(method: str, streams: Iterable[str], request: int) -> bytes:
    """A SUBSCRIBE or UNSUBSCRIBE message with the id that its answer will carry."""
    return msgspec.json.encode({"method": method, "params": list(streams), "id": request})
