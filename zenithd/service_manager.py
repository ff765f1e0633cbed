"""Tells systemd how the daemon is (sd_notify): ready, reloading, stopping, and that the loop turns.

The protocol is one datagram of `NAME=value` lines to the socket that `$NOTIFY_SOCKET` names; see
sd_notify(3) and sd_watchdog_enabled(3). Where the variable is absent, nothing is sent.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog
import trio

SIGNS_PER_PERIOD = 3
"""Signs of life in the time after which systemd takes the daemon for dead; it advises two or more."""

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class ServiceManager:
    """The service manager that started the process, if it wants to be told.

    Args:
        environment: of the process.
        process: its number; a sign of life that is asked of another process is not given.
    """

    def __init__(self, environment: Mapping[str, str], process: int) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._socket: socket.socket | None = None
        self.watchdog_seconds = _watchdog_seconds(environment, process)
        """A daemon that gives no sign of life for so long is ended and started again; None: never."""

    @property
    def is_there(self) -> bool:
        """True if somebody wants to be told."""
        return self._address is not None

    def ready(self, status: str) -> None:
        """The daemon serves; `status` is one line for `systemctl status`."""
        self._tell("READY=1", f"STATUS={status}")

    def stopping(self) -> None:
        """The daemon ends."""
        self._tell("STOPPING=1", "STATUS=stopping")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Around reading the configuration again; it is over when this ends, taken over or not."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={microseconds}")
        try:
            yield
        finally:
            self._tell("READY=1")

    async def run_watchdog(self) -> None:
        """Give signs of life from the loop, so that they stay out when it does not turn; until cancelled."""
        if not self.is_there or self.watchdog_seconds is None:
            return
        while True:
            self._tell("WATCHDOG=1")
            await trio.sleep(self.watchdog_seconds / SIGNS_PER_PERIOD)

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            # It reads slowly or is gone; that is no reason to hold the loop or to end.
            log.warning("the service manager was not told", message=lines[0], error=str(error))


def _address(text: str) -> str | None:
    """The socket's address; a leading @ stands for the abstract name space. Others (vsock) are not used."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _watchdog_seconds(environment: Mapping[str, str], process: int) -> float | None:
    wanted_of = environment.get("WATCHDOG_PID", str(process))
    microseconds = environment.get("WATCHDOG_USEC", "")
    if wanted_of != str(process) or not microseconds.isdigit() or microseconds == "0":
        return None
    return int(microseconds) / 1_000_000


def of_this_process() -> ServiceManager:
    """The manager named in the environment; its variables are taken out, since they are for us alone and
    not for what a plugin starts."""
    names = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")
    environment = {name: os.environ.pop(name) for name in names if name in os.environ}
    return ServiceManager(environment, os.getpid())
