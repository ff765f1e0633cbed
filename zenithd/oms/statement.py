"""An order as a feed tells it, and as it is known: one order. Pure.

An adapter tells what the place of execution knows. What that has nowhere to keep (fees, classification, how
the order was routed, which kind of sale it is) is left out, and stays as it is known.
"""

from __future__ import annotations

import msgspec

from zenithd.oms.model.orders import OrderState, Side


def completed_with(told: OrderState, known: OrderState) -> OrderState:
    """The told order, with what only the known one has.

    Told are always: account, terms, execution, status, errors, the exchange's id and the last request. Of the
    rest what is told empty stays as it is known; of values and properties each name by itself.
    """
    return msgspec.structs.replace(
        told,
        side=known.side if _is_sale(told) and _is_sale(known) else told.side,
        code=told.code or known.code,
        exchange=told.exchange or known.exchange,
        currency=told.currency or known.currency,
        ex_destination=told.ex_destination or known.ex_destination,
        external_id=told.external_id or known.external_id,
        request_id=told.request_id or known.request_id,
        group=told.group or known.group,
        cfi_code=told.cfi_code or known.cfi_code,
        additional_funds=told.additional_funds or known.additional_funds,
        executed_additional_funds=told.executed_additional_funds or known.executed_additional_funds,
        fee_codes=told.fee_codes or known.fee_codes,
        ids=told.ids or known.ids,
        values={**known.values, **told.values},
        properties={**known.properties, **told.properties},
        created=known.created or told.created,
        remove_after=known.remove_after if told.remove_after is None else told.remove_after,
    )


def _is_sale(order: OrderState) -> bool:
    return order.side is not Side.BUY
