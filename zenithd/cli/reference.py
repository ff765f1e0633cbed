"""`python -m zenithd.cli.reference`: rewrite config.toml and docs/configuration.md after a setting changed.

For whoever works on zenithd; a test compares the files with what this writes.
"""

from __future__ import annotations

from pathlib import Path

from zenithd.cli.plugin_loading import bundled_structs
from zenithd.config.reference import config_text, configuration_page


def reference_files() -> dict[str, str]:
    """The generated files: contents by path from the root of the repository."""
    structs = bundled_structs()
    return {"config.toml": config_text(structs), "docs/configuration.md": configuration_page(structs)}


def main(root: Path = Path()) -> None:
    """Write the files below `root`."""
    for name, content in reference_files().items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content)


if __name__ == "__main__":
    main()
