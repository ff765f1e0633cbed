"""Orders at work: the shell around the pure order management system (`zenithd.oms`).

In reading order: `reference` (what decisions learn of the markets), `publishing` (what subscribers are told),
`identifiers`, `desk` (the one task that owns the orders).
"""
