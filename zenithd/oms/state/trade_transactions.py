"""A trade as the Transactions view tells it: money and assets that changed hands on one account. Pure."""

from __future__ import annotations

from zenithd.oms.ledger import Booking
from zenithd.oms.model.orders import OrderState, OrderTradeType
from zenithd.oms.model.transactions import (
    AssetTransfer,
    CashTransfer,
    ClientTransaction,
    SettlementStatus,
    TransactionDetails,
    TransactionType,
)
from zenithd.oms.state.effects import Effects


def trade_transaction(
    effects: Effects,
    order: OrderState,
    booking: Booking,
    type: OrderTradeType = OrderTradeType.TRADE,
    taken_back: bool = False,
) -> ClientTransaction:
    """All transactions of a trade add up to what it counts now.

    The id of a trade is that of its order and its own; what takes it back, or books it again, has the
    UpdateID behind them.
    """
    trade = booking.trade
    transaction_id = f"{order.order_id}/{trade.trade_id}"
    if type is not OrderTradeType.TRADE:
        transaction_id += f"/{effects.update_id}" + ("-" if taken_back else "+")
    sign = -1 if taken_back else 1
    return ClientTransaction(
        type=TransactionType.TRADE,
        details=TransactionDetails(
            transaction_id=transaction_id,
            account=booking.account,
            values={"Price": trade.price, "Quantity": trade.quantity},
            properties={"TradeID": trade.trade_id, "TradeType": type.value, "Side": booking.side.value},
            timestamp=effects.time,
        ),
        cash_transfer=CashTransfer(
            currency=booking.currency,
            value=sign * booking.value,
            additional_funds={name: sign * value for name, value in trade.additional_funds.items()},
            settlement=SettlementStatus.UNBOOKED,
        ),
        asset_transfer=AssetTransfer(
            code=booking.code,
            exchange=booking.exchange,
            value=sign * booking.quantity,
            order_id=order.order_id,
            ex_destination=trade.ex_destination or order.ex_destination,
        ),
    )
