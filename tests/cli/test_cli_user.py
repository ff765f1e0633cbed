"""`zenithd user`: users of the state folder, hashes for the configuration, tokens."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from cli_support import CHEAP_HASHES, Result, Run

from zenithd.accounts import load_accounts, read_users
from zenithd.config import load
from zenithd.tokens import Claims, TokenSigner, load_key


@pytest.fixture(autouse=True)
def configuration(folder: Path) -> None:
    (folder / "config.toml").write_text(CHEAP_HASHES + '[users.demo]\npassword = "demo"\n')


def check(user: str, password: str) -> bool:
    return load_accounts(load("config.toml")).check_password(user, password, False)


def test_add_and_log_in(zenithd: Run) -> None:
    result = zenithd(
        "user", "add", "anna", "--password-stdin", "--market", "XSX*", "--scope", "Zenith/Market",
        "--display-name", "Anna A.", "--loopback-only", stdin="secret\n",
    )  # fmt: skip
    assert result == Result(0, "Added user anna.\n", "")
    user = read_users(Path("var")).users["anna"]
    assert (user.markets, user.scopes, user.display_name) == (("XSX*",), ("Zenith/Market",), "Anna A.")
    assert user.loopback_only
    assert user.password == ""
    assert load_accounts(load("config.toml")).check_password("anna", "secret", True)


@pytest.mark.parametrize(
    ("arguments", "stdin", "line"),
    [
        (["demo"], "secret\n", "config.toml:4: user demo exists in the configuration\n"),
        (["bob"], "abc\n", "a password has at least 4 characters\n"),
        (["bob"], "", "a password has at least 4 characters\n"),
        (
            ["bob", "--scope", "Zenith/Foo"],
            "secret\n",
            'command line: users.bob.scopes[0]: expected one of "Zenith/Market", "Zenith/News",'
            ' "Zenith/Trading",'
            ' "Zenith/OrderPad", "Zenith/Authorise", "Prodigy/Exchange",'
            ' "Prodigy/Symbol", "Prodigy/Control", "OMS/Operator", "OMS/Alter",'
            ' found "Zenith/Foo"; correct the value\n',
        ),
        (
            ["bob", "--market", "?"],
            "secret\n",
            "command line: users.bob.markets[0]: expected a market code in which one * may stand for"
            " anything,"
            ' found "?"; write for example "XSX*"\n',
        ),
    ],
)
def test_what_cannot_be_added(zenithd: Run, arguments: list[str], stdin: str, line: str) -> None:
    assert zenithd("user", "add", *arguments, "--password-stdin", stdin=stdin) == Result(2, "", line)
    assert "bob" not in read_users(Path("var")).users


def test_no_terminal_to_ask(zenithd: Run) -> None:
    line = "there is no terminal to ask for the password; use --password-stdin\n"
    assert zenithd("user", "add", "bob") == Result(2, "", line)


def test_names_must_be_printable(zenithd: Run) -> None:
    result = zenithd("user", "add", "a\nb", "--password-stdin", stdin="secret\n")
    assert result.code == 2
    assert result.err.count("\n") == 1


def test_add_twice(zenithd: Run) -> None:
    zenithd("user", "add", "anna", "--password-stdin", stdin="secret\n")
    assert zenithd("user", "add", "anna", "--password-stdin", stdin="other\n") == Result(
        2, "", 'user anna exists; change the password with "zenithd user password anna"\n'
    )
    assert check("anna", "secret")


def test_list(zenithd: Run) -> None:
    zenithd("user", "add", "anna", "--password-stdin", stdin="secret\n")
    rows = json.loads(zenithd("user", "list", "--json").out)
    assert [(row["name"], row["source"]) for row in rows] == [("demo", "config.toml"), ("anna", "users.json")]
    assert set(rows[0]) == {
        "name", "display_name", "scopes", "markets", "limited_markets", "broker_markets",
        "cross_reference_markets", "from", "source",
    }  # fmt: skip
    table = zenithd("user", "list").out
    assert "anna" in table
    assert "users.json" in table
    assert "argon2" not in table


def test_list_without_users(zenithd: Run, folder: Path) -> None:
    (folder / "config.toml").write_text("")
    assert zenithd("user", "list").out == 'There are no users; add one with "zenithd user add NAME".\n'
    assert json.loads(zenithd("user", "list", "--json").out) == []


def test_remove(zenithd: Run) -> None:
    zenithd("user", "add", "anna", "--password-stdin", stdin="secret\n")
    assert zenithd("user", "remove", "anna") == Result(0, "Removed user anna.\n", "")
    assert not check("anna", "secret")
    gone = 'there is no user anna; "zenithd user list" shows all\n'
    assert zenithd("user", "remove", "anna") == Result(2, "", gone)
    assert zenithd("user", "remove", "demo").err == (
        "config.toml:4: user demo stands in the configuration; remove the section there\n"
    )


def test_a_name_given_again_does_not_revive_old_tokens(zenithd: Run) -> None:
    zenithd("user", "add", "anna", "--password-stdin", stdin="secret\n")
    token = zenithd("user", "token", "anna").out.strip()
    zenithd("user", "remove", "anna")
    zenithd("user", "add", "anna", "--password-stdin", stdin="secret\n")
    assert not valid(token)


def test_password(zenithd: Run) -> None:
    zenithd("user", "add", "anna", "--password-stdin", stdin="secret\n")
    token = zenithd("user", "token", "anna").out.strip()
    assert zenithd("user", "password", "anna", "--password-stdin", stdin="better\n").code == 0
    assert check("anna", "better")
    assert not check("anna", "secret")
    assert not valid(token)
    assert zenithd("user", "password", "x", "--password-stdin", stdin="secret\n").code == 2
    assert zenithd("user", "password", "demo", "--password-stdin", stdin="secret\n").code == 2
    assert zenithd("user", "password").code == 2


def test_printed_hash_works_in_the_configuration(zenithd: Run, folder: Path) -> None:
    hashed = zenithd("user", "password", "--print-hash", "--password-stdin", stdin="secret\n").out.strip()
    (folder / "config.toml").write_text(f'{CHEAP_HASHES}[users.eve]\npassword_hash = "{hashed}"\n')
    assert check("eve", "secret")


def valid(token: str) -> bool:
    config = load("config.toml")
    signer = TokenSigner(load_key(config.state_directory), config.authentication.token_lifetime_seconds)
    claims = signer.verify(token, time.time_ns())
    return isinstance(claims, Claims) and load_accounts(config).check_token(claims, False)


def test_token_and_its_revocation(zenithd: Run) -> None:
    token = zenithd("user", "token", "demo").out.strip()
    assert valid(token)
    assert zenithd("user", "token", "demo", "--revoke").code == 0
    assert not valid(token)
    assert valid(zenithd("user", "token", "demo").out.strip())


def test_token_as_json_with_scope_and_lifetime(zenithd: Run) -> None:
    result = zenithd("user", "token", "demo", "--json", "--scope", "Zenith/Market", "--lifetime", "60")
    found = json.loads(result.out)
    assert set(found) == {"user", "token", "base64", "expiry"}
    claims = TokenSigner(load_key(Path("var")), 1).verify(found["base64"], time.time_ns())
    assert isinstance(claims, Claims)
    assert claims.scopes == {"Zenith/Market"}
    assert claims.expiry - claims.issued <= 60_000_000_000


def test_token_that_cannot_be_issued(zenithd: Run) -> None:
    assert (
        zenithd("user", "token", "demo", "--scope", "Zenith/Trading").err
        == "demo does not have Zenith/Trading\n"
    )
    assert zenithd("user", "token", "bob").code == 2
    assert zenithd("user", "token", "demo", "--lifetime", "0").code == 2
