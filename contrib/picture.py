"""Makes the README's picture from a real run: starts the demonstration, watches it, saves what is on screen.

    .venv/bin/python contrib/picture.py

writes docs/images/watch.svg.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trio
from rich.console import Console

from zenithd.cli.watch_client import Watched, WatchSettings, watch_instruments
from zenithd.cli.watch_screen import ScreenPrinter

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "watch.svg"
SYMBOLS = ("XS01.XSX", "XS02.XSX+XSY")
SECONDS = 12.0


def main() -> None:
    """Start a daemon in an empty folder, watch it for a while, export the screen."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.toml"
        config.write_text((ROOT / "config.toml").read_text())
        daemon = subprocess.Popen(
            [sys.executable, "-m", "zenithd", "run", "--config", str(config), "--listen", "127.0.0.1:0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            picture(_address(Path(folder) / "var" / "daemon.json"))
        finally:
            daemon.terminate()
            daemon.wait()


def _address(file: Path) -> str:
    while not file.exists():
        time.sleep(0.05)
    return str(json.loads(file.read_text())["address"])


def picture(address: str) -> None:
    """Watch a daemon and save the last screen."""
    console = Console(width=152, record=True, force_terminal=False)
    settings = WatchSettings(
        url=f"ws://{address}/Zenith?version=2.0",
        symbols=SYMBOLS,
        user="demo",
        password="demo",
        verify=True,
        once=False,
        seconds=SECONDS,
    )
    with ScreenPrinter(console) as printer:
        trio.run(watch_instruments, settings, Watched(SYMBOLS), printer)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    svg = console.export_svg(title=f"zenithd watch {' '.join(SYMBOLS)}", unique_id="zenithd")
    # The exported style names a font on the web; the reader's own monospace font does as well.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    PICTURE.write_text(svg.replace("Fira Code, ", ""))
    print(f"wrote {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
