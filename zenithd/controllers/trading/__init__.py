"""The Trading controller (spec zenith-websocket 3.5): orders, and what accounts own.

`desk` (what it needs of the order management system), `visible` (which accounts a user sees), `actions`
(placing, amending and the like), `queries`, `subscriptions`, and `controller`, which has them all.
"""

from zenithd.controllers.trading.controller import TradingController as TradingController
