"""Imports point one way, and the pure packages stay pure. The layers are those of docs/architecture.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PURE = ("domain", "market", "vetting", "wire", "authority", "sessions", "oms")
"""Synchronous, deterministic, without I/O, clock, randomness or logging."""

FORBIDDEN_IN_PURE = {
    "trio", "socket", "ssl", "os", "io", "time", "random", "secrets", "logging", "structlog", "threading",
    "subprocess", "asyncio", "pysqlite3", "sqlite3", "httpx2", "trio_websocket", "pathlib", "tempfile",
}  # fmt: skip

MAY_IMPORT: dict[str, set[str]] = {
    "domain": set(),
    "market": {"domain"},
    "vetting": {"domain"},
    "authority": {"domain"},
    "sessions": {"domain"},
    "oms": {"domain"},
    "wire": {"domain", "market", "authority", "sessions", "oms"},
    "plugin": {"domain", "market", "oms"},
    "config": {"domain"},
    "files": {"config"},
    "vetting_files": {"config", "vetting"},
    "tokens": {"config", "files"},
    "accounts": {"config", "files", "tokens", "authority"},
    "clock": set(),
    "journal": {"domain", "files"},
    "recording": {"domain"},
    "history": {"domain", "market", "plugin"},
    "bus": {"wire"},
    "open_files": set(),
    "collectors": {"bus", "open_files", "turns"},
    "metrics": {"bus", "collectors", "turns"},
    "quiet_threads": set(),
    "report": set(),
    "service_manager": set(),
    "rare_log": set(),
    "logs": {"config"},
    "supervisor": {"plugin"},
    "plugin_loading": {"config", "plugin"},
    "watchdog": {"plugin"},
    "state_lock": {"config"},
    "daemon_file": {"files"},
    "markets": {
        "bus",
        "wire",
        "market",
        "domain",
        "history",
        "plugin",
        "metrics",
        "authority",
        "supervisor",
        "rare_log",
    },
    "trading": {
        "bus",
        "collectors",
        "config",
        "controllers",
        "domain",
        "market",
        "oms",
        "plugin",
        "supervisor",
        "wire",
        "vetting",
    },
    "turns": set(),
    "garbage": set(),
    "controllers": {"turns", "wire", "market", "domain", "history", "authority", "plugin", "oms"},
    "authentication": {
        "quiet_threads",
        "rare_log",
        "authority",
        "accounts",
        "metrics",
        "plugin",
        "server",
        "sessions",
        "tokens",
        "wire",
    },
    "server": {
        "turns",
        "rare_log",
        "accounts",
        "authentication",
        "bus",
        "config",
        "controllers",
        "metrics",
        "sessions",
        "wire",
    },
    "journal_feeds": {"journal", "plugin"},
    "rest": {"authority", "plugin", "server", "turns"},
    "part_settings": {
        "authentication",
        "config",
        "domain",
        "history",
        "markets",
        "server",
        "sessions",
        "supervisor",
        "wire",
    },
    "journaling": {"collectors", "config", "journal", "metrics"},
    "reloading": {"accounts", "config", "vetting_files"},
    "rule_reloading": {"config", "quiet_threads", "vetting", "vetting_files"},
    "sources": {"domain", "markets", "metrics", "plugin", "supervisor"},
    "process": set(),
    "status": {
        "bus",
        "collectors",
        "domain",
        "market",
        "markets",
        "metrics",
        "plugin",
        "report",
        "server",
    },
    "testing": {"domain", "market", "oms", "plugin", "clock", "recording"},
}
"""What each package or module of zenithd may import; app, cli and bench may import everything below."""

PLUGINS_MAY_IMPORT = {"plugin", "domain", "market", "oms", "recording", "testing"}


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions; not what is for type checkers only."""
    tree = ast.parse(path.read_text())
    for_types_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def layer_of(module: str) -> str | None:
    """`zenithd.market.venue` -> `market`; None for what is not zenithd's."""
    parts = module.split(".")
    return parts[1] if parts[0] == "zenithd" and len(parts) > 1 else None


def files_of(layer: str) -> list[Path]:
    folder = ROOT / "zenithd" / layer
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


@pytest.mark.parametrize("layer", sorted(MAY_IMPORT))
def test_imports_point_down(layer: str) -> None:
    allowed = MAY_IMPORT[layer] | {layer}
    for path in files_of(layer):
        for module in imports_of(path):
            target = layer_of(module)
            assert target is None or target in allowed, f"{path.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize("layer", PURE)
def test_pure_packages_are_pure(layer: str) -> None:
    for path in files_of(layer):
        for module in imports_of(path):
            assert module.split(".")[0] not in FORBIDDEN_IN_PURE, f"{path.relative_to(ROOT)} imports {module}"
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.AsyncFunctionDef | ast.Await), f"{path}: not synchronous"


def test_plugins_use_the_public_interface_only() -> None:
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        for module in imports_of(path):
            target = layer_of(module)
            assert target is None or target in PLUGINS_MAY_IMPORT, (
                f"{path.relative_to(ROOT)} imports {module}"
            )


def test_every_layer_is_listed() -> None:
    top = {"app", "bench", "cli", "__main__", "__init__", "__pycache__", "py.typed"}
    found = {path.name.removesuffix(".py") for path in (ROOT / "zenithd").iterdir()} - top
    assert found == set(MAY_IMPORT)


def test_everything_is_caught_in_few_places() -> None:
    """`except Exception` is a boundary towards foreign code, or of a connection; each is argued in place."""
    found = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "zenithd").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and node.type is not None
        for name in ast.walk(node.type)
        if isinstance(name, ast.Name) and name.id in ("Exception", "BaseException")
    ]
    assert sorted(set(found)) == BOUNDARIES


BOUNDARIES = [
    "zenithd/authentication.py",
    "zenithd/history/store.py",
    "zenithd/markets/feed.py",
    "zenithd/plugin/manager.py",
    "zenithd/plugin/remote_history.py",
    "zenithd/server/connection.py",
    "zenithd/server/listener.py",
    "zenithd/supervisor.py",
    "zenithd/turns.py",
]
