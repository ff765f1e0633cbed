"""Which routes are offered now, by whom, and the application that serves them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from litestar import Litestar

from zenithd.plugin.http import HttpRoute
from zenithd.rest.application import DOCS_PATH, Authorise, application


class Offers:
    """The routes of all plugins. The application is made anew when they change."""

    def __init__(self, authorise: Authorise, version: str, seconds_max: Callable[[], float]) -> None:
        self._authorise = authorise
        self._version = version
        self._seconds_max = seconds_max
        self._offered: dict[str, tuple[HttpRoute, ...]] = {}
        self._promised: dict[str, str] = {}
        """Owner by first segment of the path."""
        self._application: Litestar | None = None
        self._first_segments: frozenset[str] = frozenset()
        """Of the paths that are served; every request of the port is looked up here."""

    def promise(self, owner: str, paths: Sequence[str]) -> None:
        """A plugin is going to serve paths that begin with these segments.

        Raises:
            ValueError: another plugin is.
        """
        for path in paths:
            if self._promised.setdefault(path, owner) != owner:
                raise ValueError(f"/{path} is served by {self._promised[path]}")
        self._changed()

    def missing(self) -> dict[str, str]:
        """Paths that are promised and not served now, by plugin, as text."""
        missing: dict[str, str] = {}
        for path, owner in self._promised.items():
            if owner not in self._offered:
                missing[owner] = f"{missing[owner]}, /{path}" if owner in missing else f"/{path}"
        return missing

    def not_served(self, path: str) -> str | None:
        """Why a request is not answered now although a plugin has promised to; None if it can be."""
        owner = self._promised.get(_first_segment(path))
        if owner is None or owner in self._offered:
            return None
        return f"plugin {owner} does not serve this now: it is starting, or down"

    def offer(self, owner: str, routes: Sequence[HttpRoute]) -> None:
        """Serve these routes for a plugin, in the place of those that it offered before.

        Raises:
            ValueError: another plugin serves one of them, or one is named twice.
        """
        taken = {
            (route.method, route.path): other
            for other, offered in self._offered.items()
            for route in offered
            if other != owner
        }
        for route in routes:
            key = (route.method, route.path)
            if key in taken:
                raise ValueError(f"{route.method} {route.path} is served by {taken[key]}")
            taken[key] = f"{owner} already"
        self._offered[owner] = tuple(routes)
        self._changed()

    def withdraw(self, owner: str) -> None:
        """The plugin is down: its routes are gone until it offers them again."""
        if self._offered.pop(owner, None) is not None:
            self._changed()

    def claims(self, path: str) -> bool:
        """True if a request of this path is for REST."""
        return _first_segment(path) in self._first_segments

    def _changed(self) -> None:
        self._application = None
        used = {_first_segment(route.path) for offered in self._offered.values() for route in offered}
        used.update(self._promised)
        self._first_segments = frozenset(used | {DOCS_PATH.strip("/")} if used else used)

    @property
    def application(self) -> Litestar:
        """What serves the routes that are offered now."""
        if self._application is None:
            routes = [route for offered in self._offered.values() for route in offered]
            self._application = application(routes, self._authorise, self._version, self._seconds_max)
        return self._application


def _first_segment(path: str) -> str:
    return path.split("/", 2)[1] if "/" in path else ""
