"""What the parts of one plugin give each other: its market source what its adapter needs, say."""

from __future__ import annotations

from collections import defaultdict

import trio


class Shared:
    """At most one object at a time; who needs it waits for it."""

    def __init__(self) -> None:
        self._offered: object | None = None
        self._changed = trio.Event()

    def offer(self, thing: object) -> None:
        """Let the other parts have this, until it is withdrawn or another one is offered."""
        self._offered = thing
        self._tell()

    def withdraw(self) -> None:
        """What is offered is of no use any more."""
        self._offered = None
        self._tell()

    async def wait_offered(self) -> object:
        """The object, as soon as there is one."""
        while self._offered is None:
            await self._changed.wait()
        return self._offered

    async def wait_withdrawn(self, thing: object) -> None:
        """Return as soon as this object is not, or no longer, the one that is offered."""
        while self._offered is thing:
            await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class SharedByPlugin(defaultdict[str, Shared]):
    """One for each plugin, by its name."""

    def __init__(self) -> None:
        super().__init__(Shared)
