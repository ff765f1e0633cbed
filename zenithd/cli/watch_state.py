"""What `zenithd watch` knows of an instrument: messages of the protocol applied to a picture. Pure."""

from __future__ import annotations

from collections import deque
from typing import Any

TRADES_SHOWN_MAX = 20

TOPICS = frozenset({"Security", "Levels", "Trades", "QueryTrades"})
"""What a picture is made of: three subscriptions, and the trades before."""


class InstrumentPicture:
    """One instrument as the daemon's messages describe it (zenith-websocket 3.1.2, 3.1.4, 3.1.5).

    Attributes:
        security: fields of the Security object.
        levels: price levels by their id.
        trades: newest last.
        problems: error code by topic, for what cannot be subscribed to.
        complete: topics whose first state has come, QueryTrades among them.
    """

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.security: dict[str, Any] = {}
        self.levels: dict[str, dict[str, Any]] = {}
        self.trades: deque[dict[str, Any]] = deque(maxlen=TRADES_SHOWN_MAX)
        self.problems: dict[str, str] = {}
        self.complete: set[str] = set()

    @property
    def is_complete(self) -> bool:
        """True once each topic has sent its state, or has refused."""
        return self.complete | set(self.problems) >= TOPICS

    def side(self, side: str) -> list[dict[str, Any]]:
        """The levels of `Bid` or `Ask`, best first; a level without price (all the rest) is last."""
        levels = [level for level in self.levels.values() if level.get("Side") == side]
        priced = [level for level in levels if level.get("Price") is not None]
        priced.sort(key=lambda level: float(level["Price"]), reverse=side == "Bid")
        return priced + [level for level in levels if level.get("Price") is None]

    def apply(self, topic: str, data: Any) -> int:
        """Apply a data message of `Security`, `Levels` or `Trades`; return how many changes it held."""
        self.complete.add(topic)
        self.problems.pop(topic, None)
        if topic == "Security":
            self.security.update(data)
            return 1
        for change in data:
            if topic == "Levels":
                self._apply_level(change)
            else:
                self._apply_trade(change)
        return len(data)

    def _apply_level(self, change: dict[str, Any]) -> None:
        level = change.get("Level") or {}
        operation = change["O"]
        if operation == "C":
            self.levels.clear()
        elif operation == "R":
            self.levels.pop(level["ID"], None)
        elif operation == "A":
            self.levels[level["ID"]] = dict(level)
        elif operation == "U" and level["ID"] in self.levels:
            self.levels[level["ID"]].update(level)

    def _apply_trade(self, change: dict[str, Any]) -> None:
        operation, trade = change["O"], change.get("Trade")
        if operation == "A" and trade is not None:
            self.trades.append(dict(trade))
        elif operation == "U" and trade is not None:
            for known in self.trades:
                if known["ID"] == trade["ID"]:
                    known.update(trade)

    def apply_history(self, changes: list[dict[str, Any]]) -> None:
        """Put the answer of QueryTrades before the trades that came meanwhile."""
        self.complete.add("QueryTrades")
        seen = {trade["ID"] for trade in self.trades}
        older = [change["Trade"] for change in changes if change["Trade"]["ID"] not in seen]
        self.trades = deque([*older, *self.trades], maxlen=TRADES_SHOWN_MAX)


class Rate:
    """Counts events and says how many came in the last whole second."""

    def __init__(self) -> None:
        self.total = 0
        self.per_second = 0
        self._second = 0
        self._count = 0

    def add(self, count: int, now: float) -> None:
        """Count events at `now`, in seconds of a clock that does not go back."""
        self._turn(now)
        self.total += count
        self._count += count

    def at(self, now: float) -> int:
        """Events in the whole second before the present one."""
        self._turn(now)
        return self.per_second

    def _turn(self, now: float) -> None:
        second = int(now)
        if second != self._second:
            self.per_second = self._count if second == self._second + 1 else 0
            self._second, self._count = second, 0
