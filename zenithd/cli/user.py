"""`zenithd user …`: users kept in the state folder, and tokens of all users."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import msgspec
import typer

from zenithd.accounts import USERS_FILE, change_users, make_hasher, read_users
from zenithd.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    OperatorFault,
    examples,
    print_json,
    print_table,
)
from zenithd.config import Config, UserSettings, is_user_name, load, parse_values
from zenithd.tokens import TokenSigner, load_key

PASSWORD_LENGTH_MIN = 4
"""Shorter ones are refused here; the demonstration's own has four."""

app = typer.Typer(
    help="Users and tokens. A running daemon takes changes over at once.",
    epilog=examples("zenithd user add anna", "zenithd user token anna --lifetime 3600", "zenithd user list"),
    no_args_is_help=True,
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.", show_default=False)]
StandardInputOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")
]


@app.command(epilog=examples("zenithd user add anna --scope Zenith/Market --market 'XSX*'"))
def add(
    name: NameArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    password_stdin: StandardInputOption = False,
    display_name: Annotated[str, typer.Option(help="Name that the user is shown.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="A right, such as Zenith/Market; repeat for more.", show_default=False),
    ] = None,
    market: Annotated[
        list[str] | None,
        typer.Option(help="A market the user sees, such as XSX or 'XSX*'.", show_default=False),
    ] = None,
    limited_market: Annotated[
        list[str] | None, typer.Option(help="A market seen with limited fields only.", show_default=False)
    ] = None,
    broker_market: Annotated[
        list[str] | None, typer.Option(help="A market in which brokers are seen.", show_default=False)
    ] = None,
    cross_reference_market: Annotated[
        list[str] | None,
        typer.Option(help="A market in which cross references are seen.", show_default=False),
    ] = None,
    loopback_only: Annotated[bool, typer.Option(help="Let the user log in from this machine only.")] = False,
) -> None:
    """Add a user with a password."""
    settings = load(config)
    if not is_user_name(name):
        raise OperatorFault(f"{name!r} cannot name a user: it must be readable, without blanks at its ends")
    lists = {
        "scopes": scope,
        "markets": market,
        "limited_markets": limited_market,
        "broker_markets": broker_market,
        "cross_reference_markets": cross_reference_market,
    }
    given: dict[str, Any] = {key: values for key, values in lists.items() if values}
    parse_values(given, UserSettings, ("users", name))  # a wrong right is told before a password is asked for
    _refuse_configured(settings, name, "exists in the configuration")
    if name in read_users(settings.state_directory).users:
        raise OperatorFault(f'user {name} exists; change the password with "zenithd user password {name}"')
    hashed = make_hasher(settings.authentication).hash(_read_password(password_stdin))
    given |= {"password_hash": hashed, "display_name": display_name, "loopback_only": loopback_only}
    user = parse_values(given, UserSettings, ("users", name))
    with change_users(settings.state_directory) as stored:
        if name in stored.users:
            raise OperatorFault(f"user {name} was added by somebody else meanwhile")
        stored.users[name] = user
    typer.echo(f"Added user {name}.")


@app.command("list", epilog=examples("zenithd user list --json"))
def list_users(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """List the users of the configuration and those added here."""
    settings = load(config)
    stored = read_users(settings.state_directory)
    rows = [_describe(name, user, settings.source.file.name) for name, user in settings.users.items()]
    rows += [
        _describe(name, user, USERS_FILE) for name, user in stored.users.items() if name not in settings.users
    ]
    if json:
        print_json(rows)
        return
    columns = ("name", "display_name", "scopes", "markets", "limited_markets", "from", "source")
    print_table(
        ("Name", "Display name", "Scopes", "Markets", "Limited", "From", "Kept in"),
        [[_cell(row[column]) for column in columns] for row in rows],
        empty='There are no users; add one with "zenithd user add NAME".',
    )


@app.command(epilog=examples("zenithd user remove anna"))
def remove(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Remove a user; connections of theirs lose their rights at once."""
    settings = load(config)
    _refuse_configured(settings, name, "stands in the configuration; remove the section there")
    with change_users(settings.state_directory) as stored:
        if stored.users.pop(name, None) is None:
            raise OperatorFault(_unknown(name))
        stored.tokens_not_before[name] = time.time_ns()  # should somebody get the name again
    typer.echo(f"Removed user {name}.")


@app.command(epilog=examples("zenithd user password anna", "zenithd user password --print-hash"))
def password(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Name of the user.", show_default=False)] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    password_stdin: StandardInputOption = False,
    print_hash: Annotated[
        bool, typer.Option("--print-hash", help="Only print a hash for password_hash in the configuration.")
    ] = False,
) -> None:
    """Change a password, or make the hash of one for the configuration."""
    settings = load(config)
    if print_hash:
        typer.echo(make_hasher(settings.authentication).hash(_read_password(password_stdin)))
        return
    if not name:
        raise OperatorFault('name a user, or use "zenithd user password --print-hash"')
    _refuse_configured(settings, name, "stands in the configuration; change password_hash there")
    if name not in read_users(settings.state_directory).users:
        raise OperatorFault(_unknown(name))
    hashed = make_hasher(settings.authentication).hash(_read_password(password_stdin))
    with change_users(settings.state_directory) as stored:
        if name not in stored.users:
            raise OperatorFault(_unknown(name))
        stored.users[name] = msgspec.structs.replace(stored.users[name], password="", password_hash=hashed)
        stored.tokens_not_before[name] = time.time_ns()
    typer.echo(f"Changed the password of {name}; tokens issued before are no longer valid.")


@app.command(epilog=examples("zenithd user token demo --lifetime 3600", "zenithd user token demo --revoke"))
def token(
    name: NameArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    lifetime: Annotated[
        int | None,
        typer.Option(help="Seconds until it expires; by default as configured.", min=1, show_default=False),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="Limit the token to this right; repeat for more.", show_default=False),
    ] = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Make all tokens issued so far invalid instead.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Print an access token for the header (Bearer) or AuthToken, or revoke all tokens of a user."""
    settings = load(config)
    user = settings.users.get(name) or read_users(settings.state_directory).users.get(name)
    if user is None:
        raise OperatorFault(_unknown(name))
    if revoke:
        with change_users(settings.state_directory) as stored:
            stored.tokens_not_before[name] = time.time_ns()
        typer.echo(f"All tokens of {name} issued until now are invalid.")
        return
    missing = set(scope or ()) - set(user.scopes)
    if missing:
        raise OperatorFault(f"{name} does not have {', '.join(sorted(missing))}")
    signer = TokenSigner(load_key(settings.state_directory), settings.authentication.token_lifetime_seconds)
    issued = signer.issue(name, scope or user.scopes, time.time_ns(), lifetime)
    if json:
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(issued.expiry // 1_000_000_000))
        print_json({"user": name, "token": issued.text, "base64": issued.base64_text, "expiry": expiry})
    else:
        typer.echo(issued.text)


def _describe(name: str, user: UserSettings, source: str) -> dict[str, Any]:
    return {
        "name": name,
        "display_name": user.display_name or name,
        "scopes": list(user.scopes),
        "markets": list(user.markets),
        "limited_markets": list(user.limited_markets),
        "broker_markets": list(user.broker_markets),
        "cross_reference_markets": list(user.cross_reference_markets),
        "from": "loopback" if user.loopback_only else "anywhere",
        "source": source,
    }


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _refuse_configured(config: Config, name: str, what: str) -> None:
    if name in config.users:
        place = config.source.error(("users", name), "", "")
        raise OperatorFault(f"{place.file}:{place.line}: user {name} {what}")


def _unknown(name: str) -> str:
    return f'there is no user {name}; "zenithd user list" shows all'


def _read_password(from_standard_input: bool) -> str:
    if from_standard_input:
        text = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        text = typer.prompt("Password", hide_input=True, confirmation_prompt="Password again", err=True)
    else:
        raise OperatorFault("there is no terminal to ask for the password; use --password-stdin")
    if len(text) < PASSWORD_LENGTH_MIN:
        raise OperatorFault(f"a password has at least {PASSWORD_LENGTH_MIN} characters")
    return text
