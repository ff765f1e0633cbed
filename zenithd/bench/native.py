"""Compiles the bench's C programs on the spot, once for each version of their source."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

COMPILERS = ("cc", "gcc", "clang")


class CannotMeasure(Exception):
    """Something that the bench needs is missing on this machine; the text says what to do."""


def compiled(name: str) -> Path:
    """The program made of `native/<name>.c`.

    Raises:
        CannotMeasure: there is no C compiler, or it failed.
    """
    source = files("zenithd.bench").joinpath("native", f"{name}.c").read_bytes()
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zenithd"
    program = folder / f"{name}-{hashlib.sha256(source).hexdigest()[:16]}"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _compile(source, program)
    return program


def _compile(source: bytes, program: Path) -> None:
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise CannotMeasure("the bench needs a C compiler (cc, gcc or clang): install one and try again")
    with tempfile.TemporaryDirectory(dir=program.parent) as folder:
        made = Path(folder) / "program"
        result = subprocess.run(
            [compiler, "-O2", "-x", "c", "-", "-o", str(made)], input=source, capture_output=True, check=False
        )
        if result.returncode:
            raise CannotMeasure(f"{compiler} failed: {result.stderr.decode(errors='replace').strip()}")
        made.replace(program)  # in one step: another bench may be doing the same
