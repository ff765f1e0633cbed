"""Takes changed vetting rules over: read and compiled in a thread, used once they are good."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog
import trio

from zenithd.config import Config, ConfigError
from zenithd.quiet_threads import QuietThreads
from zenithd.vetting import InvalidRules, RuleSets
from zenithd.vetting_files import compiled, configured_sources

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class RuleReloader:
    """Reads the rules whenever it is asked to; rules that cannot be used leave the old ones in force.

    Args:
        config: what the rules in use were read by.
        use: takes rules over; called on the loop, between two requests.
        finished: told after each attempt at changed rules whether they were taken over.

    Raises:
        ConfigError: the files of the rules in use cannot be read.
    """

    def __init__(
        self, config: Config, use: Callable[[RuleSets], None], finished: Callable[[bool], None]
    ) -> None:
        self._used = (configured_sources(config), config.vetting)
        self._use = use
        self._finished = finished
        self._wanted = config
        self._asked = trio.Event()

    def ask(self, config: Config) -> None:
        """Something has changed: look at the rules by this configuration."""
        self._wanted = config
        self._asked.set()

    async def run(self) -> None:
        """Read rules when asked, until cancelled."""
        threads = QuietThreads(1, "vetting rules")
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            config = self._wanted
            try:
                read = (await threads.run(partial(configured_sources, config)), config.vetting)
                if read == self._used:
                    continue
                rules = await threads.run(partial(compiled, *read))
            except (ConfigError, InvalidRules) as error:
                # The operator's fault: the line says all, a traceback would only hide it.
                log.error("vetting rules not taken over, the old ones apply", error=str(error))  # noqa: TRY400
                self._finished(False)
                continue
            self._used = read
            self._use(rules)
            log.info("vetting rules taken over", sets=[one.name for one in rules.sets])
            self._finished(True)
