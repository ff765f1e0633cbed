"""All boundaries by name."""

from __future__ import annotations

from tests.fuzz import (
    codec_boundaries,
    config_boundary,
    criteria_boundary,
    frame_boundary,
    message_boundaries,
    name_boundaries,
    request_boundaries,
    session_boundary,
)
from tests.fuzz.boundary import Boundary

MODULES = (
    frame_boundary,
    codec_boundaries,
    message_boundaries,
    session_boundary,
    name_boundaries,
    request_boundaries,
    criteria_boundary,
    config_boundary,
)

BOUNDARIES: dict[str, type[Boundary]] = {
    boundary.name: boundary for module in MODULES for boundary in module.BOUNDARIES
}
