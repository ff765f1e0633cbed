"""`zenithd init`: write a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zenithd.cli.common import DEFAULT_CONFIG, ConfigOption, OperatorFault, examples
from zenithd.config.reference import config_text
from zenithd.plugin_loading import bundled_structs

EPILOG = examples("zenithd init", "zenithd init --config market/config.toml", "zenithd init --force")


def init(
    config: ConfigOption = DEFAULT_CONFIG,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
) -> None:
    """Write a configuration file with every setting explained: the demonstration, ready to run."""
    mode = "w" if force else "x"
    try:
        config.parent.mkdir(parents=True, exist_ok=True)
        with config.open(mode, encoding="utf-8") as file:
            file.write(config_text(bundled_structs()))
    except FileExistsError:
        raise OperatorFault(f"{config} exists; use --force to overwrite it") from None
    except OSError as error:
        raise OperatorFault(f"{config} cannot be written: {error.strerror}") from None
    typer.echo(f'Wrote {config}. Start the daemon with "zenithd run{_option(config)}".')


def _option(config: Path) -> str:
    return "" if config == DEFAULT_CONFIG else f" --config {config}"
