"""Open files: each connection is one, and the system limits them for each process."""

from __future__ import annotations

import resource
from pathlib import Path

FILES_BESIDE_CONNECTIONS = 200
"""Open files of the daemon that are not connections, rounded up."""

_DESCRIPTORS = Path("/proc/self/fd")


def file_limit() -> int | None:
    """Most files that this process may have open; None: as many as it likes."""
    return _finite(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def file_limit_max() -> int | None:
    """How far this process may raise that limit itself; None: as far as it likes."""
    return _finite(resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def raise_file_limit() -> None:
    """Allow as many open files as the system lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def open_files() -> int | None:
    """Number of open files; None before Linux 6.2, where all would have to be listed."""
    try:
        return _DESCRIPTORS.stat().st_size or None
    except OSError:
        return None


def connections_possible(connections_max: int, files_max: int | None) -> int:
    """Connections that can really be let in: as many as are allowed, or as fit under a limit of files."""
    if files_max is None:
        return connections_max
    return min(connections_max, max(1, files_max - FILES_BESIDE_CONNECTIONS))


def file_shortage(connections_max: int, files_max: int | None) -> str | None:
    """One line that says what to do if the limit of files is reached before that of connections."""
    possible = connections_possible(connections_max, files_max)
    if possible == connections_max:
        return None
    return (
        f"this system allows {files_max} open files, limits.connections_max wants"
        f" {connections_max + FILES_BESIDE_CONNECTIONS}; raise LimitNOFILE of the service (ulimit -Hn),"
        f" or set limits.connections_max to {possible}"
    )


def _finite(limit: int) -> int | None:
    return None if limit == resource.RLIM_INFINITY else limit
