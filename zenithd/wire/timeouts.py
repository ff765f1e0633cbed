"""Time-outs of one connection, per controller: Configure and QueryConfigure (zenith-websocket 1.2, 2.3)."""

from __future__ import annotations

from typing import Any

from zenithd.wire.answer import Answer
from zenithd.wire.dates import NANOSECONDS, InvalidDate, format_span, parse_span
from zenithd.wire.errors import DATA_DESERIALISE
from zenithd.wire.settings import SessionSettings


class Timeouts:
    """Seconds until an unanswered request or Sub is answered with `Operation.Timeout`."""

    __slots__ = ("_configured", "_settings")

    def __init__(self, settings: SessionSettings) -> None:
        self._configured: dict[str, tuple[float, float]] = {}
        self.use(settings)

    def use(self, settings: SessionSettings) -> None:
        """Take changed defaults over; what the client configured stays."""
        self._settings = settings

    def action(self, controller: str) -> float:
        """For requests to a controller."""
        configured = self._configured.get(controller)
        return self._settings.action_timeout_seconds if configured is None else configured[0]

    def subscription(self, controller: str) -> float:
        """For Subs to a controller."""
        configured = self._configured.get(controller)
        return self._settings.subscription_timeout_seconds if configured is None else configured[1]

    def configure(self, controller: str, data: Any) -> Answer:
        """Set both time-outs of a controller; one that is omitted becomes the default again.

        A value that is not a span, zero, or longer than the maximum changes nothing: `Data.Deserialise`.
        """
        if data is None:
            data = {}
        if not isinstance(data, dict):
            return Answer(errors=(DATA_DESERIALISE,))
        try:
            action = self._seconds(data.get("ActionTimeout"), self._settings.action_timeout_seconds)
            subscription = self._seconds(
                data.get("SubscriptionTimeout"), self._settings.subscription_timeout_seconds
            )
        except InvalidDate:
            return Answer(errors=(DATA_DESERIALISE,))
        self._configured[controller] = (action, subscription)
        return Answer()

    def _seconds(self, span: Any, default: float) -> float:
        if span is None:
            return default
        if not isinstance(span, str):
            raise InvalidDate("a span is text")
        seconds = parse_span(span) / NANOSECONDS
        seconds_max = self._settings.timeout_seconds_max
        if not 0 < seconds <= seconds_max:
            raise InvalidDate(f"a time-out is above zero and at most {seconds_max} s")
        return seconds

    def describe(self, controller: str) -> Answer:
        """Both time-outs of a controller as QueryConfigure shows them."""
        return Answer(
            {
                "ActionTimeout": _span_text(self.action(controller)),
                "SubscriptionTimeout": _span_text(self.subscription(controller)),
            }
        )


def _span_text(seconds: float) -> str:
    return format_span(round(seconds * NANOSECONDS))
