"""REST on the daemon's port: routes that plugins offer, behind an operator's login, documented at `/docs`."""

from __future__ import annotations

from zenithd.rest.application import Authorise
from zenithd.rest.offers import Offers
from zenithd.rest.serving import RestServer

__all__ = ["Authorise", "Offers", "RestServer"]
