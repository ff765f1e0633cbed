"""Logging: one line each, the same ids everywhere, nothing secret, nothing that makes a log call fail."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from zenithd.config import LoggingSettings
from zenithd.logs import CHATTY, SELF_FEEDING, configure_logs, set_level


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in (*CHATTY, SELF_FEEDING):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(False)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def configured(stream: io.StringIO, **settings: Any) -> structlog.stdlib.BoundLogger:
    configure_logs(LoggingSettings(**settings), stream)
    log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("zenithd.test")
    return log


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    log = configured(stream)
    structlog.contextvars.bind_contextvars(connection=7, request=3)
    log.bind(plugin="demo").warning("it happened", count=2)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "it happened",
        "level": "warning",
        "logger": "zenithd.test",
        "connection": 7,
        "request": 3,
        "plugin": "demo",
        "count": 2,
    }


def test_readable_on_a_terminal_or_when_asked() -> None:
    for stream, settings in ((Terminal(), {}), (io.StringIO(), {"format": "console"})):
        configured(stream, **settings).info("it happened", count=2)
        assert "it happened" in stream.getvalue()
        assert "{" not in stream.getvalue()


def test_json_on_a_terminal_when_asked() -> None:
    stream = Terminal()
    configured(stream, format="json").info("it happened")
    assert lines(stream)[0]["event"] == "it happened"


def test_libraries_come_the_same_way_with_the_same_ids() -> None:
    stream = io.StringIO()
    configured(stream)
    structlog.contextvars.bind_contextvars(connection=7)
    logging.getLogger("some.library").warning("took %d s", 5, extra={"host": "x"})
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["connection"], line["host"]) == (
        "took 5 s",
        "some.library",
        7,
        "x",
    )


def test_level_holds_and_can_change() -> None:
    stream = io.StringIO()
    log = configured(stream, level="warning")
    log.info("one")
    set_level("debug")
    log.debug("two")
    set_level("error")
    log.warning("three")
    assert [line["event"] for line in lines(stream)] == ["two"]


def test_chatty_libraries_are_heard_only_at_debug() -> None:
    stream = io.StringIO()
    configured(stream)
    logging.getLogger("httpx2").info("one")
    logging.getLogger("httpx2").warning("two")
    set_level("debug")
    logging.getLogger("httpx2").info("three")
    logging.getLogger("watchfiles.main").info("a log file changed")
    assert [line["event"] for line in lines(stream)] == ["two", "three"]


def test_secrets_are_hidden() -> None:
    stream = io.StringIO()
    configured(stream).info("login", user="anna", password="swordfish", access_token="abc")
    assert "swordfish" not in stream.getvalue()
    assert lines(stream)[0]["user"] == "anna"
    assert lines(stream)[0]["access_token"] == "(hidden)"


def fail(hidden: str) -> None:
    raise RuntimeError(len(hidden))


@pytest.mark.parametrize("shape", ["json", "console"])
def test_local_variables_stay_out_of_tracebacks(shape: str) -> None:
    stream = io.StringIO()
    log = configured(stream, format=shape)
    try:
        fail(hidden="sword" + "fish")
    except RuntimeError:
        log.exception("it failed")
    assert "RuntimeError" in stream.getvalue()
    assert "swordfish" not in stream.getvalue()


@pytest.mark.parametrize("value", [2**70, "\ud800", b"\xff", {1: 2}, object(), float("nan"), {1, 2}])
def test_any_value_can_be_logged(value: Any) -> None:
    stream = io.StringIO()
    configured(stream).info("it happened", value=value)
    assert lines(stream)[0]["event"] == "it happened"
