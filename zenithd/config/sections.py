"""The plugins' sections: read for the plugin manager, and compared with what is installed."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import TypeVar

import msgspec

from zenithd.config.errors import ConfigError
from zenithd.config.load import Config

S = TypeVar("S", bound=msgspec.Struct)


class SectionReader:
    """Parses plugins' sections, as the plugin manager wants it, and remembers what was wrong with them.

    Attributes:
        problems: all mistakes in the sections that were read. An operator's mistake stops a start; a broken
            plugin does not.
    """

    def __init__(self, config: Config) -> None:
        self.problems: list[ConfigError] = []
        self._config = config

    def __call__(self, name: str, struct: type[S], /) -> S:
        """As `Config.parse_section`."""
        section, problems = self._config.inspect_section(name, struct)
        self.problems += problems
        if section is None:
            raise problems[0]
        return section


def unknown_sections(config: Config, installed: Collection[str]) -> list[ConfigError]:
    """One error for each section that enables a plugin which is not installed."""
    problems = []
    for name, settings in config.plugins.items():
        if settings.enabled and name not in installed:
            nearest = difflib.get_close_matches(name, installed, n=1)
            remedy = f'did you mean "{nearest[0]}"?' if nearest else "install it or set enabled = false"
            problems.append(config.source.error(("plugins", name), "an installed plugin", remedy))
    return problems
