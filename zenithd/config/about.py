"""How a setting is described.

A description says what the setting is and why one would change it; it is printed above the setting in
`config.toml` and in `docs/configuration.md`. Bounds are checked when the file is read.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Meta

LIVE = "x-live"
"""Mark of a setting that a running daemon takes over when the file changes."""

REQUIRED_WHEN_ENABLED = "required_when_enabled"
"""Mark of a plugin's setting that may be empty only while the plugin is disabled; a plugin sets it with
`Meta(extra_json_schema={"required_when_enabled": True})`."""


def about(
    description: str, *, ge: float | None = None, le: float | None = None, form: str = "", live: bool = False
) -> Meta:
    """Describe one setting: sentence, bounds, form (see `zenithd.config.forms`), and whether it is live."""
    extra: dict[str, Any] = {}
    if form:
        extra["format"] = form
    if live:
        extra[LIVE] = True
    return Meta(description=description, ge=ge, le=le, extra_json_schema=extra or None)


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections."""
