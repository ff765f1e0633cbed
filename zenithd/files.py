"""Files that must be whole or absent: written beside their place, synchronised, then moved into it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_private(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file that only its owner may read (0600); a crash leaves the old file or the new one.

    Makes the folder if needed. With `replace=False` a file that is there already stays as it is.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(temporary).replace(path)
        else:
            _link_new(Path(temporary), path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    _synchronise_folder(path.parent)


def _link_new(temporary: Path, path: Path) -> None:
    """Give the file its name unless the name is taken."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return


def _synchronise_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
