"""Logging: structlog for everything, readable on a terminal and JSON elsewhere.

The ids `connection`, `plugin` and `request` are context variables (`structlog.contextvars`), bound where a
task begins; they follow it through tasks and threads, also into the lines of libraries that use the standard
library's logging.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog

from zenithd.config import LoggingSettings

CHATTY = ("httpx2", "httpcore2", "trio-websocket", "hpack")
"""Libraries that tell every request or frame at INFO; they are heard only at debug."""

SELF_FEEDING = "watchfiles"
"""Heard only from WARNING on: it tells of every changed file, a log file in a watched folder among them."""

_SECRET_KEYS = frozenset({"password", "client_secret", "token", "access_token", "authorization"})


def configure_logs(settings: LoggingSettings, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logging to a stream (by default standard error)."""
    stream = sys.stderr if stream is None else stream
    is_readable = settings.format == "console" or (settings.format == "auto" and stream.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _time_stamper(is_readable),
        _hide_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_readable(stream) if is_readable else _machine_readable()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.captureWarnings(True)
    set_level(settings.level)


def set_level(level: str) -> None:
    """Change the least level that is written, also while the daemon runs."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger().setLevel(number)
    logging.getLogger(SELF_FEEDING).setLevel(logging.WARNING)
    for name in CHATTY:
        logging.getLogger(name).setLevel(number if number <= logging.DEBUG else max(number, logging.WARNING))


def _time_stamper(is_readable: bool) -> structlog.typing.Processor:
    """The wall clock for people, UTC with date for machines."""
    if is_readable:
        return structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False)
    return structlog.processors.TimeStamper(fmt="iso", utc=True)


def _readable(stream: TextIO) -> list[structlog.typing.Processor]:
    plain = structlog.dev.plain_traceback  # the pretty one shows local variables, passwords among them
    return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]


def _machine_readable() -> list[structlog.typing.Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_to_json)]


def _hide_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in _SECRET_KEYS & event.keys():
        event[key] = "(hidden)"
    return event


def _to_json(event: Any, default: Any = None, **options: Any) -> str:
    """One line of JSON for any event: a log call must never fail for what it tells."""
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # lone surrogates from a peer, integers beyond 64 bits
        return json.dumps(event, default=repr)
