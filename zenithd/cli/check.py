"""`zenithd check`: everything that would stop a start, all at once."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from collections.abc import Iterator, Set
from pathlib import Path

import typer
from pysqlite3 import dbapi2

from zenithd.accounts import load_accounts
from zenithd.cli.common import DEFAULT_CONFIG, EXIT_FAULT, ConfigOption, JsonOption, examples, print_json
from zenithd.config import Config, ConfigError, inspect_readable, unknown_sections
from zenithd.daemon_file import DaemonFile, find_daemon
from zenithd.history.schema import StoreRefused, connect
from zenithd.history.store import HISTORY_FILE
from zenithd.open_files import file_limit_max, file_shortage
from zenithd.plugin.loaded import PluginState
from zenithd.plugin_loading import load_plugins
from zenithd.server.tls import BadCertificate, Certificate, expiry, expiry_reason, make_context
from zenithd.tokens import KEY_FILE, load_key
from zenithd.vetting import InvalidRules
from zenithd.vetting_files import configured_rules

EPILOG = examples("zenithd check", "zenithd check --config market/config.toml --json")


def check(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Look for everything that would stop a start; exit code 2 if there is anything.

    Notes do not stop a start, and are worth a look.
    """
    parsed, problems = inspect_readable(config)
    faults = [str(problem) for problem in problems]
    notes: list[str] = []
    if parsed is not None:
        wrong = {problem.key for problem in problems}
        faults += [*plugin_faults(parsed), *tls_faults(parsed), *vetting_faults(parsed)]
        faults += place_faults(parsed, wrong)
        notes += running_notes(find_daemon(parsed.state_directory))
        if not problems:  # else a note may be on a default that is not meant
            notes += setting_notes(parsed)
    if json:
        print_json({"good": not faults, "faults": faults, "notes": notes})
    else:
        for fault in faults:
            typer.echo(fault, err=True)
        for note in notes:
            typer.echo(f"note: {note}")
        if not faults:
            typer.echo(f"{config}: good")
    if faults:
        raise typer.Exit(EXIT_FAULT)


def plugin_faults(config: Config) -> Iterator[str]:
    """Enabled plugins that cannot be loaded, sections that are wrong, sections without a plugin."""
    manager, reader = load_plugins(config)
    yield from map(str, reader.problems)
    yield from map(str, unknown_sections(config, [plugin.name for plugin in manager.plugins]))
    told = {problem.key.split(".")[1] for problem in reader.problems}
    for plugin in manager.plugins:
        if plugin.state is PluginState.BROKEN and plugin.name not in told:
            error = config.error(f"plugins.{plugin.name}", "a plugin that can be loaded", plugin.reason)
            yield str(error)


def tls_faults(config: Config) -> Iterator[str]:
    """A certificate that cannot be used."""
    if config.tls_files is None:
        return
    chain, key = config.tls_files
    try:
        make_context(Certificate(chain, key))
    except BadCertificate as error:
        yield str(
            config.error("server.tls_certificate", "a certificate and key that belong together", str(error))
        )


def vetting_faults(config: Config) -> Iterator[str]:
    """Rules for orders that cannot be read or used."""
    try:
        configured_rules(config)
    except ConfigError as error:
        yield str(error)
    except InvalidRules as error:
        yield from map(str, error.problems)


def certificate_notes(config: Config) -> Iterator[str]:
    """A certificate that has ended or soon will; one that cannot be used is a fault."""
    if config.tls_files is None:
        return
    with contextlib.suppress(BadCertificate):
        reason = expiry_reason(expiry(config.tls_files[0]), time.time())
        if reason is not None:
            yield f"the TLS certificate must be renewed: {reason}"


def place_faults(config: Config, wrong: Set[str]) -> Iterator[str]:
    """Where the daemon keeps its state and listens; a setting that is `wrong` (dotted keys) has a default
    here, which says nothing of the place that is meant."""
    if not wrong & {"server", "server.state_directory"}:
        yield from store_faults(config)
    if not wrong & {"server", "server.listen"}:
        yield from port_faults(config, find_daemon(config.state_directory))


def store_faults(config: Config) -> Iterator[str]:
    """A state folder that cannot be written, or files in it that cannot be read."""
    folder = config.state_directory
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        remedy = f"correct the kind or owner of {existing} ({error.strerror})"
        yield str(config.error("server.state_directory", "a folder that can be written", remedy))
    if not folder.is_dir():
        return
    try:
        load_accounts(config)
    except ConfigError as error:
        yield str(error)
    try:
        if (folder / KEY_FILE).exists():
            load_key(folder)
    except ConfigError as error:
        yield str(error)
    yield from history_faults(folder / HISTORY_FILE)


def history_faults(path: Path) -> Iterator[str]:
    """A history that cannot be opened; one that does not exist yet is good."""
    if not path.exists():
        return
    try:
        connect(path).close()
    except (StoreRefused, dbapi2.Error) as error:
        yield str(ConfigError(str(path), None, "", "a history that can be opened", str(error)))


def port_faults(config: Config, running: DaemonFile | None) -> Iterator[str]:
    """An address that cannot be listened on, unless it is our own daemon that does."""
    host, port = config.address
    if running is not None and int(running.address.rpartition(":")[2]) == port:
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        yield str(config.listen_error(error))


def running_notes(running: DaemonFile | None) -> Iterator[str]:
    """A daemon that runs with this state folder."""
    if running is not None:
        yield f"a daemon runs with this configuration at {running.address} (process {running.pid})"


def setting_notes(config: Config) -> Iterator[str]:
    """Settings that work, and probably not as wished."""
    host, _ = config.address
    if host not in ("localhost", "::1") and not host.startswith("127.") and config.tls_files is None:
        yield f"{config.server.listen} is open to other machines without TLS: passwords travel in clear"
    shortage = file_shortage(config.limits.connections_max, file_limit_max())
    if shortage is not None:
        yield shortage
    yield from certificate_notes(config)
    for name, user in config.users.items():
        if user.password and not user.loopback_only:
            yield f"users.{name}: the password stands in clear and is accepted from anywhere"
    if not config.users and not (config.state_directory / "users.json").exists():
        yield 'there are no users, so nobody can log in; add one with "zenithd user add NAME"'
