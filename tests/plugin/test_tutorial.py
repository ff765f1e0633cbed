"""The tutorial in `zenithd.plugin` is complete: its files, written out, pass their own tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import zenithd.plugin

REPOSITORY = Path(__file__).parents[2]


def blocks() -> list[str]:
    """The indented blocks of the docstring, one for each numbered step."""
    lines = (zenithd.plugin.__doc__ or "").splitlines()
    starts = [index for index, line in enumerate(lines) if line[:2] in ("1.", "2.", "3.", "4.")]
    ends = next(index for index, line in enumerate(lines) if line.startswith("What a source must know"))
    steps = [lines[first:last] for first, last in pairwise([*starts, ends])]
    return [dedent("\n".join(line for line in step if line.startswith("    ") or not line)) for step in steps]


def test_tutorial_passes_its_own_tests(tmp_path: Path) -> None:
    project, module, commands, test = blocks()
    entry_points = tomllib.loads(project)["project"]["entry-points"]
    assert entry_points == {"zenithd.plugins": {"dice": "zenithd_dice"}}
    assert "zenithd watch DIE.DICE" in commands
    (tmp_path / "zenithd_dice.py").write_text(module)
    (tmp_path / "test_dice.py").write_text(test)
    (tmp_path / "pytest.ini").write_text("[pytest]\ntrio_mode = true\n")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(tmp_path)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "10 passed" in result.stdout
