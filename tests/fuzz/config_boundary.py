"""config.toml: any bytes and any overrides give a configuration, or problems of one line each."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
import weakref
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal, get_args, get_origin

import msgspec

from tests.fuzz import draw as d
from tests.fuzz.boundary import Boundary
from tests.fuzz.draw import Draw
from zenithd.config import Config, ConfigError, diff_live, inspect_readable, with_live
from zenithd.config.convert import hints_of, unwrap
from zenithd.config.load import _File
from zenithd.config.market_settings import DelayedMarketSettings
from zenithd.config.toml_lines import KeyPath, find_lines
from zenithd.config.user_settings import UserSettings
from zenithd_binance.config import BinanceConfig
from zenithd_prodigy.config import ProdigyConfig
from zenithd_replay.config import ReplayConfig

SHIPPED = (Path(__file__).parents[2] / "config.toml").read_text()
PLUGINS: dict[str, type[msgspec.Struct]] = {
    "prodigy": ProdigyConfig,
    "binance": BinanceConfig,
    "replay": ReplayConfig,
}
SECTIONS: dict[tuple[str, ...], type[msgspec.Struct]] = {
    **{(field.name,): hint for field in msgspec.structs.fields(_File)
       if isinstance(hint := hints_of(_File)[field.name], type) and issubclass(hint, msgspec.Struct)},
    ("users", "demo"): UserSettings,
    ("users", 'a "b"'): UserSettings,
    ("markets", "delayed"): DelayedMarketSettings,
    **{("plugins", name): struct for name, struct in PLUGINS.items()},
    ("plugins", "other"): DelayedMarketSettings,
}  # fmt: skip

WORDS = (
    *d.TEXTS, "127.0.0.1:0", "[::1]:80", "[fe80::1%e]:80", "a..b:80", "host:65536", "10.0.0.0/8", "::/0",
    "*[Delayed]", "XSX*", "**", "Australia/Sydney", "../etc", "config.toml", "Zenith/Market",
    "wss://example.com/x", "ws://[", "http://", "$argon2id$", "all", "asset", "info", "a" * 5_000,
    "/" * 5_000, "never", "loopback", "10:30", "2024-08-09T00:02:00",
)  # fmt: skip
TOML_PARTS = (
    "[", "]", "[[", "]]", "{", "}", "=", ",", ".", "#", '"', "'", '"""', "'''", "\n", "\r\n", "\r", "\t",
    " ", "\\", "\\u0000", "\\U0010ffff", "\\ud800", "\0", "\x7f", "\ufeff", "é", "true", "inf", "nan",
    "-nan", "0x" + "f" * 5_000, "9" * 4_400, "1" + "_1" * 4_300, "1e999", "0o17", "1979-05-27T07:32:00Z",
    "07:32:00", "2026-02-30", "1979-05-27T24:00:00", "[server]\n", "listen = 1\n", "a.b.c = 1\n", '"" = 1\n',
    "x = {a = {b = [1, 2]}}\n", "[[markets.delayed]]\n", "[a.b]\n[a]\n",
)  # fmt: skip


def toml_value(draw: Draw, value: Any) -> str:
    """A value in one of the spellings that TOML has for it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _toml_text(draw, value)
    if isinstance(value, list | tuple):
        gap = draw.choice(("", " ", "\n  ", " # a ] comment\n"))
        return "[" + gap + ",".join(gap + toml_value(draw, item) for item in value) + gap + "]"
    if isinstance(value, dict):
        inner = (f"{toml_key(draw, key)} = {toml_value(draw, item)}" for key, item in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, int) and value >= 0 and draw.random() < 0.2:
        return draw.choice((f"{value:#x}", f"{value:#o}", f"{value:_}", f"+{value}"))
    return repr(value)


def _toml_text(draw: Draw, value: str) -> str:
    is_literal = "'" not in value and all(character >= " " or character == "\t" for character in value)
    if is_literal and "\x7f" not in value and draw.random() < 0.3:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    escaped = re.sub("[\0-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", escaped)
    return f'"""{escaped}"""' if draw.random() < 0.1 else f'"{escaped}"'


def toml_key(draw: Draw, key: str) -> str:
    """A key, bare where it can be."""
    if re.fullmatch("[A-Za-z0-9_-]+", key, re.ASCII) and draw.random() < 0.9:
        return key
    return _toml_text(draw, key).replace('"""', '"')


def setting(draw: Draw, annotation: Any) -> Any:
    """A value for a setting, mostly one of its type and within its bounds."""
    if draw.random() < 0.06:
        return draw.choice((d.text(draw, WORDS), d.number(draw), True, [], {}, [1], "x" * 50))
    base, metas = unwrap(annotation)
    origin = get_origin(base) or base
    if origin is Literal:
        return draw.choice(get_args(base))
    if origin in (tuple, list, frozenset, set):
        element = (get_args(base) or (str,))[0]
        return [setting(draw, element) for _ in range(draw.randrange(4))]
    if origin in (int, float):
        bounds = [bound for meta in metas for bound in (meta.ge, meta.le) if bound is not None]
        return draw.choice((*bounds, 1, 10, 100, 1.5 if origin is float else 7))
    if origin is bool:
        return draw.random() < 0.5
    forms = [(meta.extra_json_schema or {}).get("format") for meta in metas]
    return draw.choice(BY_FORM.get(forms[0] if forms else None, WORDS))


BY_FORM: dict[Any, tuple[str, ...]] = {
    "host-port": (
        "127.0.0.1:0",
        "[::1]:80",
        "localhost:8640",
        "a..b:80",
        "h:65536",
        "x" * 300 + ":1",
        "\0:1",
    ),
    "network": ("10.0.0.0/8", "::1", "10.0.0.1", "10.0.0.0/33", "x"),
    "market": ("XSX", "ASX:PM[Demo]", "XSX+XSY", "[", ""),
    "mixed-market": ("XSX+XSY", "A+B#Default[T]", "XSY+XSX", "XSX", "XSX+XSY[]"),
    "market-pattern": ("*", "XSX*", "*[Delayed]", "**", ""),
    "time-zone": ("UTC", "Australia/Sydney", "", "..", "posix", "\0", "x" * 300, "Australia"),
    "file": ("", "config.toml", "absent", "\0", "a" * 5_000, "."),
    "folder": ("var", "/var/lib/zenithd", "", "\0", "a\nb"),
    "url": ("wss://example.com", "ws://", "http://[", "ftp://x", "wss://a:99999999/"),
    "password-hash": ("", "$argon2id$x", "plain"),
}


def document(draw: Draw) -> str:
    """A few sections, in the different ways of writing them."""
    lines: list[str] = []
    for _ in range(draw.choice((1, 1, 2, 3))):
        path = draw.choice(list(SECTIONS))
        hints = hints_of(SECTIONS[path])
        chosen = draw.sample(list(hints), min(len(hints), draw.randrange(4)))
        values = {key: setting(draw, hints[key]) for key in chosen}
        if path[0] == "plugins" and draw.random() < 0.3:
            values["enabled"] = draw.choice((True, False, 1))
        if draw.random() < 0.05:
            values[d.text(draw)] = d.value(draw)
        lines += _section(draw, path, values)
    return draw.choice(("\n", "\n", "\r\n")).join(lines) + "\n"


def _section(draw: Draw, path: tuple[str, ...], values: dict[str, Any]) -> Iterator[str]:
    keys = [toml_key(draw, key) for key in path]
    style = draw.random()
    if style < 0.15:
        yield f"{'.'.join(keys)} = {toml_value(draw, values)}"
        return
    if style < 0.3:
        yield from (
            f"{' . '.join([*keys, toml_key(draw, key)])} = {toml_value(draw, value)}"
            for key, value in values.items()
        )
        return
    header = ".".join(keys)
    yield f"[[{header}]]" if path == ("markets", "delayed") or style < 0.32 else f"[{header}]  # {path[-1]}"
    for key, value in values.items():
        if draw.random() < 0.1:
            yield "# a comment = [with] {signs}"
        yield f"{toml_key(draw, key)} = {toml_value(draw, value)}"


def nested_value(draw: Draw) -> str:
    """Lists or tables as deep as the parsers can go, and a little deeper."""
    levels = draw.choice((1, 15, 16, 17, 100, 300, *range(320, 340), *range(470, 500), 1_000, 3_000))
    opening, closing = draw.choice((("[", "]"), ("{a=", "}"), ("[{a=", "}]")))
    key = draw.choice(
        ("server.listen", "plugins.x.y", "markets.mixed", "x", "users.demo.scopes", "limits.ping_seconds")
    )
    return f"{key} = {opening * levels}{draw.choice(('1', ''))}{closing * levels}"


class ConfigBoundary(Boundary):
    """A file and overrides: `Config`, or `ConfigError`s that name file and line, each in one line."""

    name = "config"
    reaches = frozenset({"accepted", "accepted, with plugin problems", "problems", "not TOML"})

    def __init__(self) -> None:
        in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._folder = tempfile.mkdtemp(prefix="zenithd-fuzz-", dir=in_memory)
        weakref.finalize(self, rmtree, self._folder, ignore_errors=True)
        self._path = Path(self._folder) / "config.toml"
        self._before = Config()

    def make(self, draw: Draw) -> tuple[bytes, dict[str, Any]]:
        overrides: dict[str, Any] = {}
        if draw.random() < 0.15:
            path = draw.choice(list(SECTIONS))
            hints = hints_of(SECTIONS[path])
            key = draw.choice(list(hints))
            overrides[".".join((*path, key))] = setting(draw, hints[key])
        return self._content(draw), overrides

    @staticmethod
    def _content(draw: Draw) -> bytes:
        pick = draw.random()
        if pick < 0.02:
            return nested_value(draw).encode()
        if pick < 0.03:
            return d.damage_bytes(draw, document(draw).encode(errors="surrogatepass"), [b"\xff\xfe", b"\xc3"])
        if pick < 0.06:
            start = draw.randrange(len(SHIPPED))
            return SHIPPED[start : start + draw.choice((200, 600))].encode()
        text = document(draw)
        if pick < 0.27:
            text = d.damage_text(draw, text, TOML_PARTS)
        elif pick < 0.34:
            at = draw.randrange(len(text) + 1)
            text = (
                text[:at] + "".join(draw.choice(TOML_PARTS) for _ in range(draw.randrange(1, 5))) + text[at:]
            )
        return text.encode(errors="surrogatepass")

    def check(self, given: tuple[bytes, dict[str, Any]]) -> str:
        content, overrides = given
        self._path.write_bytes(content)
        config, problems = inspect_readable(self._path, overrides)
        self._check_problems(content, problems)
        if config is None:
            assert len(problems) == 1
            return "not TOML"
        self._check_lines(content)
        if problems:
            return "problems"
        self._check_use(config)
        wrong = [self._check_plugin(content, config, name, struct) for name, struct in PLUGINS.items()]
        return "accepted, with plugin problems" if any(wrong) else "accepted"

    def _check_problems(self, content: bytes, problems: list[ConfigError]) -> None:
        lines = content.decode(errors="replace").replace("\r\n", "\n").split("\n")
        for problem in problems:
            text = str(problem)
            assert len(text.splitlines()) == 1, repr(text)
            assert len(text) < 10_000 + 4 * len(content), text
            assert "expected " in text
            if problem.line is not None:
                assert text.startswith(f"{self._path}:{problem.line}: ")
                assert 1 <= problem.line <= len(lines) + 1, text
                self._check_place(problem, lines)
            else:
                assert text.startswith((f"{self._path}: ", "command line: "))

    @staticmethod
    def _check_place(problem: ConfigError, lines: list[str]) -> None:
        """Some part of the key stands on the line that is named, where it can be compared simply."""
        line = lines[problem.line - 1] if problem.line and problem.line <= len(lines) else "\\"
        if problem.key and not re.search(r'["\[]', problem.key) and "\\" not in line:
            assert any(part in line for part in problem.key.split(".")), (problem.key, line)

    @staticmethod
    def _check_lines(content: bytes) -> None:
        """Every key that the standard library's parser finds has a line."""
        text = content.decode().replace("\r\n", "\n")
        lines, last = find_lines(text), text.count("\n") + 1
        assert all(1 <= line <= last for line in lines.values())
        waiting: list[tuple[KeyPath, Any]] = [((), tomllib.loads(text))]
        while waiting:
            path, value = waiting.pop()
            assert not path or path in lines, path
            if isinstance(value, dict):
                waiting += [((*path, key), inner) for key, inner in value.items()]
            elif isinstance(value, list):
                waiting += [((*path, index), inner) for index, inner in enumerate(value)]

    def _check_use(self, config: Config) -> None:
        """What a start and a reload do with it."""
        host, port = config.address
        host.encode("idna")
        assert 0 <= port <= 65_535
        for path in (config.state_directory, *(config.tls_files or ())):
            os.path.lexists(path / "x")
        assert isinstance(config.disabled_plugins, dict)
        difference = diff_live(self._before, config)
        assert bool(difference) is bool(difference.applied or difference.needs_restart)
        after = with_live(self._before, config)
        assert not diff_live(after, config).applied
        self._before = config

    def _check_plugin(self, content: bytes, config: Config, name: str, struct: type[msgspec.Struct]) -> bool:
        section, problems = config.inspect_section(name, struct)
        self._check_problems(content, problems)
        assert (section is None) is bool(problems)
        return bool(problems)


BOUNDARIES: list[type[Boundary]] = [ConfigBoundary]
