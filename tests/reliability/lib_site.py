"""Plugins for a daemon under test, without installing anything: a folder that Python is told to look into."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def install_plugins(folder: Path, modules: Mapping[str, str]) -> dict[str, str]:
    """Put modules of this package where a daemon finds them as plugins; return the environment that does.

    `modules`: module of this package by plugin name.
    """
    site = folder / "site"
    for name, module in modules.items():
        information = site / f"{name}-1.0.0.dist-info"
        information.mkdir(parents=True, exist_ok=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
        (information / "entry_points.txt").write_text(f"[zenithd.plugins]\n{name} = {name}_plugin\n")
        shutil.copy(Path(__file__).with_name(f"{module}.py"), site / f"{name}_plugin.py")
    return {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}


def configuration(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of a configuration file; JSON values of these kinds are TOML values too."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
        for name, keys in sections.items()
    )
