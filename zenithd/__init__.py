"""A market-data distribution daemon with order routing, speaking the public Zenith protocol.

The layers, in reading order; imports point from later ones to earlier ones only
(`tests/test_architecture.py` holds them to it). *Pure* means synchronous and free of I/O, clock and chance.

* `domain` (pure): the field's nouns and the events a source publishes. Begin here.
* `market` (pure): the state of a market from its events: books, securities, tapes, charts; mixed and
  delayed markets.
* `oms` (pure): orders, accounts and what they own: commands to updates, updates to state and views.
* `vetting` (pure): the rules that orders must pass, in the language Vortex; `vetting_files` reads them.
* `authority`, `sessions` (pure): who may see what; how much a client may take.
* `wire` (pure): the Zenith protocol: codecs, topics, the sans-I/O session, translation from the domain.
* `plugin`: everything that a plugin author imports; finding and loading plugins. `supervisor` runs their
  sources, `watchdog` notices who blocks the loop.
* `history`: trades and bars on disk.
* `journal`: the log of what must never be lost, and how state is derived from it again.
* `bus`: topics, groups of subscribers, outboxes, flushing. The reason to exist.
* `markets`: from a source's batch to frames in outboxes.
* `trading`: the one task that owns the orders, the adapters' feeds, and the operators' REST of accounts.
* `controllers`: answer requests and open subscriptions, one module per Zenith controller.
* `server`: the port: HTTP, TLS, WebSocket connections.
* `rest`: the operators' HTTP interface that plugins offer, served on the same port. `turns`, `garbage`: how
  clients and the garbage collector share the event loop with the markets.
* `config`, `accounts`, `tokens`, `authentication`, `logs`, `metrics` (`collectors`, `open_files`), `status`
  (`report`), `reloading` (`rule_reloading`), `service_manager`: what operators touch.
* `journaling`: the journal that the configuration asks for; `journal_feeds`: plugins' own feeds of it.
* `sources`: what the plugins' market sources are given and how they show; `process`: signals and the end.
* `part_settings`: what each part needs of the configuration.
* `app`: the composition root. `cli`: the commands.
* `testing`: what plugin authors get for their tests. `recording`: zenithd's own recording format.
"""

__version__ = "0.1.0"
