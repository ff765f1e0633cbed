"""Says in one line what went wrong in a plugin and where: for logs, `Feeds` and `plugins list`."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from types import FrameType

import msgspec

TEXT_LENGTH_MAX = 300
"""Longest message of an exception that is repeated; the log has the whole traceback."""

_EVENT_LOOP = ("trio", "outcome")


class Place(msgspec.Struct, frozen=True):
    """A line of source code. `file` begins at its top package: `zenithd_binance/client.py`."""

    file: str
    line: int
    plugin: str | None = None
    """The plugin whose package the line belongs to."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def describe(problem: BaseException, packages: Mapping[str, str]) -> str:
    """One line: type, message and place of an exception, and of the first one where it is a group.

    Args:
        problem: what was caught.
        packages: plugin name by package or module (`PluginManager.packages`); the innermost line inside
            one of them is shown.
    """
    leaves = list(_leaves(problem))
    first = leaves[0]
    place = _syntax_place(first) or innermost_place(_traceback_frames(first), packages)
    where = f" ({place})" if place is not None else ""
    others = f", and {len(leaves) - 1} more" if len(leaves) > 1 else ""
    return f"{_summary(first)}{where}{others}"


def innermost_place(frames: Iterable[tuple[FrameType, int]], packages: Mapping[str, str]) -> Place | None:
    """The last of `frames` (outermost first) that is a plugin's; else the last that is not of the event
    loop, which is where everything waits; else the last. None without frames."""
    of_plugin: Place | None = None
    of_others: Place | None = None
    of_loop: Place | None = None
    for frame, line in frames:
        if frame.f_code.co_filename.startswith("<frozen"):
            continue  # the import system stands between the plugin and what it imports
        module = str(frame.f_globals.get("__name__", ""))
        top = module.partition(".")[0]
        place = Place(_short_file(frame.f_code.co_filename, top), line, _owner(module, packages))
        if place.plugin is not None:
            of_plugin = place
        elif top in _EVENT_LOOP:
            of_loop = place
        else:
            of_others = place
    return of_plugin or of_others or of_loop


def stack_frames(innermost: FrameType | None) -> list[tuple[FrameType, int]]:
    """The frames of a running stack with their lines, outermost first."""
    return list(traceback.walk_stack(innermost))[::-1] if innermost is not None else []


def _owner(module: str, packages: Mapping[str, str]) -> str | None:
    while module:
        if module in packages:
            return packages[module]
        module = module.rpartition(".")[0]
    return None


def _leaves(problem: BaseException) -> Iterator[BaseException]:
    if isinstance(problem, BaseExceptionGroup):
        for part in problem.exceptions:
            yield from _leaves(part)
    else:
        yield problem


def _traceback_frames(problem: BaseException) -> list[tuple[FrameType, int]]:
    return list(traceback.walk_tb(problem.__traceback__))


def _summary(problem: BaseException) -> str:
    line = " ".join(_message(problem).split())
    if len(line) > TEXT_LENGTH_MAX:
        line = line[:TEXT_LENGTH_MAX] + "…"
    name = type(problem).__name__
    return f"{name}: {line}" if line else name


def _message(problem: BaseException) -> str:
    if isinstance(problem, SyntaxError):
        return str(problem.msg)
    # The traceback module survives a foreign __str__ that fails; only its "module.Type: " has to go.
    whole = traceback.format_exception_only(type(problem), problem)[0].rstrip()
    full_name = f"{type(problem).__module__}.{type(problem).__qualname__}"
    whole = whole.removeprefix(full_name).removeprefix(type(problem).__qualname__)
    return whole.removeprefix(":").lstrip()


def _syntax_place(problem: BaseException) -> Place | None:
    """A file that cannot be parsed has no frame: the exception itself knows the line."""
    if not isinstance(problem, SyntaxError) or problem.filename is None:
        return None
    path = PurePath(problem.filename)
    return Place("/".join(path.parts[-2:]), problem.lineno or 0)


def _short_file(file: str, package: str) -> str:
    parts = PurePath(file).parts
    if package in parts:
        # The last occurrence: a checkout folder is often named like the package inside it.
        return "/".join(parts[len(parts) - 1 - parts[::-1].index(package) :])
    return parts[-1] if parts else file
