"""`python -m zenithd.cli.reference`: rewrite what is generated in the repository, after a setting changed.

That is config.toml, docs/configuration.md and the table of metrics in docs/operating.md. For whoever works on
zenithd; a test compares the files with what this writes.
"""

from __future__ import annotations

from pathlib import Path

from zenithd.config.reference import config_text, configuration_page
from zenithd.metrics import all_metrics
from zenithd.plugin_loading import bundled_structs

METRICS_BEGIN = "<!-- metrics: begin -->\n"
METRICS_END = "<!-- metrics: end -->\n"


def reference_files(root: Path) -> dict[str, str]:
    """The generated files: contents by path from the root of the repository."""
    structs = bundled_structs()
    operating = "docs/operating.md"
    return {
        "config.toml": config_text(structs),
        "docs/configuration.md": configuration_page(structs),
        operating: with_metrics((root / operating).read_text()),
    }


def with_metrics(page: str) -> str:
    """The page with its table of metrics made anew."""
    before, _, rest = page.partition(METRICS_BEGIN)
    _, _, after = rest.partition(METRICS_END)
    rows = "".join(f"| `{name}` | {documentation} |\n" for name, documentation in all_metrics().names())
    return f"{before}{METRICS_BEGIN}| metric | |\n|---|---|\n{rows}{METRICS_END}{after}"


def main(root: Path = Path()) -> None:
    """Write the files below `root`."""
    for name, content in reference_files(root).items():
        (root / name).write_text(content)


if __name__ == "__main__":
    main()
