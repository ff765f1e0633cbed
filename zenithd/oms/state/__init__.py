"""What the order management system holds, derived from its updates and from nothing else. Pure.

    state = OmsState()
    reason = check(update, state)        # None: it may be applied
    events = state.apply(kept)           # the only way to change it
    snapshot = state.view(View.ORDERS, targets)

In reading order: `held` (the attributes), `effects` (how positions change, and what is told),
`order_changes`, `request_changes`, `transaction_changes`, `directory_changes`, `transforms` with `renames`
and `account_renames` (one function for each kind of update), `retention` and `finished` (what is kept of
what is over), `checks` (what is refused), `views`, `checkpoint`, `history` (the state as at an earlier
time), `state` (all of it together).
"""

from zenithd.oms.state.checks import check as check
from zenithd.oms.state.finished import request_digest as request_digest
from zenithd.oms.state.held import Limits as Limits
from zenithd.oms.state.history import as_at as as_at
from zenithd.oms.state.state import InvalidUpdate as InvalidUpdate
from zenithd.oms.state.state import OmsState as OmsState
from zenithd.oms.state.views import Targets as Targets
from zenithd.oms.state.views import concerns as concerns
