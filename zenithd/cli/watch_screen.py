"""How `zenithd watch` shows what it knows: tables that move on a terminal, or lines of JSON."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self, TextIO

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from zenithd.cli.watch_client import Watched
from zenithd.cli.watch_state import InstrumentPicture

LEVELS_SHOWN = 10
TRADES_SHOWN = 10
BAR_CELLS = 8
PANEL_WIDTH = 74

_BID, _ASK, _QUIET = "green", "red", "dim"


class LinePrinter:
    """Prints each message as it came, one line of JSON each."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def message(self, text: str) -> None:
        """Print a message."""
        self._stream.write(text + "\n")
        self._stream.flush()

    def draw(self, watched: Watched, now: float) -> None:
        """Nothing: the messages are all there is."""

    def show(self, picture: RenderableType) -> None:
        """Nothing: the messages are all there is."""


class ScreenPrinter:
    """Draws on the terminal; where there is none, the last state is printed once at the end."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = Console() if console is None else console
        self._last: RenderableType | None = None
        self._live: Live | None = None
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        elif self._last is not None and error is None:
            self._console.print(self._last)

    def message(self, text: str) -> None:
        """Nothing: the pictures hold what messages say."""

    def draw(self, watched: Watched, now: float) -> None:
        """Show the present state."""
        self.show(render(watched, now))

    def show(self, picture: RenderableType) -> None:
        """Show this in the place of what was shown before."""
        self._last = picture
        if self._live is not None:
            self._live.update(picture, refresh=True)


def render(watched: Watched, now: float) -> RenderableType:
    """Everything: a panel for each instrument and a line on the connection."""
    panels = [_render_instrument(picture) for picture in watched.pictures.values()]
    counts = (
        f"{watched.messages.at(now):,} messages/s, {watched.changes.at(now):,} changes/s, "
        f"{watched.changes.total:,} changes in all"
    )
    return Group(Columns(panels), Text(f"{watched.status}   {counts}", style=_QUIET))


def _render_instrument(picture: InstrumentPicture) -> Panel:
    decimals = _decimals(picture)
    parts: list[RenderableType] = [
        _headline(picture.security, decimals),
        _figures(picture.security, decimals),
    ]
    parts += [Text(f"{topic}: {code}", style="yellow") for topic, code in picture.problems.items()]
    parts += [_book(picture, decimals), _trades(picture, decimals)]
    title = Text(picture.symbol, style="bold")
    return Panel(Group(*parts), title=title, width=PANEL_WIDTH)


def _headline(security: dict[str, Any], decimals: int) -> Text:
    last, close = security.get("Last"), security.get("Close")
    line = Text.assemble((str(security.get("Name") or ""), "bold"), f"  {security.get('TradingState', '')}  ")
    if last is not None:
        change = f" {(last - close) / close:+.2%}" if close else ""
        colour = {"Up": _BID, "Down": _ASK}.get(str(security.get("Trend")), "")
        line.append(f"{_price(last, decimals)}{change}", style=f"bold {colour}".strip())
        line.append(f" {security.get('Currency') or ''}")
    return line


def _figures(security: dict[str, Any], decimals: int) -> Text:
    names = ("Open", "High", "Low", "Close")
    parts = [
        f"{name.lower()} {_price(security[name], decimals)}"
        for name in names
        if security.get(name) is not None
    ]
    if security.get("NumberOfTrades"):
        parts.append(f"volume {_number(security.get('Volume', 0))} in {_number(security['NumberOfTrades'])}")
    return Text("  ".join(parts), style=_QUIET, no_wrap=True, overflow="ellipsis")


def _book(picture: InstrumentPicture, decimals: int) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    bid = (("Orders", 6, _QUIET), ("Bid size", 9, _BID), ("", BAR_CELLS, _BID), ("Bid", 8, f"bold {_BID}"))
    ask = (("Ask", 8, f"bold {_ASK}"), ("", BAR_CELLS, _ASK), ("Ask size", 9, _ASK), ("Orders", 6, _QUIET))
    for name, width, style in bid:
        table.add_column(name, width=width, justify="right", style=style, no_wrap=True)
    for name, width, style in ask:
        table.add_column(name, width=width, justify="left", style=style, no_wrap=True)
    bids, asks = picture.side("Bid")[:LEVELS_SHOWN], picture.side("Ask")[:LEVELS_SHOWN]
    largest = max([float(level.get("Volume") or 0) for level in (*bids, *asks)], default=0)
    for row in range(LEVELS_SHOWN):
        bid_cells, ask_cells = (_level_cells(side, row, largest, decimals) for side in (bids, asks))
        table.add_row(*bid_cells, *reversed(ask_cells))
    return table


def _level_cells(levels: list[dict[str, Any]], row: int, largest: float, decimals: int) -> list[str]:
    if row >= len(levels):
        return [""] * 4
    level = levels[row]
    volume = level.get("Volume")
    bar = "█" * round(BAR_CELLS * float(volume or 0) / largest) if largest else ""
    hidden = "+" if level.get("HasUndisclosed") else ""
    size = "" if volume is None else f"{_number(volume)}{hidden}"
    price = "rest" if level.get("Price") is None else _price(level["Price"], decimals)
    return [_number(level.get("Count")), size, bar, price]


def _trades(picture: InstrumentPicture, decimals: int) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("Time", width=12, style=_QUIET)
    table.add_column("Price", width=12, justify="right")
    table.add_column("Quantity", width=12, justify="right")
    table.add_column("Market", width=20, style=_QUIET)
    trades = list(picture.trades)[-TRADES_SHOWN:][::-1]
    for trade in trades:
        style = {"Bid": _BID, "Ask": _ASK}.get(str(trade.get("Side")), "")
        price = "" if trade.get("Price") is None else _price(trade["Price"], decimals)
        cells = (_time(trade.get("Time")), price, _number(trade.get("Quantity")))
        table.add_row(*cells, str(trade.get("Market") or ""), style=style)
    for _ in range(TRADES_SHOWN - len(trades)):
        table.add_row("", "", "", "")
    return table


def _decimals(picture: InstrumentPicture) -> int:
    """As many as the finest price of the book has, so that prices stand under each other."""
    prices = [level["Price"] for level in picture.levels.values() if level.get("Price") is not None]
    return max(
        (len(repr(price).partition(".")[2]) for price in prices if isinstance(price, float)), default=0
    )


def _price(value: Any, decimals: int) -> str:
    return f"{value:,.{decimals}f}" if isinstance(value, int | float) else str(value)


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _time(value: Any) -> str:
    """The time of day out of an extended ISO 8601 text."""
    clock = str(value or "").partition("T")[2]
    return clock[:12].split("+")[0].split("Z")[0]


def standard_output() -> Console:
    """The terminal, or a wide page where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=2 * PANEL_WIDTH + 4)
