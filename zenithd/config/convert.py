"""Turns TOML tables into typed structs and collects everything that is wrong, each with its line.

msgspec stops at the first error and knows no lines; so structs, lists and tables are walked here, and only
single values are handed to msgspec.
"""

from __future__ import annotations

import difflib
import enum
import functools
import json
import math
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from zenithd.config.errors import ConfigError
from zenithd.config.forms import FORMS
from zenithd.config.toml_lines import KeyPath

S = TypeVar("S", bound=msgspec.Struct)

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SECRET = re.compile(r"password|secret|token|api_key")
_INVALID = object()

NESTING_SHOWN_MAX = 16
"""Deepest lists and tables that are shown of a value."""
DECIMAL_BITS_MAX = 256
"""Longest whole number that is shown in decimal."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where settings came from, to say it in errors."""

    file: Path = Path("config.toml")
    lines: dict[KeyPath, int] = {}
    overrides: Mapping[KeyPath, Any] = {}
    """Keys given on the command line or in the environment."""

    @property
    def directory(self) -> Path:
        """The folder that relative paths in the file start from."""
        return self.file.parent

    def error(self, path: KeyPath, expected: str, remedy: str) -> ConfigError:
        """An error at a key; where the key is not written, the line of the table it belongs in."""
        if any(path[: len(override)] == override for override in self.overrides):
            return ConfigError("command line", None, key_text(path), expected, remedy)
        line = next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), None)
        return ConfigError(str(self.file), line, key_text(path), expected, remedy)


def key_text(path: KeyPath) -> str:
    """The dotted key of a path, quoted where TOML would: `users."a b".markets[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += "." if text else ""
            text += part if _BARE.fullmatch(part) else json.dumps(part)
    return text


def convert_table(
    table: Mapping[str, Any], struct: type[S], path: KeyPath, source: Source, problems: list[ConfigError]
) -> S | None:
    """Build a struct from a table; None if anything in it is wrong, which `problems` then tells in the order
    of the lines."""
    found: list[ConfigError] = []
    built = convert_readable(table, struct, path, source, found)
    problems += found
    return None if found else built


def convert_readable(
    table: Mapping[str, Any], struct: type[S], path: KeyPath, source: Source, problems: list[ConfigError]
) -> S | None:
    """As `convert_table`, but what is wrong has its default in what is built; to look for further mistakes,
    never to run with. None if a setting without a default is wrong, or the struct refuses the rest."""
    found: list[ConfigError] = []
    built = _Conversion(source, found).struct(table, struct, path)
    problems += sorted(found, key=lambda problem: problem.line or 0)
    return built


@functools.cache
def hints_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The annotations of a struct, evaluated once: that takes longer than reading a section."""
    return get_type_hints(struct, include_extras=True)


@functools.cache
def fields_of(struct: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The fields of a struct, worked out once."""
    return msgspec.structs.fields(struct)


def unwrap(annotation: Any) -> tuple[Any, list[msgspec.Meta]]:
    """Split an annotation into its bare type and the Metas around it."""
    if get_origin(annotation) is not Annotated:
        return annotation, []
    base, *metas = get_args(annotation)
    return base, [meta for meta in metas if isinstance(meta, msgspec.Meta)]


class _Conversion:
    """One walk through the tables of a file."""

    def __init__(self, source: Source, problems: list[ConfigError]) -> None:
        self.source = source
        self.problems = problems

    def report(self, path: KeyPath, expected: str, remedy: str) -> object:
        self.problems.append(self.source.error(path, expected, remedy))
        return _INVALID

    def struct(self, table: Mapping[str, Any], struct: type[S], path: KeyPath) -> S | None:
        hints = hints_of(struct)
        fields = {field.encode_name: field for field in fields_of(struct)}
        for key in table:
            if key not in fields:
                self._report_unknown(key, list(fields), path)
        values: dict[str, Any] = {}
        for key, field in fields.items():
            if key in table:
                values[field.name] = self.value(table[key], hints[field.name], (*path, key))
            elif field.required:
                expected = f"the setting {key} ({describe(hints[field.name])})"
                values[field.name] = self.report(path, expected, "add it to this section")
        good = {name: value for name, value in values.items() if value is not _INVALID}
        if any(field.required and field.name not in good for field in fields.values()):
            return None
        try:
            return struct(**good)
        except ValueError as error:  # the struct's own rules, in its __post_init__
            if good == values:  # else a default may be what does not fit
                self.report(path, str(error), "correct this section")
            return None

    def _report_unknown(self, key: str, known: list[str], path: KeyPath) -> None:
        nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
        if nearest:
            remedy = f'did you mean "{nearest[0]}"?'
        elif known:
            remedy = f"known here: {', '.join(sorted(known))}"
        else:
            remedy = "this section has no settings; remove it"
        self.report((*path, key), "a known setting", remedy)

    def value(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        base, metas = unwrap(annotation)
        origin = get_origin(base) or base
        if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
            if not isinstance(value, dict):
                return self._wrong(value, annotation, path)
            built = self.struct(value, base, path)
            return _INVALID if built is None else built
        if origin in (dict, Mapping):
            return self._mapping(value, annotation, path)
        if origin in (tuple, list, frozenset, set):
            return self._array(value, annotation, path)
        if origin is Path:
            return self._path(value, annotation, path)
        return self._scalar(value, base, metas, path)

    def _mapping(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        if not isinstance(value, dict):
            return self._wrong(value, annotation, path)
        element = (get_args(unwrap(annotation)[0]) or (str, Any))[1]
        built = {key: self.value(item, element, (*path, key)) for key, item in value.items()}
        return {key: item for key, item in built.items() if item is not _INVALID}

    def _array(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        if not isinstance(value, list):
            return self._wrong(value, annotation, path)
        base, metas = unwrap(annotation)
        element = (get_args(base) or (Any,))[0]
        built = [self.value(item, element, (*path, index)) for index, item in enumerate(value)]
        if any(item is _INVALID for item in built):
            return _INVALID
        bounds = Annotated[list, metas[0]] if metas else list  # how many elements there may be
        try:
            msgspec.convert(value, bounds)
        except msgspec.ValidationError:
            return self._wrong(value, annotation, path)
        return (get_origin(base) or base)(built)

    def _path(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        """A path is relative to the configuration file."""
        if not isinstance(value, str) or "\0" in value:
            return self._wrong(value, annotation, path)
        checked = self._checked(value, annotation, path)
        return _INVALID if checked is _INVALID else self.source.directory / value

    def _scalar(self, value: Any, base: Any, metas: list[msgspec.Meta], path: KeyPath) -> Any:
        annotation = base
        for meta in metas:
            annotation = Annotated[annotation, meta]
        if base is str and not isinstance(value, str):
            return self._wrong(value, annotation, path)
        try:
            converted = msgspec.convert(value, annotation)
        except msgspec.ValidationError:
            return self._wrong(value, annotation, path)
        if isinstance(converted, float) and not math.isfinite(converted):
            return self._wrong(value, annotation, path)
        return self._checked(converted, annotation, path)

    def _checked(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        form = _form(unwrap(annotation)[1])
        if form is None or not isinstance(value, str):
            return value
        check, expected, remedy = FORMS[form]
        if check(value, self.source.directory):
            return value
        return self.report(path, f"{expected}{_found(value, path)}", remedy)

    def _wrong(self, value: Any, annotation: Any, path: KeyPath) -> Any:
        form = _form(unwrap(annotation)[1])
        remedy = FORMS[form][2] if form is not None else "correct the value"
        return self.report(path, f"{describe(annotation)}{_found(value, path)}", remedy)


def _found(value: Any, path: KeyPath) -> str:
    if any(isinstance(part, str) and _SECRET.search(part) for part in path):
        return ""
    return f", found {toml_text(value)[:60]}"


def _form(metas: list[msgspec.Meta]) -> str | None:
    for meta in metas:
        form = (meta.extra_json_schema or {}).get("format")
        if form in FORMS:
            return str(form)
    return None


def toml_text(value: Any, depth: int = NESTING_SHOWN_MAX) -> str:
    """A value as it is written in TOML, on one line; what is nested deeper than `depth` is left out."""
    if depth == 0 and isinstance(value, dict | list | tuple | set | frozenset):
        return "…"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        items = (f"{key_text((key,))} = {toml_text(item, depth - 1)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(toml_text(item, depth - 1) for item in value) + "]"
    if isinstance(value, Path):
        return json.dumps(str(value))
    if isinstance(value, int) and value.bit_length() > DECIMAL_BITS_MAX:
        return hex(value)  # Python refuses to write long ones in decimal
    return repr(value) if isinstance(value, float) else str(value)


_NAMES: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Path: "a path",
    type(None): "nothing",
}
_PLURALS: dict[Any, str] = {str: "texts", int: "whole numbers", float: "numbers", Path: "paths"}


def describe(annotation: Any) -> str:
    """What a value must be, in words: `a whole number from 1 to 64`."""
    base, metas = unwrap(annotation)
    form = _form(metas)
    if form is not None:
        return FORMS[form][1]
    origin = get_origin(base) or base
    if origin is Literal:
        return "one of " + ", ".join(toml_text(choice) for choice in get_args(base))
    if origin in (Union, types.UnionType):
        return " or ".join(describe(part) for part in get_args(base))
    if origin in (tuple, list, frozenset, set):
        element = (get_args(base) or (Any,))[0]
        element_base = unwrap(element)[0]
        name = _PLURALS.get(element_base) if _form(unwrap(element)[1]) is None else None
        return f"a list of {name}" if name else f"a list, each {describe(element)}"
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, msgspec.Struct)):
        return "a table"
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return "one of " + ", ".join(toml_text(member.value) for member in origin)
    return _NAMES.get(base, getattr(base, "__name__", "a value")) + _bounds(metas)


def _bounds(metas: list[msgspec.Meta]) -> str:
    bounds = {
        name: _number(value)
        for meta in metas
        for name in ("ge", "le", "gt", "lt", "min_length", "max_length")
        if (value := getattr(meta, name)) is not None
    }
    if "ge" in bounds and "le" in bounds:
        return f" from {bounds['ge']} to {bounds['le']}"
    words = {
        "ge": "of at least {}",
        "gt": "above {}",
        "le": "of at most {}",
        "lt": "below {}",
        "min_length": "of at least {} characters",
        "max_length": "of at most {} characters",
    }
    parts = [text.format(bounds[name]) for name, text in words.items() if name in bounds]
    return " " + " and ".join(parts) if parts else ""


def _number(value: float) -> str:
    """A bound without exponent: 0.00001, 1000000."""
    return f"{value:.9f}".rstrip("0").rstrip(".")
