"""The order management system: what clients ask for, what became of it, and what they own.

Updates, kept in one order, are the only truth; orders, balances, holdings and requests are derived from them.

In reading order: `model` (the entities); `reserves`, `ledger` and `state` (what updates do); `commands` (what
can be asked, and what comes of it), `lifecycle` (the table of requests), `reference` and `rules` (what
decisions need from outside), `refusals`, `codes`, `words`; `turn` (one decision in the making); `fields`,
`proposing`, `routing`, `conditions`, then `placing`, `amending`, `cancelling`, `queues` (what clients ask),
`following` (what exchanges say), `triggering` (prices), `operating` (operators, and what falls due), `agenda`
(what is to be found quickly), `fees`; `oms` is all of it together. `streaming`, `feeds`, `supplying` and
`evidence` are the two ends of a feed.
"""
