"""Market-data state: what the events of a source add up to. Pure: no I/O, no clock, no randomness.

Read in this order: `changes` (what comes out), `view` (the read interface), `order_book` and `level_book`,
`trade_tape`, `chart`, `security`, `venue_instrument` (one instrument), `venue` (one market: events in,
changes out), then the derived markets: `mixed_market`, and `delayed_market` with its `opening`.
"""
