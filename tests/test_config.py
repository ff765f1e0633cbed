"""Configuration: every mistake gives one exact line; the shipped file is what the structs say."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from zenithd.config import (
    Config,
    ConfigError,
    SectionReader,
    diff_live,
    inspect,
    inspect_readable,
    load,
    parse_host_port,
    unknown_sections,
    with_live,
)
from zenithd.plugin import PluginConfig


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("config.toml")


def problems(file: Path, text: str, overrides: dict[str, Any] | None = None) -> list[str]:
    file.write_text(text)
    config, found = inspect(file, overrides)
    assert (config is None) == bool(found)
    return [str(problem) for problem in found]


MISTAKES = [
    (
        '[server]\nlisen = "x"\n',
        'config.toml:2: server.lisen: expected a known setting; did you mean "listen"?',
    ),
    ("\n[sever]\n", 'config.toml:2: sever: expected a known setting; did you mean "server"?'),
    (
        "[logging]\nlevel = 3\n",
        'config.toml:2: logging.level: expected one of "debug", "info", "warning", "error", found 3; correct'
        " the value",
    ),
    (
        "[server]\nname = 7",
        "config.toml:2: server.name: expected text, found 7; correct the value",
    ),
    (
        'server = "x"',
        'config.toml:1: server: expected a table, found "x"; correct the value',
    ),
    (
        "[limits]\n\nconnections_max = 0 # none",
        "config.toml:3: limits.connections_max: expected a whole number from 1 to 1000000, found 0;"
        " correct the"
        " value",
    ),
    (
        "limits.connections_max = true",
        "config.toml:1: limits.connections_max: expected a whole number from 1 to 1000000, found true;"
        " correct"
        " the value",
    ),
    (
        "[fanout]\nslice_seconds = nan",
        "config.toml:2: fanout.slice_seconds: expected a number from 0.00001 to 1, found nan; correct"
        " the value",
    ),
    (
        '[server]\nlisten = "localhost"',
        'config.toml:2: server.listen: expected HOST:PORT, found "localhost"; write for example'
        ' "127.0.0.1:8640" or "[::1]:8640"',
    ),
    (
        '[server]\ntrusted_proxies = ["10.0.0.0/8", "10.0.0.300"]',
        "config.toml:2: server.trusted_proxies[1]: expected an IP address or network, found"
        ' "10.0.0.300"; write'
        ' for example "10.0.0.0/8"',
    ),
    (
        '[server]\ntls_certificate = "no.pem"\ntls_key = "config.toml"',
        'config.toml:2: server.tls_certificate: expected a file that exists, found "no.pem"; correct'
        " the name;"
        " it is relative to the configuration file",
    ),
    (
        '[server]\ntls_certificate = "config.toml"',
        "config.toml:1: server.tls_key: expected a file, since tls_certificate is set; set both or"
        " neither for"
        " TLS",
    ),
    (
        '[users.anna]\nscopes = [\n  "Zenith/Market",\n  "Zenith/Foo",\n]',
        'config.toml:4: users.anna.scopes[1]: expected one of "Zenith/Market", "Zenith/News",'
        ' "Zenith/Trading", "Zenith/OrderPad", "Zenith/Authorise", "Prodigy/Exchange",'
        ' "Prodigy/Symbol", "Prodigy/Control", "OMS/Operator", "OMS/Alter",'
        ' found "Zenith/Foo"; correct the value',
    ),
    (
        "[users.anna]\npassword = 12345",
        "config.toml:2: users.anna.password: expected text; correct the value",
    ),
    (
        '[users.anna]\npassword = "a"\npassword_hash = "$argon2id$x"',
        "config.toml:2: users.anna.password: expected either password or password_hash; remove one of them",
    ),
    (
        '[users.anna]\npassword_hash = "abc"',
        "config.toml:2: users.anna.password_hash: expected an Argon2id hash; make one with"
        ' "zenithd user password --print-hash"',
    ),
    (
        '[users.anna]\nmarkets = ["X*Y*"]',
        "config.toml:2: users.anna.markets[0]: expected a market code in which one * may stand for anything,"
        ' found "X*Y*"; write for example "XSX*"',
    ),
    (
        '[users."a\\nb"]\n',
        'config.toml:1: users."a\\nb": expected a user name that can be printed; rename it',
    ),
    (
        '[markets]\nmixed = ["XSY+XSX"]',
        'config.toml:2: markets.mixed[0]: expected a mixed market code, found "XSY+XSX"; write at least two'
        ' markets in alphabetical order, for example "XSX+XSY"',
    ),
    (
        '[markets]\nmixed = ["XSX+XSY", "XSX+XSY[]"]',
        "config.toml:2: markets.mixed[1]: expected each market once, found XSX+XSY again; remove one of them",
    ),
    (
        "[[markets.delayed]]\ndelay_seconds = 60\n",
        "config.toml:1: markets.delayed[0]: expected the setting market (a market code); add it to this"
        " section",
    ),
    (
        '[[markets.delayed]]\nmarket = "XSX"\n[[markets.delayed]]\nmarket = "XSX:"\n',
        "config.toml:4: markets.delayed[1].market: expected each market once, found XSX again; remove one of"
        " them",
    ),
    (
        '[markets]\ndelayed = "XSX"',
        'config.toml:2: markets.delayed: expected a list, each a table, found "XSX"; correct the value',
    ),
    (
        "[limits]\nping_seconds = 70",
        "config.toml:1: limits.idle_seconds: expected a number above ping_seconds (70); raise it or lower"
        " ping_seconds",
    ),
    (
        "[plugin_host]\nbackoff_seconds_min = 5\nbackoff_seconds_max = 1",
        "config.toml:3: plugin_host.backoff_seconds_max: expected a number not below backoff_seconds_min (5);"
        " raise it",
    ),
    (
        "[plugins.prodigy]\nenabled = 1",
        "config.toml:2: plugins.prodigy.enabled: expected true or false, found 1; correct the value",
    ),
    (
        "[plugins]\nprodigy = 1",
        "config.toml:2: plugins.prodigy: expected a table, found 1; correct the value",
    ),
    (
        "[server]\nlisten = \n",
        "config.toml:2: expected TOML, found: Invalid value; correct the line near column 10",
    ),
    (
        "[server\n",
        "config.toml:1: expected TOML, found: Expected ']' at the end of a table declaration; correct"
        " the line"
        " near column 8",
    ),
    (
        "a = 1\na = 2\n",
        "config.toml:2: expected TOML, found: Cannot overwrite a value; correct the line near column 6",
    ),
    ("a = " + "[" * 5000, "config.toml: expected TOML; nest its arrays less deeply"),
]


@pytest.mark.parametrize(("text", "line"), MISTAKES, ids=[text[:30] for text, _ in MISTAKES])
def test_mistake_gives_one_exact_line(file: Path, text: str, line: str) -> None:
    assert problems(file, text) == [line]


def test_missing_file_names_the_remedy(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == (
        'config.toml: expected a configuration file; write one with "zenithd init" or name it with --config'
    )


def test_folder_instead_of_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable file, found: Is a directory; correct that"):
        load(tmp_path)


def test_text_that_is_not_utf8(file: Path) -> None:
    file.write_bytes(b"[server]\n# caf\xe9\n")
    _, found = inspect(file)
    assert [str(problem) for problem in found] == [
        "config.toml:2: expected text in UTF-8; save the file in that encoding"
    ]


def test_all_problems_are_told_in_the_order_of_the_file(file: Path) -> None:
    text = '[server]\nname = 1\nlisten = "x"\n[limits]\nnesting_max = "deep"\nwat = 1\n'
    assert [line.split(": ")[1] for line in problems(file, text)] == [
        "server.name",
        "server.listen",
        "limits.nesting_max",
        "limits.wat",
    ]


def test_load_raises_the_first_and_says_how_many_there_are(file: Path) -> None:
    file.write_text('[server]\nname = 1\nlisten = "x"\n')
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == (
        "config.toml:2: server.name: expected text, found 1; correct the value (1 of 2 problems:"
        ' "zenithd check" lists all)'
    )


def test_empty_file_has_the_defaults(file: Path) -> None:
    file.write_text("")
    config = load(file)
    assert config.server == Config().server
    assert config.address == ("127.0.0.1", 8640)
    assert config.state_directory == Path("var")
    assert config.tls_files is None
    assert config.users == {}


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.pem").touch()
    (tmp_path / "config.toml").write_text('[server]\ntls_certificate = "a.pem"\ntls_key = "a.pem"\n')
    config = load(tmp_path / "config.toml")
    assert config.state_directory == tmp_path / "var"
    assert config.tls_files == (tmp_path / "a.pem", tmp_path / "a.pem")


def test_overrides_stand_above_the_file(file: Path) -> None:
    file.write_text('[server]\nlisten = "127.0.0.1:1"\n[plugins.binance]\nenabled = true\n')
    config = load(
        file, {"server.listen": "[::1]:2", "plugins.binance.enabled": False, "users.x.password": "p"}
    )
    assert config.address == ("::1", 2)
    assert config.users["x"].password == "p"
    assert config.disabled_plugins == {"binance": "by the command line", "replay": "by default"}


def test_mistake_in_an_override_blames_the_command_line(file: Path) -> None:
    assert problems(file, "", {"server.listen": "nowhere"}) == [
        'command line: server.listen: expected HOST:PORT, found "nowhere"; write for example'
        ' "127.0.0.1:8640" or'
        ' "[::1]:8640"'
    ]


def test_which_plugins_are_disabled(file: Path) -> None:
    file.write_text("[plugins.prodigy]\nenabled = false\n[plugins.replay]\nspeed = 2\n")
    assert load(file).disabled_plugins == {"binance": "by default", "prodigy": "by the configuration"}


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("127.0.0.1:8640", ("127.0.0.1", 8640)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
    ],
)
def test_addresses(text: str, parsed: tuple[str, int]) -> None:
    assert parse_host_port(text) == parsed


@pytest.mark.parametrize(
    "text", ["", ":1", "a:", "a:b", "a:65536", "a:-1", "::1:80", "[::1]", "[x]:1", "a:²"]
)
def test_texts_that_are_no_addresses(text: str) -> None:
    with pytest.raises(ValueError):
        parse_host_port(text)


def test_errors_found_later_point_to_the_line_too(file: Path) -> None:
    file.write_text('[server]\nname = "x"\nlisten = "127.0.0.1:1"\n')
    config = load(file)
    assert str(config.listen_error(OSError(errno.EADDRINUSE, "Address already in use"))) == (
        "config.toml:3: server.listen: expected a free port, but 127.0.0.1:1 is in use; stop the program that"
        " uses it, or choose another with --listen"
    )
    assert "a port that this user may open" in str(config.listen_error(OSError(errno.EACCES, "")))
    assert "an address of this machine" in str(config.listen_error(OSError(errno.EADDRNOTAVAIL, "")))
    assert "Name or service not known" in str(config.listen_error(OSError(-2, "Name or service not known")))


class InnerConfig(msgspec.Struct, frozen=True):
    """A table inside a plugin's section."""

    market: Annotated[str, msgspec.Meta(extra_json_schema={"format": "market"})] = "XX"
    speed: Annotated[float, msgspec.Meta(gt=0, lt=24)] = 1.0


class DemoConfig(PluginConfig, frozen=True):
    """A plugin's section."""

    zone: Annotated[str, msgspec.Meta(extra_json_schema={"format": "time-zone"})] = "UTC"
    url: Annotated[str, msgspec.Meta(extra_json_schema={"format": "url"})] = "ws://x"
    inner: InnerConfig = InnerConfig()
    files: str | tuple[str, ...] = ()
    folder: Path = Path()
    size: Literal[5, 10] = 5
    symbols: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()
    limit: int | None = None
    low: int = 0
    high: int = 1

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low not above high")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            'zone = "Mars/Base"',
            'plugins.demo.zone: expected an IANA time zone, found "Mars/Base"; write for example'
            ' "Australia/Sydney"',
        ),
        ('url = "x"', None),
        ("inner.speed = 24", "plugins.demo.inner.speed: expected a number above 0 and below 24, found 24;"),
        (
            'inner = { market = "A+B" }',
            'plugins.demo.inner.market: expected a market code, found "A+B"; write for example "XSX"',
        ),
        ("files = 3", "plugins.demo.files: expected text or a list of texts, found 3; correct the value"),
        ("folder = 3", "plugins.demo.folder: expected a path, found 3; correct the value"),
        ("size = 7", "plugins.demo.size: expected one of 5, 10, found 7; correct the value"),
        (
            'symbols = ["a", ""]',
            'plugins.demo.symbols[1]: expected text of at least 1 characters, found ""; correct the value',
        ),
        (
            'limit = "x"',
            'plugins.demo.limit: expected a whole number or nothing, found "x"; correct the value',
        ),
        ("low = 5", "config.toml:1: plugins.demo: expected low not above high; correct this section"),
        ("sise = 5", 'plugins.demo.sise: expected a known setting; did you mean "size"?'),
    ],
)
def test_plugin_sections_get_the_same_lines(file: Path, text: str, line: str | None) -> None:
    file.write_text(f"[plugins.demo]\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        load(file).parse_section("demo", DemoConfig)
    assert (line or "expected a URL") in str(caught.value)
    assert str(caught.value).startswith(("config.toml:2: ", "config.toml:1: "))


def test_plugin_section_without_mistakes(file: Path, tmp_path: Path) -> None:
    file.write_text(
        '[plugins.demo]\nenabled = true\nfiles = ["a"]\nfolder = "f"\n[plugins.demo.inner]\nspeed = 2\n'
    )
    section = load(file).parse_section("demo", DemoConfig)
    assert section.inner == InnerConfig(speed=2.0)
    assert section.files == ("a",)
    assert section.folder == Path("f")


def test_plugin_without_section_has_its_defaults(file: Path) -> None:
    assert Config().parse_section("demo", DemoConfig) == DemoConfig()


def test_section_reader_remembers_all_problems(file: Path) -> None:
    file.write_text("[plugins.demo]\nsize = 1\nlimit = 1.5\n")
    reader = SectionReader(load(file))
    with pytest.raises(ConfigError):
        reader("demo", DemoConfig)
    assert [problem.key for problem in reader.problems] == ["plugins.demo.size", "plugins.demo.limit"]


class NeedyConfig(PluginConfig, frozen=True):
    name: Annotated[str, msgspec.Meta(extra_json_schema={"required_when_enabled": True})] = ""
    count: int = 1


@pytest.mark.parametrize("text", ["[plugins.needy]", "[plugins.needy]\nname = ''"])
def test_what_an_enabled_plugin_needs(file: Path, text: str) -> None:
    file.write_text(f"{text}\ncount = 'x'\n")
    section, found = load(file).inspect_section("needy", NeedyConfig)
    assert section is None
    line = text.count("\n") + 1
    assert [str(problem) for problem in found] == [
        f'config.toml:{line + 1}: plugins.needy.count: expected a whole number, found "x"; correct the value',
        f"config.toml:{line}: plugins.needy.name: expected text, not empty while the plugin is enabled; fill"
        " it in, or set enabled = false",
    ]
    file.write_text(f"{text}\nenabled = false\n")
    assert load(file).parse_section("needy", NeedyConfig) == NeedyConfig()
    file.write_text("[plugins.needy]\nname = 'n'\n")
    assert load(file).parse_section("needy", NeedyConfig).name == "n"


def test_what_is_readable_beside_mistakes(file: Path) -> None:
    file.write_text(
        "[server]\nname = 'N'\nlisten = 5\ntls_key = 'missing'\n[users.a]\nodd = 1\nloopback_only = true\n"
        "[limits]\nidle_seconds = 20\nping_seconds = 'x'\n[markets]\ndelayed = [{market = 1}]\n"
        "[plugins.p]\nenabled = 3\nown = 4\n"
    )
    config, found = inspect_readable(file)
    assert [problem.key for problem in found] == [
        "server.listen",
        "server.tls_key",
        "users.a.odd",
        "limits.ping_seconds",
        "markets.delayed[0].market",
        "plugins.p.enabled",
    ]
    assert config is not None
    assert (config.server.name, config.server.listen) == ("N", Config().server.listen)
    assert config.users["a"].loopback_only
    assert config.limits.idle_seconds == 20
    assert config.markets.delayed == ()
    assert config.plugins["p"].table == {"own": 4}
    assert inspect(file)[0] is None
    file.write_text("no TOML")
    assert inspect_readable(file)[0] is None


def test_sections_of_plugins_that_are_not_installed(file: Path) -> None:
    file.write_text("[plugins.prodgy]\n[plugins.other]\n[plugins.gone]\nenabled = false\n")
    assert [str(problem) for problem in unknown_sections(load(file), ["prodigy", "binance"])] == [
        'config.toml:1: plugins.prodgy: expected an installed plugin; did you mean "prodigy"?',
        "config.toml:2: plugins.other: expected an installed plugin; install it or set enabled = false",
    ]


def changed(file: Path, before: str, after: str) -> tuple[Config, Config]:
    file.write_text(before)
    old = load(file)
    file.write_text(after)
    return old, load(file)


def test_reload_names_what_applies_and_what_needs_a_restart(file: Path) -> None:
    old, new = changed(
        file,
        "[users.a]\n[users.b]\n",
        '[server]\nlisten = "127.0.0.1:1"\n[users.a]\ndisplay_name ='
        ' "A"\n[users.c]\n[limits]\nnesting_max = 10\n'
        '[logging]\nlevel = "debug"\nformat = "json"\n[plugins.demo]\nx = 1\n',
    )
    difference = diff_live(old, new)
    assert difference.applied == ("users.a", "users.b", "users.c", "limits.nesting_max", "logging.level")
    assert difference.needs_restart == ("server.listen", "logging.format", "plugins.demo")


def test_reload_keeps_what_needs_a_restart(file: Path) -> None:
    old, new = changed(
        file,
        "",
        '[server]\nlisten = "127.0.0.1:1"\norigins = []\n[limits]\nnesting_max ='
        " 10\n[users.a]\n[plugins.demo]\n",
    )
    merged = with_live(old, new)
    assert merged.server.listen == old.server.listen
    assert merged.server.origins == ()
    assert merged.limits.nesting_max == 10
    assert set(merged.users) == {"a"}
    assert merged.plugins == {}
    assert diff_live(merged, new).applied == ()


def test_nothing_changed(file: Path) -> None:
    old, new = changed(file, "[server]\n", "# a comment\n[server]\n")
    assert not diff_live(old, new)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[server]\n\nbacklog = " + "9" * 5_000,
            "config.toml:3: expected numbers of a few digits; shorten the number",
        ),
        (
            "[limits]\nnesting_max = 0x1" + "0" * 5_000,
            "config.toml:2: limits.nesting_max: expected a whole number from 4 to 500, found 0x1" + "0" * 57,
        ),
        (
            "[server]\nlisten = " + "[" * 400 + "]" * 400,
            "config.toml:2: server.listen: expected HOST:PORT, found [[[[[[[[[[[[[[[[…]]]]]]]]]]]]]]]]",
        ),
        (
            '[server]\ntls_certificate = "' + "a" * 5_000 + '"',
            "config.toml:2: server.tls_certificate: expected a file that exists, found",
        ),
        (
            '[server]\nstate_directory = "a\\u0000"',
            "config.toml:2: server.state_directory: expected a folder",
        ),
        ('[server]\nlisten = "a\\u0000b:80"', "config.toml:2: server.listen: expected HOST:PORT, found"),
        ('[server]\nlisten = "a..b:80"', "config.toml:2: server.listen: expected HOST:PORT, found"),
    ],
)
def test_extreme_values_are_mistakes_like_others(file: Path, text: str, expected: str) -> None:
    """Each of these was a traceback once, when the file was read or when the daemon started."""
    (first, *_) = problems(file, text)
    assert first.startswith(expected)


def test_a_path_of_a_plugin_without_meaning(file: Path) -> None:
    class Replay(PluginConfig, frozen=True):
        file: Path = Path()

    file.write_text('[plugins.x]\nfile = "a\\u0000"\n')
    with pytest.raises(ConfigError, match=r"config.toml:2: plugins.x.file: expected a path, found"):
        load(file).parse_section("x", Replay)


@pytest.mark.parametrize("levels", range(300, 520, 5))
def test_no_depth_is_a_traceback(file: Path, levels: int) -> None:
    """Tables and lists as deep as the parser goes, and a little deeper."""
    for opening, closing in (("[", "]"), ("{a=", "}")):
        assert problems(file, f"x = {opening * levels}1{closing * levels}")
