"""One daemon per state folder: two would write over each other's history."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from zenithd.config import ConfigError

LOCK_FILE = "daemon.lock"


@contextlib.contextmanager
def lock_state(state_directory: Path) -> Iterator[None]:
    """Hold the folder, making it if need be; the kernel lets go when the process ends, however it ends.

    Raises:
        ConfigError: another daemon holds it, or the folder cannot be written.
    """
    path = state_directory / LOCK_FILE
    try:
        state_directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            str(path),
            None,
            "server.state_directory",
            "a folder that can be written",
            f"found: {error.strerror}",
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise ConfigError(
            str(path),
            None,
            "server.state_directory",
            "a state folder of its own",
            "another zenithd is using this one: stop it, or name another folder",
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)
