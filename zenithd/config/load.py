"""Reads config.toml into one frozen `Config`."""

from __future__ import annotations

import errno
import re
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from zenithd.config.about import REQUIRED_WHEN_ENABLED
from zenithd.config.convert import (
    Source,
    convert_readable,
    convert_table,
    describe,
    fields_of,
    hints_of,
    key_text,
    toml_text,
    unwrap,
)
from zenithd.config.errors import ConfigError
from zenithd.config.forms import parse_host_port
from zenithd.config.host_settings import LoggingSettings, PluginHostSettings, PluginSettings
from zenithd.config.journal_settings import JournalSettings
from zenithd.config.market_settings import HistorySettings, MarketSettings
from zenithd.config.order_settings import OrderSettings
from zenithd.config.server_settings import FanoutSettings, LimitSettings, ServerSettings
from zenithd.config.toml_lines import KeyPath, find_lines
from zenithd.config.user_settings import AuthenticationSettings, UserSettings
from zenithd.config.vetting_settings import VettingSettings
from zenithd.domain.identifiers import parse_market

S = TypeVar("S", bound=msgspec.Struct)

_LONG_NUMBER = re.compile(rf"(?<=[=\[,\s+-])[0-9_]{{{sys.int_info.default_max_str_digits},}}")

OFF_BY_DEFAULT = ("binance", "replay")
"""Bundled plugins that run only if a section enables them: one needs the internet, the other a file."""


class _Sections(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The daemon's own tables."""

    server: ServerSettings = ServerSettings()
    users: dict[str, UserSettings] = {}
    markets: MarketSettings = MarketSettings()
    limits: LimitSettings = LimitSettings()
    fanout: FanoutSettings = FanoutSettings()
    authentication: AuthenticationSettings = AuthenticationSettings()
    history: HistorySettings = HistorySettings()
    journal: JournalSettings = JournalSettings()
    orders: OrderSettings = OrderSettings()
    vetting: VettingSettings = VettingSettings()
    plugin_host: PluginHostSettings = PluginHostSettings()
    logging: LoggingSettings = LoggingSettings()


class _File(_Sections, frozen=True, kw_only=True):
    """A whole file: the daemon's own tables and those of the plugins as they stand."""

    plugins: dict[str, dict[str, Any]] = {}


class Config(_Sections, frozen=True, kw_only=True):
    """Everything an operator can set. `Config()` has every default, no users and no plugin sections."""

    plugins: dict[str, PluginSettings] = {}
    """By the plugin's entry-point name; a plugin that is not named has no entry."""
    source: Source = Source()

    @property
    def state_directory(self) -> Path:
        """The folder of all state, absolute if the file's path is; not made here."""
        return self.source.directory / self.server.state_directory

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        return parse_host_port(self.server.listen)

    @property
    def tls_files(self) -> tuple[Path, Path] | None:
        """Certificate and key, None without TLS."""
        if not self.server.tls_certificate:
            return None
        directory = self.source.directory
        return directory / self.server.tls_certificate, directory / self.server.tls_key

    @property
    def disabled_plugins(self) -> dict[str, str]:
        """Plugins that must not be loaded, each with what says so: `by the configuration`."""
        disabled = {name: "by default" for name in OFF_BY_DEFAULT if name not in self.plugins}
        for name, settings in self.plugins.items():
            if not settings.enabled:
                on_command_line = ("plugins", name, "enabled") in self.source.overrides
                disabled[name] = "by the command line" if on_command_line else "by the configuration"
        return disabled

    def error(self, key: str, expected: str, remedy: str) -> ConfigError:
        """An error at a dotted key (`server.listen`), for faults that only show when the setting is used."""
        return self.source.error(tuple(key.split(".")), expected, remedy)

    def listen_error(self, error: OSError) -> ConfigError:
        """Why the address cannot be listened on, as the operator should read it."""
        listen = self.server.listen
        expected, remedy = {
            errno.EADDRINUSE: (
                f"a free port, but {listen} is in use",
                "stop the program that uses it, or choose another with --listen",
            ),
            errno.EADDRNOTAVAIL: (
                f"an address of this machine, found {listen}",
                'write for example "127.0.0.1:8640"',
            ),
            errno.EACCES: (f"a port that this user may open, found {listen}", "choose one above 1023"),
        }.get(
            error.errno or 0,
            (f"an address that can be listened on, found {listen}", error.strerror or str(error)),
        )
        return self.error("server.listen", expected, remedy)

    def parse_section(self, name: str, struct: type[S]) -> S:
        """Read `[plugins.<name>]` into the plugin's own struct; without a section, its defaults.

        Raises:
            ConfigError: the first setting that is wrong, with file and line.
        """
        section, problems = self.inspect_section(name, struct)
        if section is None:
            raise problems[0]
        return section

    def inspect_section(self, name: str, struct: type[S]) -> tuple[S | None, list[ConfigError]]:
        """As `parse_section`, with all problems returned."""
        problems: list[ConfigError] = []
        table = self.plugins[name].table if name in self.plugins else {}
        section = convert_table(table, struct, ("plugins", name), self.source, problems)
        if name not in self.disabled_plugins:
            problems += _empty_settings(table, struct, ("plugins", name), self.source)
        return (None if problems else section), problems


def _empty_settings(
    table: Mapping[str, Any], struct: type[msgspec.Struct], path: KeyPath, source: Source
) -> Iterator[ConfigError]:
    """What an enabled plugin cannot do without, and is empty."""
    hints = hints_of(struct)
    for field in fields_of(struct):
        metas = unwrap(hints[field.name])[1]
        is_required = any((meta.extra_json_schema or {}).get(REQUIRED_WHEN_ENABLED) for meta in metas)
        if is_required and table.get(field.encode_name, "") in ("", [], {}):
            expected = f"{describe(hints[field.name])}, not empty while the plugin is enabled"
            remedy = "fill it in, or set enabled = false"
            yield source.error((*path, field.encode_name), expected, remedy)


def is_user_name(text: str) -> bool:
    """True if a user may be called so: something that can be read in a list or a log."""
    return bool(text) and text.isprintable() and text.strip() == text


def parse_values(values: dict[str, Any], struct: type[S], path: tuple[str, ...]) -> S:
    """Check settings given on the command line as if they stood in a file at `path`.

    Raises:
        ConfigError: the first that is wrong.
    """
    problems: list[ConfigError] = []
    built = convert_table(values, struct, path, Source(overrides={path: values}), problems)
    if built is None:
        raise problems[0]
    return built


def load(path: Path | str, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read a configuration file; `overrides` (dotted key -> value) stand above the file.

    Raises:
        ConfigError: the first thing that is wrong; it says if there are more.
    """
    config, problems = inspect(path, overrides)
    if config is None:
        first = problems[0]
        if len(problems) > 1:
            first.remedy += f' (1 of {len(problems)} problems: "zenithd check" lists all)'
        raise first
    return config


def inspect(
    path: Path | str, overrides: Mapping[str, Any] | None = None
) -> tuple[Config | None, list[ConfigError]]:
    """Read a configuration file: the configuration, or else everything that is wrong with it."""
    config, problems = inspect_readable(path, overrides)
    return (None if problems else config), problems


def inspect_readable(
    path: Path | str, overrides: Mapping[str, Any] | None = None
) -> tuple[Config | None, list[ConfigError]]:
    """As `inspect`, but with problems too there is a configuration if the file is TOML: wrong settings have
    their defaults in it. It serves to look for further mistakes, never to run with."""
    path = Path(path)
    try:
        table, lines = _parse(path, _read(path))
    except ConfigError as error:
        return None, [error]
    return parse(table, path, lines, overrides)


def parse(
    table: dict[str, Any],
    path: Path,
    lines: dict[KeyPath, int],
    overrides: Mapping[str, Any] | None = None,
) -> tuple[Config | None, list[ConfigError]]:
    """Make the configuration from a parsed file; wrong settings have their defaults."""
    paths = {tuple(key.split(".")): value for key, value in (overrides or {}).items()}
    source = Source(file=path, lines=lines, overrides=dict(paths.items()))
    problems: list[ConfigError] = []
    for keys, value in paths.items():
        _override(table, keys, value)
    file = convert_readable(table, _File, (), source, problems)
    plugins = _plugin_sections(table, source, problems)
    assert file is not None, "no section is required"
    problems += cross_check(file, source, {problem.key for problem in problems})
    own = {name: getattr(file, name) for name in _Sections.__struct_fields__}
    config = Config(**own, plugins=plugins, source=source)
    return config, sorted(problems, key=lambda problem: problem.line or 0)


def _plugin_sections(
    table: dict[str, Any], source: Source, problems: list[ConfigError]
) -> dict[str, PluginSettings]:
    """Split `enabled` from the keys that belong to the plugins."""
    sections = {}
    tables = table.get("plugins", {})
    for name, raw in tables.items() if isinstance(tables, dict) else ():
        if isinstance(raw, dict):
            own = {key: value for key, value in raw.items() if key != "enabled"}
            enabled = raw.get("enabled", True)
            sections[name] = PluginSettings(enabled if isinstance(enabled, bool) else True, own)
            if not isinstance(enabled, bool):
                expected = f"true or false, found {toml_text(enabled)}"
                problems.append(source.error(("plugins", name, "enabled"), expected, "correct the value"))
    return sections


def cross_check(sections: _Sections, source: Source, wrong: Collection[str] = ()) -> list[ConfigError]:
    """Rules between settings; those that are `wrong` (dotted keys) have defaults, which prove nothing."""

    def are_given(table: str, *names: str) -> bool:
        return not any(key_text((table, name)) in wrong for name in names)

    problems = []
    server, limits, host = sections.server, sections.limits, sections.plugin_host
    if bool(server.tls_certificate) != bool(server.tls_key) and are_given(
        "server", "tls_certificate", "tls_key"
    ):
        given, other = ("certificate", "key") if server.tls_certificate else ("key", "certificate")
        problems.append(
            source.error(
                ("server", f"tls_{other}"), f"a file, since tls_{given} is set", "set both or neither for TLS"
            )
        )
    if limits.idle_seconds <= limits.ping_seconds and are_given("limits", "idle_seconds", "ping_seconds"):
        expected = f"a number above ping_seconds ({limits.ping_seconds:g})"
        problems.append(source.error(("limits", "idle_seconds"), expected, "raise it or lower ping_seconds"))
    if host.backoff_seconds_max < host.backoff_seconds_min and are_given(
        "plugin_host", "backoff_seconds_max", "backoff_seconds_min"
    ):
        expected = f"a number not below backoff_seconds_min ({host.backoff_seconds_min:g})"
        problems.append(source.error(("plugin_host", "backoff_seconds_max"), expected, "raise it"))
    for name, user in sections.users.items():
        if not is_user_name(name):
            problems.append(source.error(("users", name), "a user name that can be printed", "rename it"))
        if user.password and user.password_hash:
            problems.append(
                source.error(
                    ("users", name, "password"), "either password or password_hash", "remove one of them"
                )
            )
    mixed = [str(parse_market(code)) for code in sections.markets.mixed]
    problems += _repeated(mixed, ("markets", "mixed"), (), source)
    delayed = [str(parse_market(entry.market)) for entry in sections.markets.delayed]
    problems += _repeated(delayed, ("markets", "delayed"), ("market",), source)
    return problems


def _repeated(codes: list[str], path: KeyPath, inner: KeyPath, source: Source) -> list[ConfigError]:
    return [
        source.error((*path, index, *inner), f"each market once, found {code} again", "remove one of them")
        for index, code in enumerate(codes)
        if code in codes[:index]
    ]


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            str(path),
            None,
            "",
            "a configuration file",
            'write one with "zenithd init" or name it with --config',
        ) from None
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise ConfigError(str(path), None, "", f"a readable file, found: {reason}", "correct that") from None
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(str(path), line, "", "text in UTF-8", "save the file in that encoding") from None


def _parse(path: Path, text: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """Read the tables, and the line of each key."""
    try:
        return tomllib.loads(text), find_lines(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        reason = str(error).partition(" (at ")[0]
        column = f" near column {found[2]}" if found else " before the end of the file"
        raise ConfigError(
            str(path), line, "", f"TOML, found: {reason}", f"correct the line{column}"
        ) from None
    except RecursionError:
        raise ConfigError(str(path), None, "", "TOML", "nest its arrays less deeply") from None
    except ValueError:  # Python's own, of a number with more digits than it reads
        number = _LONG_NUMBER.search(text)
        place = None if number is None else text.count("\n", 0, number.start()) + 1
        raise ConfigError(str(path), place, "", "numbers of a few digits", "shorten the number") from None


def _override(table: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    """Set a key; where the file has something else than a table on the way, that is replaced."""
    for key in keys[:-1]:
        inner = table.get(key)
        table[key] = table = inner if isinstance(inner, dict) else {}
    table[keys[-1]] = value
