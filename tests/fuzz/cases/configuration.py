"""Kept inputs of config.toml."""

from __future__ import annotations

from typing import Any


def _deep(key: str, levels: int) -> bytes:
    return f"{key} = {'[' * levels}{']' * levels}".encode()


CONFIG: dict[str, tuple[Any, str]] = {
    "found: more digits than Python reads was a traceback": (
        (b"[server]\n\nbacklog = " + b"9" * 5_000, {}),
        "not TOML",
    ),
    "found: so was a number that it reads, but will not write": (
        (b"[server]\nlisten = 0x" + b"f" * 5_000, {}),
        "problems",
    ),
    "found: as an integer within bounds": ((b"[limits]\nnesting_max = 0x" + b"f" * 5_000, {}), "problems"),
    "found: lists so deep that only showing the value failed": (
        (_deep("server.listen", 400), {}),
        "problems",
    ),
    "the same one level before the parser gives up": ((_deep("markets.mixed", 470), {}), "problems"),
    "deeper than the parser goes": ((_deep("x", 3_000), {}), "not TOML"),
    "tables as deep": ((b"x = " + b"{a=" * 2_000 + b"1" + b"}" * 2_000, {}), "not TOML"),
    "a dotted key of a thousand parts": ((b"a." * 1_000 + b"b = 1", {}), "problems"),
    "found: a file name longer than a path can be was a traceback": (
        (b'[server]\ntls_certificate = "' + b"a" * 5_000 + b'"', {}),
        "problems",
    ),
    "found: a NUL in a folder failed when the daemon started": (
        (b'[server]\nstate_directory = "\\u0000"', {}),
        "problems",
    ),
    "found: a NUL in a host": ((b'[server]\nlisten = "a\\u0000b:80"', {}), "problems"),
    "found: a host that no look-up takes": ((b'[server]\nlisten = "a..b:80"', {}), "problems"),
    "found: a label of 64 characters": ((b'[server]\nlisten = "' + b"x" * 64 + b':80"', {}), "problems"),
    "found: a NUL in a path of a plugin": (
        (b'[plugins.replay]\nfiles = ["\\u0000"]', {}),
        "accepted, with plugin problems",
    ),
    "an address with a zone": ((b'[server]\nlisten = "[fe80::1%lo]:80"', {}), "accepted"),
    "a port of five thousand digits": ((b'[server]\nlisten = "h:' + b"9" * 5_000 + b'"', {}), "problems"),
    "infinity": ((b"[limits]\nping_seconds = inf", {}), "problems"),
    "a number that no double holds": ((b"[limits]\nping_seconds = " + b"9" * 400, {}), "problems"),
    "a user whose name has a line break": ((b'[users."a\\nb"]\n', {}), "problems"),
    "an unknown key with a line break": ((b'[server]\n"a\\nb" = 1', {}), "problems"),
    "lines that end with CR and LF": ((b"[server]\r\nlisten = 1\r\n", {}), "problems"),
    "a CR alone": ((b"[server]\rlisten = 1\r", {}), "not TOML"),
    "not UTF-8 on the second line": ((b'[server]\nname = "\xff"', {}), "not TOML"),
    "a byte order mark": ((b"\xef\xbb\xbf[server]\n", {}), "not TOML"),
    "brackets and signs in texts and comments": (
        (b'[server] # [x] = 1\nname = """\n[not]\nx = 1 # """ # " = [\n[limits]\n', {}),
        "accepted",
    ),
    "a table made of an array": ((b"[[server]]\n", {}), "problems"),
    "a text where users are expected": ((b'users = "x"', {}), "problems"),
    "an override through what is no table": ((b"server = 1", {"server.listen": "127.0.0.1:0"}), "accepted"),
    "an override that is wrong": ((b"", {"server.listen": 5}), "problems"),
    "an empty file": ((b"", {}), "accepted"),
}

CASES = {"config": CONFIG}
