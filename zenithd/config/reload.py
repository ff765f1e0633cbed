"""What of a changed configuration a running daemon takes over. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from zenithd.config.about import LIVE
from zenithd.config.convert import hints_of, key_text, unwrap
from zenithd.config.load import Config


class LiveDifference(msgspec.Struct, frozen=True):
    """Dotted keys that differ between two configurations, in the order of the file."""

    applied: tuple[str, ...] = ()
    """These take effect at once."""
    needs_restart: tuple[str, ...] = ()
    """These keep their old values until the daemon is started again."""

    def __bool__(self) -> bool:
        return bool(self.applied or self.needs_restart)


def diff_live(old: Config, new: Config) -> LiveDifference:
    """Compare two configurations key by key; users are named as a whole, plugins by section."""
    applied: list[str] = []
    needs_restart: list[str] = []
    for section in _own_sections():
        if section == "users":
            applied += _changed_entries("users", old.users, new.users)
            continue
        before, after = getattr(old, section), getattr(new, section)
        struct: type[msgspec.Struct] = type(before)
        hints = hints_of(struct)
        for key in before.__struct_fields__:
            if getattr(before, key) != getattr(after, key):
                (applied if is_live(hints[key]) else needs_restart).append(f"{section}.{key}")
    needs_restart += _changed_entries("plugins", old.plugins, new.plugins)
    return LiveDifference(tuple(applied), tuple(needs_restart))


def with_live(old: Config, new: Config) -> Config:
    """The old configuration with the live settings of the new one: what a daemon runs with after a reload."""
    sections: dict[str, Any] = {"users": new.users, "source": new.source}
    for section in _own_sections():
        if section == "users":
            continue
        before, after = getattr(old, section), getattr(new, section)
        struct: type[msgspec.Struct] = type(before)
        hints = hints_of(struct)
        live = {key: getattr(after, key) for key in before.__struct_fields__ if is_live(hints[key])}
        sections[section] = msgspec.structs.replace(before, **live)
    return msgspec.structs.replace(old, **sections)


def is_live(annotation: Any) -> bool:
    """True if the setting with this annotation can change in a running daemon."""
    return any((meta.extra_json_schema or {}).get(LIVE) for meta in unwrap(annotation)[1])


def _own_sections() -> list[str]:
    return [name for name in Config.__struct_fields__ if name not in {"plugins", "source"}]


def _changed_entries(section: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    names = [*old, *(name for name in new if name not in old)]
    return [key_text((section, name)) for name in names if old.get(name) != new.get(name)]
