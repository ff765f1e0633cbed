"""Orders at work: the shell around the pure order management system (`zenithd.oms`).

In reading order: `reference` (what decisions learn of the markets), `identifiers`, `desk` (the one task that
owns the orders), `publishing` (what subscribers are told), `feeds` and `adapters` (to where orders are
executed), `prices` (for stop orders), `history`, `seed` (accounts of the demonstration), `service`.
"""
