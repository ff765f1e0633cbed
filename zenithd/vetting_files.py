"""The rules that the configuration asks for: finds and reads their files."""

from __future__ import annotations

from pathlib import Path

import zenithd.vetting
from zenithd.config import Config, VettingSettings
from zenithd.vetting import RuleSets, Source, VettingLimits, load

STOCK = "stock.vortex"
"""The stock rules' file, and the name that errors and explanations give it."""


def stock_source() -> Source:
    """The stock rules, which come with zenithd."""
    return Source(STOCK, Path(zenithd.vetting.__file__).with_name(STOCK).read_text("utf-8"))


def read_source(path: Path) -> Source:
    """A file of rules.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is no UTF-8.
    """
    return Source(str(path), path.read_text("utf-8"))


def limits_of(settings: VettingSettings) -> VettingLimits:
    """The limits of the configuration."""
    return VettingLimits(
        settings.text_characters_max,
        settings.statements_max,
        settings.list_items_max,
        settings.depth_max,
        settings.cost_max,
    )


def configured_rules(config: Config) -> RuleSets:
    """The rules that orders must pass.

    Raises:
        ConfigError: a file cannot be read.
        InvalidRules: the rules cannot be used.
    """
    settings = config.vetting
    sources = [stock_source()]
    for name in settings.files:
        path = config.source.directory / name
        try:
            sources.append(read_source(path))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            raise config.error(
                "vetting.files", "files of rules that can be read", f"look at {path}: {reason}"
            ) from None
    return load(sources, limits_of(settings), without_sets_of=() if settings.stock else (STOCK,))
