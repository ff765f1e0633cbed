"""Market Control: the operator's REST interface to the markets (platform C.8)."""

from __future__ import annotations

from zenithd_prodigy.control.routes import routes

__all__ = ["routes"]
