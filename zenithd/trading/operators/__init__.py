"""Operators' REST of accounts: platform A.8 over the commands of the order management system.

`forms` (entities as JSON, in and out), `reading` (bodies become commands), `reads` (what is asked for) and
`routes` (which path does what). Everything is served below `/oms`, beside Market Control's `/market`.
"""

from zenithd.trading.operators.routes import account_routes as account_routes
