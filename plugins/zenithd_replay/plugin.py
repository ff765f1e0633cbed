"""The replay as a market source."""

from __future__ import annotations

import trio

from zenithd.plugin import MarketSource
from zenithd_replay.config import ReplayConfig
from zenithd_replay.opening import open_files
from zenithd_replay.player import Player


class Replay(MarketSource[ReplayConfig]):
    """Plays recordings as if their markets were live; finished at the end unless it loops."""

    Config = ReplayConfig

    async def run(self) -> None:
        """Open the files, declare their markets, play.

        Raises:
            RecordingError: a file cannot be read from its beginning. Damage further in ends the playing of
                that file and is logged.
            OSError: a file cannot be opened.
            ValueError: the settings do not fit the recording.
        """
        playable = await trio.to_thread.run_sync(open_files, self.config)
        await Player(playable, self.config, self.context).run()
