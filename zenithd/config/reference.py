"""Writes config.toml and docs/configuration.md from the structs, so that neither can be out of date. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from zenithd.config.convert import describe, key_text, toml_text, unwrap
from zenithd.config.host_settings import PluginSettings
from zenithd.config.load import Config
from zenithd.config.market_settings import DelayedMarketSettings, MarketSettings
from zenithd.config.order_settings import OrderSettings
from zenithd.config.reload import is_live
from zenithd.config.user_settings import UserSettings

WIDTH = 100

SECTIONS = (
    "server",
    "users",
    "markets",
    "plugins",
    "limits",
    "fanout",
    "authentication",
    "history",
    "journal",
    "orders",
    "vetting",
    "plugin_host",
    "logging",
)
"""Order in the file: first what a newcomer looks for."""

DEMONSTRATION = Config(
    users={
        "demo": UserSettings(
            password="demo",
            display_name="Demonstration user",
            loopback_only=True,
            scopes=("Zenith/Market", "Zenith/News", "Zenith/Trading", "Zenith/OrderPad"),
            broker_markets=("*",),
            accounts=("XS:*",),
        ),
        "operator": UserSettings(
            password="operator",
            display_name="Demonstration operator",
            loopback_only=True,
            scopes=("Prodigy/Exchange", "Prodigy/Symbol", "Prodigy/Control", "OMS/Operator", "OMS/Alter"),
        ),
    },
    orders=OrderSettings(demonstration_accounts=10),
    markets=MarketSettings(mixed=("XSX+XSY",), delayed=(DelayedMarketSettings(market="XSX"),)),
    plugins={
        "prodigy": PluginSettings(enabled=True),
        "binance": PluginSettings(enabled=False),
        "replay": PluginSettings(enabled=False),
    },
)
"""What the shipped file sets other than to its default."""

_HEADING = """\
The configuration of zenithd: the demonstration and the reference in one. Every setting stands here with its
default (or what the demonstration sets) and the reason to change it. A file of your own needs only what
differs. "zenithd check" tells all mistakes at once; docs/configuration.md is this file as a table.

Settings marked [live] are taken over by a running daemon when this file is saved or on SIGHUP; the daemon
names what needs a restart."""

_USERS_NOTE = "Users and their rights, one [users.<name>] section each."
_PLUGINS_NOTE = (
    "The plugins, one [plugins.<name>] section each. enabled says whether the plugin runs; the other settings"
    " are the plugin's own."
)
_INSTALLED_NOTE = (
    "A plugin without a section runs with its defaults, for whoever installed it wanted it; only binance and"
    " replay, which come with zenithd, wait to be enabled."
)
_PAGE_HEADING = """\
# Configuration

This page is generated from the configuration structs; `config.toml` in the repository holds the same
settings with the values of the demonstration.

`zenithd run` reads `config.toml` in the current folder, or the file named with `--config`. Relative paths
start at the folder of that file. Unknown keys, wrong types and values out of range are refused with file,
line and key; `zenithd check` lists all of them at once.

A setting that is *live* is taken over by a running daemon when the file is saved or on SIGHUP, after the
whole new file was found valid; for the others the daemon names what needs a restart."""

PluginStructs = Mapping[str, type[msgspec.Struct]]
"""By plugin name: the struct of its section."""


def config_text(plugins: PluginStructs) -> str:
    """The shipped config.toml."""
    blocks = [_comment(_HEADING)]
    for section in SECTIONS:
        if section == "users":
            blocks.append(_comment(_USERS_NOTE))
            blocks += [_table_text(("users", name), user) for name, user in DEMONSTRATION.users.items()]
        elif section == "plugins":
            blocks.append(_comment(f"{_PLUGINS_NOTE} {_INSTALLED_NOTE}"))
            blocks += [
                plugin_text(name, struct, DEMONSTRATION.plugins[name].enabled)
                for name, struct in plugins.items()
            ]
        else:
            settings = getattr(DEMONSTRATION, section)
            blocks.append(_table_text((section,), settings, note=_first_line(type(settings))))
    return "\n\n".join(blocks) + "\n"


def plugin_text(name: str, struct: type[msgspec.Struct], enabled: bool) -> str:
    """One plugin's section with every setting."""
    switch = f"enabled = {toml_text(enabled)}"
    comment = _comment("Whether the plugin runs; set it to true to start it, to false to leave it out.")
    return _table_text(("plugins", name), struct, note="", first=f"{comment}\n{switch}")


def _first_line(struct: type) -> str:
    return (struct.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")


def _comment(text: str) -> str:
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        lines += [*textwrap.wrap(" ".join(paragraph.split()), WIDTH, break_long_words=False), ""]
    return "\n".join(f"# {line}".rstrip() for line in lines[:-1])


def _table_text(
    path: tuple[str, ...],
    settings: msgspec.Struct | type[msgspec.Struct],
    *,
    note: str = "",
    first: str = "",
    is_element: bool = False,
) -> str:
    """A section, its settings, then the sections inside it; a type stands for its defaults."""
    header = f"[[{key_text(path)}]]" if is_element else f"[{key_text(path)}]"
    blocks = [header if not note else f"{_comment(note)}\n{header}"]
    if first:
        blocks.append(first)
    inner: list[str] = []
    struct = settings if isinstance(settings, type) else type(settings)
    for field, annotation in struct_fields(struct):
        value = _default(field) if isinstance(settings, type) else getattr(settings, field.name)
        nested = nested_struct(annotation)
        if nested is None:
            blocks.append(f"{_comment(_setting_note(field, annotation, value))}\n{_assignment(field, value)}")
        elif is_list(annotation):
            inner.append(_comment(description(annotation)))
            inner += [_table_text((*path, field.encode_name), item, is_element=True) for item in value]
        else:
            present = nested if value is None or value is msgspec.UNSET else value
            inner.append(_table_text((*path, field.encode_name), present, note=description(annotation)))
    return "\n\n".join([*blocks, *inner])


def _assignment(field: msgspec.structs.FieldInfo, value: Any) -> str:
    key = key_text((field.encode_name,))
    if value is None or value is msgspec.UNSET or value is msgspec.NODEFAULT:
        return f"# {key} ="
    return f"{key} = {toml_text(to_plain(value))}"


def _setting_note(field: msgspec.structs.FieldInfo, annotation: Any, value: Any) -> str:
    default = _default(field)
    parts = [description(annotation)]
    bounds = describe(annotation)
    if bounds.startswith("one of") or any(mark in bounds for mark in (" from ", " at least ", " above ")):
        parts.append(f"{bounds[0].upper()}{bounds[1:]}.")
    if default is not msgspec.NODEFAULT and default is not None and default != value:
        parts.append(f"Default {toml_text(to_plain(default))}.")
    return " ".join(parts) + (" [live]" if is_live(annotation) else "")


def struct_fields(struct: type[msgspec.Struct]) -> Iterator[tuple[msgspec.structs.FieldInfo, Any]]:
    """The fields of a struct with their annotations, Metas included."""
    hints = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        yield field, hints[field.name]


def description(annotation: Any) -> str:
    """What the Meta of a setting says."""
    return " ".join(meta.description for meta in unwrap(annotation)[1] if meta.description)


def is_list(annotation: Any) -> bool:
    """True for lists and tuples of anything."""
    return get_origin(unwrap(annotation)[0]) in (tuple, list)


def nested_struct(annotation: Any) -> type[msgspec.Struct] | None:
    """The struct of a setting that is a table or a list of tables; also where it may be absent."""
    base, _ = unwrap(annotation)
    for part in (base, *get_args(base)):
        bare = unwrap(part)[0]
        if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
            return bare
    return None


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def to_plain(value: Any) -> Any:
    """A value as TOML has it: enumerations by value, decimals and dates as they are written."""
    return msgspec.to_builtins(value, builtin_types=(float,))


def configuration_page(plugins: PluginStructs) -> str:
    """docs/configuration.md."""
    parts = [_PAGE_HEADING]
    for section in SECTIONS:
        if section == "users":
            parts += _page_section("[users.<name>]", UserSettings, _first_line(UserSettings))
        elif section == "plugins":
            parts += ["## `[plugins.<name>]`", f"{_PLUGINS_NOTE} {_INSTALLED_NOTE}".replace("<", "&lt;")]
            for name, struct in plugins.items():
                parts += _page_section(f"[plugins.{name}]", struct, _first_line(struct))
        else:
            struct = type(getattr(DEMONSTRATION, section))
            parts += _page_section(f"[{section}]", struct, _first_line(struct))
    return "\n\n".join(parts) + "\n"


def _page_section(title: str, struct: type[msgspec.Struct], note: str) -> list[str]:
    rows = ["| setting | value | default | live | |", "|---|---|---|---|---|"]
    inner: list[str] = []
    for field, annotation in struct_fields(struct):
        nested = nested_struct(annotation)
        if nested is not None:
            name = f"{title.strip('[]')}.{field.encode_name}"
            inner_title = f"[[{name}]]" if is_list(annotation) else f"[{name}]"
            inner += _page_section(inner_title, nested, description(annotation))
            continue
        default = _default(field)
        shown = (
            "" if default in (msgspec.NODEFAULT, None, msgspec.UNSET) else f"`{toml_text(to_plain(default))}`"
        )
        rows.append(
            "| "
            + " | ".join(
                _cell(text)
                for text in (
                    f"`{field.encode_name}`",
                    describe(annotation),
                    shown,
                    "live" if is_live(annotation) else "",
                    description(annotation),
                )
            )
            + " |"
        )
    table = ["\n".join(rows)] if len(rows) > 2 else []
    return [f"## `{title}`", note, *table, *inner]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
