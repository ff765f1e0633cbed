"""The rules that the configuration asks for: finds and reads their files."""

from __future__ import annotations

from collections.abc import Sequence
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


def rule_files(config: Config) -> list[Path]:
    """The files that the configuration names."""
    return [config.source.directory / name for name in config.vetting.files]


def configured_sources(config: Config) -> list[Source]:
    """The texts of the rules that orders must pass, the stock ones first.

    Raises:
        ConfigError: a file cannot be read.
    """
    sources = [stock_source()]
    for path in rule_files(config):
        try:
            sources.append(read_source(path))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            raise config.error(
                "vetting.files", "files of rules that can be read", f"look at {path}: {reason}"
            ) from None
    return sources


def compiled(sources: Sequence[Source], settings: VettingSettings) -> RuleSets:
    """The rules of these texts.

    Raises:
        InvalidRules: they cannot be used.
    """
    return load(sources, limits_of(settings), without_sets_of=() if settings.stock else (STOCK,))


def configured_rules(config: Config) -> RuleSets:
    """The rules that orders must pass.

    Raises:
        ConfigError: a file cannot be read.
        InvalidRules: the rules cannot be used.
    """
    return compiled(configured_sources(config), config.vetting)
