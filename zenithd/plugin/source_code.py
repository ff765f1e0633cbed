"""Looks through a plugin's source code for what it must not call."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType

FORBIDDEN: dict[str, str] = {
    "time.time": "context.clock.now()",
    "time.time_ns": "context.clock.now()",
    "time.monotonic": "context.clock.monotonic()",
    "time.monotonic_ns": "context.clock.monotonic()",
    "time.sleep": "await trio.sleep()",
    "datetime.datetime.now": "context.clock.now()",
    "datetime.datetime.utcnow": "context.clock.now()",
    "datetime.datetime.today": "context.clock.now()",
    "datetime.date.today": "context.clock.now()",
    "uuid.uuid1": "context.random",
    "uuid.uuid4": "context.random",
    "os.urandom": "context.random",
    "urllib.request.urlopen": "context.http",
    "subprocess.run": "await trio.run_process()",
}
"""Calls that make a source untestable or block the daemon, and what to use instead."""

_FORBIDDEN_MODULES: dict[str, str] = {
    "random": "context.random",
    "secrets": "context.random",
    "requests": "context.http",
    "asyncio": "trio",
}
"""Modules of which no function may be called; their classes (`random.Random`) are fine as types."""


def forbidden_calls(package: ModuleType) -> list[str]:
    """One sentence for each forbidden call in the package's files: where, what, what instead."""
    if package.__file__ is None:
        return []
    file = Path(package.__file__)
    files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
    return [sentence for each in files for sentence in _of_file(each)]


def _of_file(file: Path) -> list[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    names = _imported_names(tree)
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = _dotted(node.func, names)
            instead = _instead(called)
            if instead is not None:
                found.append(f"{file.name}:{node.lineno} calls {called}; use {instead}")
    return found


def _instead(called: str) -> str | None:
    module, _, function = called.rpartition(".")
    if module in _FORBIDDEN_MODULES and function[:1].islower():
        return _FORBIDDEN_MODULES[module]
    return FORBIDDEN.get(called)


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """What each imported name of a file stands for: `{"dt": "datetime.datetime"}`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, names)}.{node.attr}"
    if isinstance(node, ast.Name):
        return names.get(node.id, f"{node.id}()")
    return "()"
