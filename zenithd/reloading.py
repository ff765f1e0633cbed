"""Takes a changed configuration over while the daemon runs: on SIGHUP, or when a watched file changes.

The whole new file is validated before anything changes; what cannot change live is named in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog
import watchfiles

from zenithd.accounts import USERS_FILE
from zenithd.config import Config, ConfigError, diff_live, load, with_live
from zenithd.config.convert import key_text
from zenithd.vetting_files import rule_files

DEBOUNCE_MILLISECONDS = 200
STEP_MILLISECONDS = 50

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class Reloader:
    """Watches the configuration, the stored users, the certificate and the files of vetting rules.

    Args:
        config: what the daemon runs with now.
        apply: takes over a validated configuration; may raise ConfigError, then nothing has changed.
        finished: told after each time whether it was taken over.
    """

    def __init__(
        self, config: Config, apply: Callable[[Config], None], finished: Callable[[bool], None]
    ) -> None:
        self._config = config
        self._apply = apply
        self._finished = finished

    def reload(self) -> bool:
        """Read everything again; True if it was taken over. Never raises for what stands in the files."""
        taken_over = self._reload()
        self._finished(taken_over)
        return taken_over

    def _reload(self) -> bool:
        source = self._config.source
        overrides = {key_text(path): value for path, value in source.overrides.items()}
        try:
            new = load(source.file, overrides)
            _refuse_emptied(self._config, new)
            difference = diff_live(self._config, new)
            merged = with_live(self._config, new)
            self._apply(merged)
        except ConfigError as error:
            # The operator's fault: the line says all, a traceback would only hide it.
            log.error("configuration not taken over", error=str(error))  # noqa: TRY400
            return False
        self._config = merged
        if difference.needs_restart:
            log.warning("settings that need a restart", settings=list(difference.needs_restart))
        log.info("configuration taken over", changed=list(difference.applied))
        return True

    async def run(self) -> None:
        """Reload whenever a watched file changes, until cancelled."""
        seen = self._look()
        async for _ in watchfiles.awatch(
            *self._folders(),
            watch_filter=None,
            debounce=DEBOUNCE_MILLISECONDS,
            step=STEP_MILLISECONDS,
            recursive=False,
            raise_interrupt=False,
        ):
            now = self._look()
            if now != seen:
                seen = now
                self.reload()

    def _names(self) -> set[Path]:
        names = {self._config.state_directory / USERS_FILE, self._config.source.file}
        names.update(self._config.tls_files or ())
        names.update(rule_files(self._config))
        return {name.absolute() for name in names}

    def _folders(self) -> set[Path]:
        """Folders are watched, not files: editors replace files, and a replaced file is another one.

        Also those through which symbolic links lead: certificates are often renewed by a link that is set
        to a new file, or to a new folder.
        """
        found = {name.parent for name in self._names()}
        found |= {folder.resolve() for folder in found} | {name.resolve().parent for name in self._names()}
        return {folder for folder in found if folder.is_dir()}

    def _look(self) -> dict[Path, tuple[int, ...]]:
        """What tells a file from what it was before; links are followed."""
        looks: dict[Path, tuple[int, ...]] = {}
        for name in self._names():
            try:
                found = name.stat()
            except OSError:
                continue
            looks[name] = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
        return looks


def _refuse_emptied(before: Config, after: Config) -> None:
    """Who saves a file may empty it first: all users would lose their rights in between.

    Raises:
        ConfigError: nothing stands in it any more.
    """
    if before.source.lines and not after.source.lines:
        remedy = "nothing stands in it: save it again, or restart for the defaults"
        raise ConfigError(str(before.source.file), None, "", "settings", remedy)
