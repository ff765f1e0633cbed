"""Checks of what a plugin module says about itself, before any of it runs. Each error is one sentence."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pluggy

from zenithd.plugin import hookspecs
from zenithd.plugin.hookspecs import PROJECT
from zenithd.plugin.interfaces import (
    API_VERSION,
    Adapter,
    Authenticator,
    HistorySource,
    Kind,
    MarketSource,
    PluginConfig,
)

HOOK_PREFIX = f"{PROJECT}_"

HOOKS: dict[str, Kind] = {
    "zenithd_market_sources": Kind.MARKET_SOURCE,
    "zenithd_history_sources": Kind.HISTORY_SOURCE,
    "zenithd_authenticators": Kind.AUTHENTICATOR,
    "zenithd_adapters": Kind.ADAPTER,
    "zenithd_order_routers": Kind.ORDER_ROUTER,
    "zenithd_account_sources": Kind.ACCOUNT_SOURCE,
    "zenithd_registry_feeds": Kind.REGISTRY_FEED,
    "zenithd_vetting_rules": Kind.VETTING_RULES,
    "zenithd_http_routes": Kind.HTTP_ROUTES,
}
"""Every hook, and the kind of the classes that it returns."""

_BASES: dict[Kind, type] = {
    Kind.MARKET_SOURCE: MarketSource,
    Kind.HISTORY_SOURCE: HistorySource,
    Kind.AUTHENTICATOR: Authenticator,
    Kind.ADAPTER: Adapter,
}
_COROUTINES: dict[Kind, tuple[str, ...]] = {
    Kind.MARKET_SOURCE: ("run",),
    Kind.HISTORY_SOURCE: ("bars",),
    Kind.AUTHENTICATOR: ("authenticate",),
    Kind.ADAPTER: ("run",),
}


class InvalidPlugin(Exception):
    """The plugin breaks a rule of the interface. Blame: its author; the text says what to change."""


def check_api_version(module: ModuleType) -> None:
    """Refuse a module made for another version of the interface, or for none."""
    declared = getattr(module, "API_VERSION", None)
    if declared is None:
        raise InvalidPlugin(f"does not say API_VERSION = {API_VERSION}, the version it was written for")
    if declared != API_VERSION or isinstance(declared, bool):
        raise InvalidPlugin(f"was written for API_VERSION {declared!r}; this zenithd has {API_VERSION}")


def check_hook_functions(module: ModuleType) -> None:
    """Refuse unknown, unmarked and coroutine hooks: pluggy would ignore or mistreat each in silence."""
    for attribute, function in vars(module).items():
        if not inspect.isroutine(function):
            continue
        options = getattr(function, f"{PROJECT}_impl", None)
        name = (options and options.get("specname")) or attribute
        if options is None and not name.startswith(HOOK_PREFIX):
            continue
        if name not in HOOKS:
            raise InvalidPlugin(f"has the unknown hook {name}; known are {', '.join(sorted(HOOKS))}")
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise InvalidPlugin(f"hook {name} is async; hooks are plain functions that return classes")
        if inspect.isgeneratorfunction(function):
            raise InvalidPlugin(f"hook {name} is a generator; hooks are plain functions that return classes")
        if inspect.signature(function).parameters:
            raise InvalidPlugin(f"hook {name} has parameters; hooks of this version take none")
        if options is None:
            raise InvalidPlugin(f"hook {name} lacks the decorator @hookimpl of zenithd.plugin")


def collect(module: ModuleType, name: str) -> dict[Kind, list[type]]:
    """Call the hooks of one plugin and return the classes by kind.

    Each plugin has a pluggy manager of its own, so that nothing in one can stand in another's way.

    Raises:
        InvalidPlugin: a hook or what it returned breaks the rules.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name)
        manager.check_pending()
    except pluggy.PluginValidationError as problem:
        raise InvalidPlugin(str(problem)) from problem
    brought: dict[Kind, list[type]] = {}
    for hook, kind in HOOKS.items():
        for returned in getattr(manager.hook, hook)():
            brought.setdefault(kind, []).extend(_checked(hook, kind, returned))
    if not brought:
        raise InvalidPlugin("brings nothing: it implements no hook")
    return brought


def _checked(hook: str, kind: Kind, returned: Any) -> list[type]:
    if inspect.iscoroutine(returned):
        returned.close()
        raise InvalidPlugin(f"hook {hook} returned a coroutine; hooks return a list of classes")
    if not isinstance(returned, list | tuple):
        raise InvalidPlugin(f"hook {hook} returned {_shown(returned)}; expected a list of classes")
    for implementation in returned:
        _check_class(hook, kind, implementation)
    return list(returned)


def _check_class(hook: str, kind: Kind, implementation: Any) -> None:
    if not isinstance(implementation, type):
        raise InvalidPlugin(f"hook {hook} returned {_shown(implementation)} in its list; expected a class")
    base = _BASES.get(kind)
    if base is None:
        return
    name = implementation.__name__
    if not issubclass(implementation, base):
        raise InvalidPlugin(f"hook {hook} returned {name}, which is not a {base.__name__}")
    missing = sorted(getattr(implementation, "__abstractmethods__", ()))
    if missing:
        raise InvalidPlugin(f"{name} does not implement {', '.join(missing)}")
    for method in _COROUTINES[kind]:
        if not inspect.iscoroutinefunction(getattr(implementation, method)):
            raise InvalidPlugin(f"{name}.{method} must be an async function")
    config = getattr(implementation, "Config", None)
    if not (isinstance(config, type) and issubclass(config, PluginConfig)):
        raise InvalidPlugin(f"{name}.Config must be a class derived from PluginConfig")
    if kind is Kind.AUTHENTICATOR and not isinstance(getattr(implementation, "provider", None), str):
        raise InvalidPlugin(f"{name}.provider must be text: the Provider name that clients send")


def _shown(value: object) -> str:
    return "nothing" if value is None else f"an object of type {type(value).__name__}"
