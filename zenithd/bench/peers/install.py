"""Install the peers of the bench, at pinned versions, into a folder of their own; needs no rights.

Run as `python -m zenithd.bench.peers.install [FOLDER]`; by default `$XDG_CACHE_HOME/zenithd/peers`, where
`zenithd bench fanout --peers` looks for them. What is there already is left as it is.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from zenithd.bench.peers import (
    NATS_REQUIREMENT,
    PYTHON_PEERS,
    WS_VERSION,
    available,
    default_folder,
    interpreter,
)


def commands(folder: Path) -> Iterator[list[str]]:
    """What is run, in this order; each of them may fail without harm to the others."""
    python = str(interpreter(folder))
    if not interpreter(folder).exists():
        yield [sys.executable, "-m", "venv", str(folder / "venv")]
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for peer in PYTHON_PEERS:
        yield [*pip, *peer.requirements]
    yield [*pip, NATS_REQUIREMENT]
    if shutil.which("npm"):
        # its optional compiled parts would only speed up what clients send
        yield ["npm", "install", "--prefix", str(folder), "--no-save", "--ignore-scripts", f"ws@{WS_VERSION}"]
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        yield ["apt-get", "download", "nats-server"]


def run(command: list[str], folder: Path) -> bool:
    """Run it in the folder; say what went wrong."""
    print("$", *command, flush=True)
    try:
        subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        )
    except subprocess.CalledProcessError as error:
        print(error.stdout, file=sys.stderr)
        return False
    except OSError as error:  # no such program: what should have made it has failed before
        print(error, file=sys.stderr)
        return False
    return True


def unpack(folder: Path) -> None:
    """Put Debian's package where `available` looks; it needs nothing but its one program."""
    for package in folder.glob("nats-server_*.deb"):
        run(["dpkg-deb", "-x", str(package), str(folder / "nats")], folder)
        package.unlink()


def main(arguments: list[str] | None = None) -> int:
    """Install; return 1 if something is missing in the end."""
    parser = argparse.ArgumentParser(description="Install the peers of `zenithd bench fanout --peers`.")
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    folder: Path = parser.parse_args(arguments).folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for command in commands(folder):
        run(command, folder)
    unpack(folder)
    recipes, absent = available(folder)
    for recipe in recipes:
        print("installed:", recipe.name)
    for line in absent:
        print(line, file=sys.stderr)
    return bool(absent)


if __name__ == "__main__":
    sys.exit(main())
